"""The two loops as kernels for NVIDIA's Hopper GPUs, in Mosaic, JAX's own language for them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep
from recurrax.engine.kernel.hopper.planner import SHARD, Sizes, padded_units, plan
from recurrax.engine.kernel.loops import Problem
from recurrax.engine.kernel.reference import Plain

FIRST_JAX = (0, 11, 2)
"""The oldest JAX whose Mosaic takes the kernels."""


@dataclasses.dataclass(frozen=True)
class Mosaic:
    """The language of Hopper GPUs; where a run is placed on another device, it is executed by `Plain`."""

    def unavailable(self):
        if jax.__version_info__ < FIRST_JAX:
            return f"kernels need jax {'.'.join(map(str, FIRST_JAX))} or newer, this is {jax.__version__}"
        if jax.default_backend() != "gpu":
            return f"there are kernels for NVIDIA GPUs only, and JAX runs on {jax.default_backend()}"
        device = jax.devices()[0]
        capability = str(getattr(device, "compute_capability", "unknown"))
        if not capability.startswith("9."):
            return f"kernels need compute capability 9 (Hopper), {device.device_kind} has {capability}"
        return None

    def refusal(self, step, sizes, dtype):
        if dtype not in (jnp.bfloat16, jnp.float16, jnp.float32):
            return f"kernels multiply bfloat16, float16 and float32 (as TF32), not {jnp.dtype(dtype).name}"
        precision = jax.config.jax_default_matmul_precision  # pyright: ignore[reportAttributeAccessIssue]
        if dtype == jnp.float32 and precision not in (None, "default", "fastest", "tensorfloat32", "bfloat16"):
            return f"kernels multiply float32 as TF32, and jax_default_matmul_precision is {precision!r}"
        layout = plan(sizes)
        if isinstance(layout, str):
            return layout
        try:
            self.lower(step, sizes, dtype)
        except Exception as error:  # Mosaic has no common class of errors, and every one means the same here
            message = str(error).strip().partition("\n")[0]
            return f"Mosaic of jax {jax.__version__} does not take it ({type(error).__name__}: {message})"
        return None

    def forward(self, step, problem):
        return self._run("forward", step, problem)

    def backward(self, step, problem, before, products, cotangents):
        return self._run("backward", step, problem, before, products, cotangents)

    def _run(self, loop: str, step: ElementwiseStep, problem: Problem, *rest: Any):
        layout = plan(_sizes(problem))
        plain = functools.partial(getattr(Plain(), loop), step)
        if isinstance(layout, str):  # mapped over more models than fit
            return plain(problem, *rest)
        kernel = functools.partial(_kernels()[loop], step, layout)
        return jax.lax.platform_dependent(problem, *rest, cuda=kernel, default=plain)

    def lower(self, step: ElementwiseStep, sizes: Sizes, dtype: jax.typing.DTypeLike) -> list[str]:
        """Lowers both kernels for a GPU, here or elsewhere, and returns their texts.

        Raises:
          ValueError: there is no plan for these sizes.
          Exception: whatever Mosaic raises where it does not take a kernel.
        """
        layout = plan(sizes)
        if isinstance(layout, str):
            raise ValueError(f"There is no plan: {layout}.")
        # The kernels are the same for any number of steps.
        problem, *rest = shapes(step, sizes._replace(steps=min(sizes.steps, 16)), dtype)
        arguments = {"forward": (problem,), "backward": (problem, *rest)}
        lowered = []
        for loop, kernel in _kernels().items():
            traced = jax.jit(functools.partial(kernel, step, layout)).trace(*arguments[loop])
            lowered.append(traced.lower(lowering_platforms=("cuda",)).as_text())
        return lowered


def _kernels() -> dict[str, Callable]:
    # Pallas, in a version that may not have what they ask for, is imported when they are wanted.
    from recurrax.engine.kernel.hopper.backward import backward
    from recurrax.engine.kernel.hopper.forward import forward

    return {"forward": forward, "backward": backward}


def shapes(step: ElementwiseStep, sizes: Sizes, dtype: jax.typing.DTypeLike) -> tuple:
    """Returns what `backward` is given, as shapes and dtypes; the first of it is what `forward` is given."""
    units = padded_units(sizes.units, sizes.gates, sizes.itemsize)

    def lanes(count: int, dtype: jax.typing.DTypeLike, *lead: int) -> Any:
        return tuple(jax.ShapeDtypeStruct((*lead, sizes.shards, units, SHARD), dtype) for _ in range(count))

    counts = step.counts
    blocks: Any = tuple(jax.ShapeDtypeStruct((step.heads, gates, units, units), dtype) for gates in sizes.gates)
    wide, steps = jnp.float32, sizes.steps
    problem = Problem(
        z=lanes(counts.z, dtype, steps),
        constants=lanes(counts.constants, wide),
        carry=lanes(counts.carry, wide),
        weights=blocks,
    )
    products = tuple(lanes(gates, dtype, steps) for gates in sizes.gates)
    return problem, lanes(counts.carry, wide, steps), products, lanes(counts.carry, wide, steps)


def _sizes(problem: Problem) -> Sizes:
    length, shards, units, _ = problem.z[0].shape
    gates = tuple(w.shape[1] for w in problem.weights)
    return Sizes(length, shards, units, gates, problem.z[0].dtype.itemsize)
