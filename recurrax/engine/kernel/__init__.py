"""The whole time loop in one kernel, whose elementwise part is traced from any cell.

A run goes through these files:

* `executor` is the door. It refuses what cannot be run.
* `cut/` knows no device. `elementwise_step` traces a step and cuts it at its products; `registers` translates what is
  left to instructions, `heads` brings the weights into one form, `evaluation` runs what was traced at another shape.
* `problem` brings a run into the layout of an implementation, with `groups`, and its states back.
* `derivative` says what the derivatives of the states are, in terms of two loops over time.
* `implementation` says what executes the two loops, `devices` which one does here. `reference` does it anywhere, in
  plain JAX; `hopper/` does it on NVIDIA's Hopper GPUs.
"""
