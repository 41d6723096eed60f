"""The whole time loop in one GPU kernel, whose elementwise part is traced from any cell.

`executor` is the door. A run goes through these files in this order: `elementwise` cuts the cell's step at its
products, `planner` decides how it is laid out on the chip, `shards` brings arrays into that layout, `recurrence` gives
the derivative, and a `language` executes the two loops over time, forward and backward: `mosaic` on a Hopper GPU,
`plain` anywhere.
"""
