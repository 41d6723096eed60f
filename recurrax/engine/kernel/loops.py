"""What a kernel language has to give: the loop over time, forward and backward, for a step that was cut."""

from typing import NamedTuple, Protocol

import jax
from jaxtyping import Array, Float

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep, Lanes
from recurrax.engine.kernel.hopper.planner import Sizes

Weights = tuple[Float[Array, "W G D D"], ...]
"""Per product the blocks `[to, from]` of G gates; shard s takes those of number s // (S / W)."""


class Problem(NamedTuple):
    """A run in the layout of `shards`: lanes of all steps are `[T, S, D, 8]`, S shards of 8 examples and D units.

    `z` and `weights` have the dtype in which products are done, `constants` and `carry` at least float32.
    """

    z: Lanes
    constants: Lanes
    carry: Lanes
    weights: Weights


class Language(Protocol):
    """Executes the two loops; static and hashable."""

    def unavailable(self) -> str | None:
        """Says why it cannot be used here, as the end of a sentence; None where it can."""
        ...

    def refusal(self, step: ElementwiseStep, sizes: Sizes, dtype: jax.typing.DTypeLike) -> str | None:
        """Says why it cannot execute a run; None where it can."""
        ...

    def forward(self, step: ElementwiseStep, problem: Problem) -> Lanes:
        """Returns s_1 to s_T, in the dtype of the carry."""
        ...

    def backward(
        self, step: ElementwiseStep, problem: Problem, before: Lanes, products: tuple[Lanes, ...], cotangents: Lanes
    ) -> Lanes:
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
