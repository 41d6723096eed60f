"""The spectral radius of a matrix."""

import jax
import jax.numpy as jnp


def spectral_radius(matrix: jax.Array, squarings: int = 24) -> jax.Array:
    """Returns the largest modulus of an eigenvalue of a square matrix, by Gelfand's formula.

        rho(A) = lim ||A^n||^(1/n),  n = 2^squarings by repeated squaring with the scale kept apart

    Products only, so that it runs on every device and under `jit`, where an eigenvalue solver may not.
    """
    norm = jnp.linalg.norm(matrix)

    def square(state, _):
        unit, log_norm, power = state
        unit = unit @ unit
        norm = jnp.linalg.norm(unit)
        safe = jnp.where(norm > 0, norm, 1)
        return (unit / safe, log_norm + jnp.log(norm) / (2 * power), 2 * power), None

    start = (matrix / jnp.where(norm > 0, norm, 1), jnp.log(norm), jnp.ones((), matrix.dtype))
    (_, log_radius, _), _ = jax.lax.scan(square, start, length=squarings)
    return jnp.exp(log_radius)
