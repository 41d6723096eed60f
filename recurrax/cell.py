"""The contract that every recurrent cell keeps: pure functions over an explicit parameter pytree.

Letters for shapes, here and everywhere: T time steps, B batch axes (any number, none included), D input features,
H hidden units, K distance in time. Time comes first, features last: `xs` is `[T, *B, D]`.

A cell is written once. Executors, masks, Flax modules and measurements are derived from the methods below, and know
no cell by name.
"""

import abc
import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recurrax._util import checks

Params = Any
"""What `init` draws and an optimiser changes: a NamedTuple of arrays."""
Weights = Any
"""What a run works with: `prepare(params)`, by default the parameters themselves."""
Carry = Any
"""The state s_t: all that the next step needs of the past, a NamedTuple of arrays `[*B, ...]`."""
Projected = Any
"""What a step needs of x_t alone: a NamedTuple of arrays `[*B, ...]`, one per gate."""
Gates = Any
"""Information about a step: a NamedTuple of activated gates `[*B, H]`; no part of the state."""
Dot = Callable[..., jax.Array]
"""A bilinear product `dot(operand, weight, op=jnp.dot)`."""


def dot(operand: jax.Array, weight: jax.Array, op: Callable[[jax.Array, jax.Array], jax.Array] = jnp.dot) -> jax.Array:
    """Multiplies what depends on the carry by a weight; an executor may pass its own in this one's place.

    Args:
      operand: `[*B, N]`, depends on the carry.
      weight: `[N, M]` for the default `op`; depends on neither carry nor input.
      op: any bilinear function of the two, e.g. a convolution.

    Returns:
      `op(operand, weight)`, `[*B, M]`.
    """
    return op(operand, weight)


def layer_key(key: jax.Array | None, n: int) -> jax.Array | None:
    """Returns the key of layer n of a composition in depth, from the key of the whole."""
    return None if key is None else jax.random.fold_in(key, n)


def features_of(x: Any) -> jax.Array:
    """Returns the features of x_t, without the time step that may come with them."""
    return jax.tree.leaves(x)[0]


def with_features(x: Any, features: jax.Array) -> Any:
    """Returns x_t with other features."""
    leaves, structure = jax.tree.flatten(x)
    return structure.unflatten([features, *leaves[1:]])


def _broadcasting(method: Callable[..., Any]) -> Callable[..., Any]:
    """Returns a method that adds `b [H]` to `W x [*B, H]` whatever `jax_numpy_rank_promotion` says."""

    @functools.wraps(method)
    def broadcasting(*args: Any, **kwargs: Any) -> Any:
        with jax.numpy_rank_promotion("allow"):
            return method(*args, **kwargs)

    return broadcasting


def _with_key_checked(init: Callable[..., Params]) -> Callable[..., Params]:
    """Returns `init`, which names its key where that is none: JAX would speak of an argument of its own."""

    @functools.wraps(init)
    def checked(self: Any, key: jax.Array, *args: Any, **kwargs: Any) -> Params:
        checks.required_key(key)
        return init(self, key, *args, **kwargs)

    return checked


class Cell(abc.ABC):
    """A recurrent cell: frozen hyper-parameters, and pure functions of parameters, state and input.

    A subclass is a frozen dataclass of hyper-parameters that compare and hash by value. It gives `init`,
    `initial_carry`, `project` and `step`, and overrides the other methods where their default does not fit.
    Every method takes any leading batch axes, none included, and keeps the dtype of the weights.

    Its equations broadcast, a bias over the batch axes for one, whatever `jax_numpy_rank_promotion` is set to.

    The properties from `layers` to `log_units` are its traits. What is the same for all instances is a constant of
    the class, `linear: ClassVar[bool] = True`; what hyper-parameters decide is a property again. A field may bear the
    name of a trait if it has a default.
    """

    @property
    def layers(self) -> tuple["Cell", ...]:
        """The cells of a composition in depth, which executors unroll layer by layer; of any other cell, none.

        Weights and carry are then tuples with an entry per layer, and the output of a layer is the input of the next.
        """
        return ()

    @property
    def linear(self) -> bool:
        """Whether the step is diagonal, and affine in the carry: s_t = a_t * s_{t-1} + b_t."""
        return False

    @property
    def diagonal(self) -> bool:
        """Whether a unit of the new carry depends on the same unit of the same field of the old one, and on no other.

        A linear cell does.
        """
        return self.linear

    @property
    def input_ndim(self) -> int:
        """Feature axes of x_t (of its first leaf, if it is a pytree); what stands before them are batch axes."""
        return 1

    @property
    def draws_parameters(self) -> bool:
        """False for a cell whose `init` cannot be called, so that parameters cannot be checked against it."""
        return True

    @property
    def clips_gradients(self) -> bool:
        """Whether the backward pass is no linear function of the gradient, which measurements rely on."""
        return False

    @property
    def signed_gates(self) -> tuple[str, ...]:
        """Fields of `gates` that lie in (-1, 1), as a candidate does; the others lie in (0, 1)."""
        return ()

    @property
    def log_units(self) -> tuple[str, ...]:
        """Fields of the carry that are logarithms of the units of others: nobody mixes them with what they were."""
        return ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        jax.tree_util.register_static(cls)
        for name, value in list(vars(cls).items()):
            if inspect.isfunction(value) and not name.startswith("__"):
                setattr(cls, name, _broadcasting(_with_key_checked(value) if name == "init" else value))

    @abc.abstractmethod
    def init(self, key: jax.Array, input_size: int) -> Params:
        """Draws the parameters for inputs of `input_size` features, in JAX's default float dtype."""

    @abc.abstractmethod
    def initial_carry(self, weights: Weights, batch_shape: tuple[int, ...] = ()) -> Carry:
        """Returns s_0, with arrays of shape `[*batch_shape, ...]` in the dtype of the weights."""

    @abc.abstractmethod
    def project(self, weights: Weights, x: Any, key: jax.Array | None = None) -> Projected:
        """Computes all that the step needs of x_t alone, so that an executor may do it for many steps at once.

        Args:
          weights: what `prepare` returned.
          x: the input, `[*B, D]`.
          key: randomness of this step; None where the cell is to behave deterministically.
        """

    @abc.abstractmethod
    def step(self, weights: Weights, carry: Carry, z: Projected, dot: Dot = dot) -> Carry:
        """Returns s_t from s_{t-1} and the projected input, and nothing else.

        Products of something carry-dependent with a weight go through `dot`, at the top level of the function: an
        executor passes its own in order to defer the weight's gradient.
        """

    def prepare(self, params: Params, *, key: jax.Array | None = None, batch_shape: tuple[int, ...] = ()) -> Weights:
        """Computes once per run what all its steps share, e.g. the matrix exponential of an orthogonal cell."""
        del key, batch_shape
        return params

    def output(self, weights: Weights, carry: Carry, z: Projected) -> Any:
        """Returns y_t from the new carry, `[*B, ...]`; nothing of it may bypass the state. Default: `carry.h`."""
        del weights, z
        return carry.h

    def gates(self, weights: Weights, carry: Carry, z: Projected, dot: Dot = dot) -> Gates | None:
        """Returns the activated gates of the step that leaves `carry`; None for a cell without gates."""
        del weights, carry, z, dot
        return None

    def retention(self, gates: Gates) -> jax.Array | None:
        """Returns the share of the old state that the step keeps, `[*B, H]` in (0, 1): f of an LSTM, 1 - z of a GRU.

        None where the cell has no such gate. The share is the derivative of c (h, in a cell that has no c) by itself,
        unit by unit, with the gates and all products held, at a state and candidates of zero. A subclass that changes
        the step gives its own.
        """
        del gates
        return None

    def zero_input(self, input_size: int) -> Any:
        """Returns x_t as zeros, without batch axes: `[D]`, or what the cell takes in its place."""
        return jnp.zeros(input_size)

    def input_size(self, params: Params) -> int | None:
        """Returns D as the parameters fix it, so that a wrong input is named; None where they do not.

        Default: the rows of the field `w_x`, if there is one.
        """
        shape = getattr(getattr(params, "w_x", None), "shape", ())
        return shape[0] if shape else None


def layer_input(layer: Cell, x: Any, y: Any) -> Any:
    """Returns the input of a layer: the output y_t below it, with the time step of x_t if the layer takes one."""
    takes = jax.tree.structure(layer.zero_input(1))
    return with_features(x, y) if takes.num_leaves > 1 and takes == jax.tree.structure(x) else y


def check_cell(cell: Any) -> None:
    """Raises a TypeError unless `cell` is an instance of `Cell` that JAX takes for no other one."""
    if not isinstance(cell, Cell):
        if isinstance(getattr(cell, "cell", None), Cell):  # a layer, which prints over many lines
            raise TypeError(f"cell must be a recurrax Cell, got a layer. Give the cell inside, {cell.cell!r}.")
        hint = "Make an instance, e.g. LSTM(hidden_size=32). " if isinstance(cell, type) else ""
        raise TypeError(
            f"cell must be a recurrax Cell, got {checks.brief(cell)}. {hint}from_step makes one from a step function."
        )
    checks.compares_by_value("cell", cell)


def check_measurable(cell: Any) -> None:
    """Raises unless `cell` is an instance of `Cell` whose gradients can be measured at any scale.

    Raises:
      TypeError: it is no `Cell`.
      ValueError: it clips gradients.
    """
    check_cell(cell)
    if cell.clips_gradients:
        raise ValueError(
            f"cell must not clip gradients, got {cell!r}: measurements scale gradients, and so would be clipped "
            "elsewhere. Measure without the clip, or differentiate unroll."
        )
