"""The executor: any cell whose step is elementwise around its products, in one kernel per direction."""

import dataclasses
import math

import jax

from recurrax._util.float_leaves import float_leaves
from recurrax.engine.executor import Executor
from recurrax.engine.kernel.cut.elementwise_step import elementwise_step
from recurrax.engine.kernel.cut.evaluation import NotElementwiseError
from recurrax.engine.kernel.derivative import states
from recurrax.engine.kernel.devices import implementation_here
from recurrax.engine.kernel.implementation import Implementation
from recurrax.engine.kernel.problem import carry_of, groups_of, problem_of, workload_of
from recurrax.engine.products import refusal
from recurrax.engine.run import emit_all, in_processing_order, project_all, without_number
from recurrax.engine.scan import Scan


@dataclasses.dataclass(frozen=True)
class Kernel(Executor):
    """Runs all steps in one kernel that keeps the recurrent weights on the chip (Diamos et al. 2016).

    The elementwise part of the kernel is traced from the cell; its backward pass is the derivative of that. What is
    multiplied is rounded to the dtype of the run (in float32 to TF32), everything else is done in float32. Where a run
    does not fit, or the device is none for which there are kernels, another executor takes its place, and `explain`
    says why.

    Attributes:
      implementation: of the kernels; None for the one that goes with the device that JAX runs on.
    """

    implementation: Implementation | None = None

    falls_back = True

    def refusal(self, run):
        implementation = self.implementation or implementation_here()
        unavailable = implementation.unavailable()
        if unavailable is not None:
            return unavailable
        dtypes = {a.dtype for a in (*jax.tree.leaves(run.carry), *float_leaves((run.weights, run.inputs.x)))}
        if len(dtypes) != 1:
            return f"parameters, inputs and carry have different dtypes ({', '.join(sorted(map(str, dtypes)))})"
        if run.length == 0 or math.prod(run.batch_shape) == 0:
            return "there is nothing to run"
        nested = refusal(run)
        if nested is not None:
            return nested
        try:
            step = elementwise_step(run)
        except NotElementwiseError as error:
            return str(error)
        if step.counts.z == 0:
            return "its step takes nothing of the input"
        return implementation.refusal(step, workload_of(step, run))

    def __call__(self, run):
        if jax.config.jax_disable_jit:  # pyright: ignore[reportAttributeAccessIssue]
            return Scan()(run)
        forwards = run.forwards()
        step, z, lost = elementwise_step(forwards), project_all(forwards), forwards.inputs.lost
        z = z if lost is None else without_number(lost, z)
        implementation, workload = self.implementation or implementation_here(), workload_of(step, forwards)
        groups = groups_of(workload, implementation.layout(workload))
        found = states(implementation, step, problem_of(step, forwards, z, groups))
        found = carry_of(found, forwards, groups)
        final = jax.tree.map(lambda s: s[-1], found)
        return final, in_processing_order(emit_all(forwards, found, z), run.reverse)
