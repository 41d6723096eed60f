"""The two loops as kernels for NVIDIA's Hopper GPUs, in Mosaic, JAX's own language for them."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from recurrax.engine.kernel.cut.elementwise_step import ElementwiseStep
from recurrax.engine.kernel.groups import Groups
from recurrax.engine.kernel.hopper.plan import EXAMPLES, Plan, Sizes, make_plan, padded_units
from recurrax.engine.kernel.implementation import Layout, Problem, Workload
from recurrax.engine.kernel.reference import Reference

FIRST_JAX = (0, 11, 2)
"""The oldest JAX whose Mosaic takes the kernels."""


@dataclasses.dataclass(frozen=True)
class Hopper:
    """Executes the loops on Hopper GPUs; where a run is placed on another device, `Reference` does."""

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

    def layout(self, workload):
        return Layout(EXAMPLES, padded_units(workload.units, workload.gates, jnp.dtype(workload.dtype).itemsize))

    def refusal(self, step, workload):
        dtype = workload.dtype
        if dtype not in (jnp.bfloat16, jnp.float16, jnp.float32):
            return f"kernels multiply bfloat16, float16 and float32 (as TF32), not {jnp.dtype(dtype).name}"
        precision = jax.config.jax_default_matmul_precision  # pyright: ignore[reportAttributeAccessIssue]
        if dtype == jnp.float32 and precision not in (None, "default", "fastest", "tensorfloat32", "bfloat16"):
            return f"kernels multiply float32 as TF32, and jax_default_matmul_precision is {precision!r}"
        plan = self.plan(workload)
        if isinstance(plan, str):
            return plan
        try:
            self.lower(step, workload)
        except Exception as error:  # Mosaic has no common class of errors, and every one means the same here
            message = str(error).strip().partition("\n")[0]
            return f"Mosaic of jax {jax.__version__} does not take it ({type(error).__name__}: {message})"
        return None

    def forward(self, step, problem):
        return self._run("forward", step, problem)

    def backward(self, step, problem, before, products, cotangents):
        return self._run("backward", step, problem, before, products, cotangents)

    def _run(self, loop: str, step: ElementwiseStep, problem: Problem, *rest: Any):
        plan = make_plan(_sizes(problem))
        elsewhere = functools.partial(getattr(Reference(), loop), step)
        if isinstance(plan, str):  # mapped over more models than fit
            return elsewhere(problem, *rest)
        kernel = functools.partial(_kernels()[loop], step, plan)
        return jax.lax.platform_dependent(problem, *rest, cuda=kernel, default=elsewhere)

    def plan(self, workload: Workload) -> Plan | str:
        """Returns how a run is laid out on the chip, or the reason why it cannot be, as the end of a sentence."""
        groups = Groups(workload.batch, workload.heads, workload.units, self.layout(workload)).count
        itemsize = jnp.dtype(workload.dtype).itemsize
        return make_plan(Sizes(workload.steps, groups, workload.units, workload.gates, itemsize))

    def lower(self, step: ElementwiseStep, workload: Workload) -> list[str]:
        """Lowers both kernels for a GPU, here or elsewhere, and returns their texts.

        Raises:
          ValueError: there is no plan for this run.
          Exception: whatever Mosaic raises where it does not take a kernel.
        """
        plan = self.plan(workload)
        if isinstance(plan, str):
            raise ValueError(f"There is no plan: {plan}.")
        # The kernels are the same for any number of steps.
        problem, *rest = self._shapes(step, workload._replace(steps=min(workload.steps, 16)))
        arguments = {"forward": (problem,), "backward": (problem, *rest)}
        lowered = []
        for loop, kernel in _kernels().items():
            traced = jax.jit(functools.partial(kernel, step, plan)).trace(*arguments[loop])
            lowered.append(traced.lower(lowering_platforms=("cuda",)).as_text())
        return lowered

    def _shapes(self, step: ElementwiseStep, workload: Workload) -> tuple:
        """Returns what `backward` is given, as shapes and dtypes; the first of it is what `forward` is given."""
        layout, counts, dtype, wide = self.layout(workload), step.counts, workload.dtype, jnp.float32
        groups = Groups(workload.batch, workload.heads, workload.units, layout).count

        def arrays(count: int, dtype: jax.typing.DTypeLike, *lead: int) -> Any:
            shape = (*lead, groups, layout.units, layout.examples)
            return tuple(jax.ShapeDtypeStruct(shape, dtype) for _ in range(count))

        def weight(gates: int) -> Any:
            return jax.ShapeDtypeStruct((workload.heads, gates, layout.units, layout.units), dtype)

        problem = Problem(
            z=arrays(counts.z, dtype, workload.steps),
            constants=arrays(counts.constants, wide),
            carry=arrays(counts.carry, wide),
            weights=tuple(map(weight, workload.gates)),
        )
        products = tuple(arrays(gates, dtype, workload.steps) for gates in workload.gates)
        of_states = arrays(counts.carry, wide, workload.steps)
        return problem, of_states, products, of_states


def _kernels() -> dict[str, Callable]:
    # Pallas, in a version that may not have what they ask for, is imported when they are wanted.
    from recurrax.engine.kernel.hopper.backward import backward
    from recurrax.engine.kernel.hopper.forward import forward

    return {"forward": forward, "backward": backward}


def _sizes(problem: Problem) -> Sizes:
    length, groups, units, _ = problem.z[0].shape
    gates = tuple(w.shape[1] for w in problem.weights)
    return Sizes(length, groups, units, gates, problem.z[0].dtype.itemsize)
