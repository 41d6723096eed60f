"""The whole time loop in one GPU kernel, whose elementwise part is traced from any cell.

`executor` is the door. A run goes through these files in this order: `elementwise` cuts the cell's step at its products
(by `lanes` and `tracing`), `blocks` takes their weights, `shards` brings arrays into the layout of the kernel,
`derivative` says what a gradient is, and a `language` executes the two loops over time: `mosaic` on a Hopper GPU (with
`planner`, `packing`, `forward`, `backward`, `frame`, `exchange`, `substitution`, `hopper`), `plain` anywhere.
"""
