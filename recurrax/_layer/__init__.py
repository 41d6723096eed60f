"""What the layers of `recurrax.linen` and `recurrax.nnx` share; those only hold the parameters. No Flax here."""
