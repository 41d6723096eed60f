"""What an implementation of the kernels has to give: the two loops over time, for a step that was cut.

An implementation belongs to one kind of device and has a folder of its own here. It asks for the layout that suits the
device, says which runs it takes, and executes the loops; everything else is the same for all of them.
"""

from typing import NamedTuple, Protocol

import jax
from jaxtyping import Array, Float

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, PerUnit

Weights = tuple[Float[Array, "W G D D"], ...]
"""Per product the weights `[to, from]` of G gates; group n takes those of number n // (N / W)."""


class Workload(NamedTuple):
    """What a run asks for."""

    steps: int
    batch: int
    heads: int
    units: int
    """Units of a head."""
    gates: tuple[int, ...]
    """Gates of every product in a step."""
    dtype: jax.typing.DTypeLike
    """Of the run, in which products are done."""


class Layout(NamedTuple):
    """How an implementation wants its arrays: in groups of E examples and D units, `[..., N, D, E]`."""

    examples: int
    """E."""
    units: int
    """D: the units of a head, and those that fill it up."""


class Problem(NamedTuple):
    """A run in that layout: arrays of all steps are `[T, N, D, E]`, those of the run `[N, D, E]`.

    `z` and `weights` have the dtype in which products are done, `constants` and `carry` at least float32.
    """

    z: PerUnit
    constants: PerUnit
    carry: PerUnit
    weights: Weights


class Implementation(Protocol):
    """Executes the two loops; static and hashable."""

    def unavailable(self) -> str | None:
        """Says why it cannot be used here, as the end of a sentence; None where it can."""
        ...

    def layout(self, workload: Workload) -> Layout:
        """Returns the layout that it wants."""
        ...

    def refusal(self, step: ElementwiseStep, workload: Workload) -> str | None:
        """Says why it cannot execute a run; None where it can."""
        ...

    def forward(self, step: ElementwiseStep, problem: Problem) -> PerUnit:
        """Returns s_1 to s_T, in the dtype of the carry."""
        ...

    def backward(
        self,
        step: ElementwiseStep,
        problem: Problem,
        before: PerUnit,
        products: tuple[PerUnit, ...],
        cotangents: PerUnit,
    ) -> PerUnit:
        """Returns the adjoints, computed from the last step to the first.

            lambda_T = cotangent_T,    lambda_t = cotangent_t + (ds_{t+1} / ds_t)^T lambda_{t+1}.

        Args:
          step: the step.
          problem: the run; its `carry` is not needed.
          before: s_0 to s_{T-1}.
          products: the gates of every product, of all steps, in the dtype of `z`.
          cotangents: of s_1 to s_T, in the dtype of the carry.
        """
        ...
