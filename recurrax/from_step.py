"""A cell made from any step function, for instance from the `apply` of a Flax cell."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from recurrax._util import checks
from recurrax.cell import Carry, Cell, Params, dot


class StepCarry(NamedTuple):
    """State of a cell whose output is no function of its carry: the output travels with it."""

    carry: Any
    y: Any


def from_step(
    step: Callable[[Params, Carry, Any], tuple[Carry, Any]],
    initial_carry: Callable[[Params, tuple[int, ...]], Carry],
    *,
    output: Callable[[Params, Carry], Any] | None = None,
    example: Any = None,
    init: Callable[[jax.Array, int], Params] | None = None,
    input_ndim: int = 1,
) -> Cell:
    """Turns a step function into a `Cell`, so that everything that works on cells works on it.

    The functions become fields of the cell, and cells are compared by value: pass functions defined once, at module
    level say, since a new lambda makes a new cell, which `jit` traces again.

    >>> class Decay(NamedTuple):
    ...     rate: jax.Array
    >>> def leaky_sum(params, h, x):
    ...     h = params.rate * h + x
    ...     return h, h
    >>> cell = from_step(leaky_sum, lambda params, batch: jnp.zeros((*batch, 1)), output=lambda params, h: h)
    >>> carry, ys = unroll(cell, Decay(jnp.array(0.5)), jnp.ones((3, 1)))
    >>> ys[:, 0].tolist()
    [1.0, 1.5, 1.75]

    Args:
      step: `(params, carry, x) -> (carry, y)` with any leading batch axes, as Flax cells' `apply` has it.
      initial_carry: `(params, batch_shape) -> carry`.
      output: `(params, new carry) -> y`. Give it wherever y can be told from the new carry, as in most cells (h of an
        LSTM): the state is then the carry alone. Without it the state is `StepCarry(carry, y)`.
      example: an input x_t without batch axes (an array or `ShapeDtypeStruct`, or a pytree of them); needed without
        `output` to tell the shape of y.
      init: `(key, input_size) -> params`, if the cell is to draw its own parameters.
      input_ndim: feature axes of x_t.

    Raises:
      TypeError: a function is not callable.
      ValueError: neither `output` nor `example` is given, or `init` of the cell is called and was not given.
    """
    for name, value in {"step": step, "initial_carry": initial_carry}.items():
        if not callable(value):
            raise TypeError(f"{name} must be a function, got {value!r}.")
    for name, value in {"output": output, "init": init}.items():
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be a function, got {value!r}.")
    if type(input_ndim) is not int:
        raise TypeError(f"input_ndim must be an integer (int), got {input_ndim!r}.")
    if input_ndim < 0:
        raise ValueError(f"input_ndim must be at least 0, got {input_ndim}.")
    checks.arrays("example", example)
    if output is None and example is None:
        raise ValueError(
            "output or example must be given, got neither: output tells y from the new carry, example is an input x_t "
            "without batch axes, from which the shape of y is found."
        )
    specs, treedef = jax.tree.flatten(example)
    example_specs = tuple(jax.ShapeDtypeStruct(jnp.shape(leaf), leaf.dtype) for leaf in specs)
    return StepCell(step, initial_carry, output, (example_specs, treedef), init, input_ndim)


@dataclasses.dataclass(frozen=True)
class StepCell(Cell):
    """What `from_step` returns; it calls the functions that it was given."""

    step_function: Callable
    initial_carry_function: Callable
    output_function: Callable | None
    example: tuple[tuple[jax.ShapeDtypeStruct, ...], Any]
    init_function: Callable | None
    input_ndim: int = 1

    @property
    def draws_parameters(self) -> bool:
        return self.init_function is not None

    def init(self, key, input_size):
        if self.init_function is None:
            raise ValueError("init was not given to from_step: bring the parameters, or give from_step(..., init=...).")
        return self.init_function(key, input_size)

    def initial_carry(self, weights, batch_shape=()):
        carry = self.initial_carry_function(weights, batch_shape)
        checks.arrays("initial_carry", carry)
        if self.output_function is not None:
            return carry
        specs, treedef = self.example
        x = treedef.unflatten([jax.ShapeDtypeStruct((*batch_shape, *s.shape), s.dtype) for s in specs])
        _, y = jax.eval_shape(self._carry_and_y, weights, carry, x)
        return StepCarry(carry, jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), y))

    def project(self, weights, x, key=None):
        return x

    def step(self, weights, carry, z, dot=dot):
        if self.output_function is not None:
            return self._carry_and_y(weights, carry, z)[0]
        return StepCarry(*self._carry_and_y(weights, carry.carry, z))

    def _carry_and_y(self, weights, carry, x):
        both = self.step_function(weights, carry, x)
        if not isinstance(both, (tuple, list)) or len(both) != 2:
            raise TypeError(f"step must return a pair, (carry, y), got {checks.brief(both)}.")
        return both

    def output(self, weights, carry, z):
        if self.output_function is None:
            return carry.y
        return self.output_function(weights, carry)

    def input_size(self, params):
        return None
