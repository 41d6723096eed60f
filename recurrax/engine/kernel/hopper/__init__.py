"""The two loops over time as kernels for NVIDIA's Hopper GPUs.

`implementation` is the door. `plan` lays a run out on the chip, `weight_rows` orders the weights accordingly. `forward`
and `backward` are the kernels: a `time_loop` each, whose products are a `distributed_product`. `substitution` puts code
that Mosaic knows in the place of what it does not. `mosaic/` is all that touches Mosaic's unstable API.
"""
