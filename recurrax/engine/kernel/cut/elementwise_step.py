"""A step of a cell cut at its products into elementwise functions, which a kernel can run on any part of the units.

The step is traced once, for one example, and translated to instructions on registers (`registers`). What depends on
the weights alone is computed before the loop. A step that mixes the units in another way than by `dot`, by a sum over
them for one, cannot be cut.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from recurrax._util.float_leaves import at_least_float32, is_float
from recurrax.cell import Weights
from recurrax.engine.jaxprs import Static
from recurrax.engine.kernel.cut.evaluation import NotElementwiseError
from recurrax.engine.kernel.cut.heads import head_count, output_order
from recurrax.engine.kernel.cut.registers import Instruction, Source, Translator, needed
from recurrax.engine.products import Product, given_products, products_of_step
from recurrax.engine.run import Inputs, Run, project_all, transition_by_unit

PerUnit = tuple[jax.Array, ...]
"""Arrays of one shape, whatever it is: each holds one number per unit, for all examples and steps at hand."""


def _as_it_is(function: Callable) -> Callable:
    return function


class Stage(NamedTuple):
    """A product of one operand with the weights of several gates."""

    operand: int
    """The register of what is multiplied, one number per unit."""
    products: tuple[int, ...]
    """Which products of the step these are, in the order of its calls."""
    gates: tuple[int, ...]
    """The registers that receive the results, one number per unit each."""


class Counts(NamedTuple):
    """How many arrays with a number per unit the arguments of a step are."""

    constants: int
    carry: int
    z: int


@dataclasses.dataclass(frozen=True, eq=False)
class ElementwiseStep:
    """A step, cut.

        a_j = operand_j(constants, s_{t-1}, z_t, r_<j)    r_j = W_j a_j    s_t = update(constants, s_{t-1}, z_t, r)

    All arguments and results are `PerUnit`.

    Attributes:
      units: H.
      heads: into how many groups of units that do not see each other all weights part them.
      carry: where the arrays of the carry come from; likewise `initial` (what resets restore), `z` and `flags` (the
        projected input, the mask and the resets).
      stages: the products, in their order.
      constants: `weights -> arrays`, `[H]` each: what a step takes of the weights other than through `dot`.
    """

    units: int
    heads: int
    carry: tuple[Source, ...]
    initial: tuple[Source, ...]
    z: tuple[Source, ...]
    flags: tuple[Source, ...]
    stages: tuple[Stage, ...]
    constants: Callable[[Weights], tuple[jax.Array, ...]]
    _instructions: tuple[Instruction, ...]
    _arguments: tuple[tuple[int, ...], ...]
    """Registers of constants with `initial`, of the carry, and of z with flags."""
    _new_carry: tuple[int, ...]

    @property
    def counts(self) -> "Counts":
        """How many arrays the arguments are."""
        return Counts(*map(len, self._arguments))

    def operand(self, stage: int, constants, carry, z, products) -> jax.Array:
        """Returns a_j; `products` are those of the stages before it, a tuple of gates for each."""
        return self._evaluate((self.stages[stage].operand,), constants, carry, z, products)[0]

    def update(self, constants, carry, z, products) -> tuple:
        """Returns s_t; `products` are those of all stages, a tuple of gates for each."""
        return tuple(self._evaluate(self._new_carry, constants, carry, z, products))

    def advance(
        self,
        constants: PerUnit,
        carry: PerUnit,
        z: PerUnit,
        multiply: Callable[[int, jax.Array], PerUnit],
        traced=_as_it_is,
    ) -> tuple[PerUnit, list[PerUnit]]:
        """Does the step.

        Args:
          constants: what it takes of the weights, and what resets restore.
          carry: s_{t-1}.
          z: the projected input.
          multiply: `(stage, a_j) -> gates`.
          traced: makes of an elementwise function the one that is run.

        Returns:
          s_t, and the gates of all stages.
        """
        products: list[PerUnit] = []
        for stage in range(len(self.stages)):
            operand = traced(functools.partial(self.operand, stage))(constants, carry, z, products)
            products.append(multiply(stage, operand))
        return traced(self.update)(constants, carry, z, products), products

    def retreat(
        self,
        constants: PerUnit,
        carry: PerUnit,
        z: PerUnit,
        products: list[PerUnit],
        adjoint: PerUnit,
        multiply_back: Callable[[int, PerUnit], jax.Array],
        traced=_as_it_is,
    ) -> PerUnit:
        """Returns (ds_t / ds_{t-1})^T times the adjoint of s_t.

        Args:
          constants: as in `advance`.
          carry: s_{t-1}.
          z: the projected input.
          products: the gates of all stages.
          adjoint: of s_t.
          multiply_back: `(stage, cotangents of its gates) -> cotangent of a_j`.
          traced: as in `advance`.
        """

        def pulled(function, products, cotangent):
            def pull(constants, carry, z, products, cotangent):
                return jax.vjp(lambda s, r: function(constants, s, z, r), carry, products)[1](cotangent)

            return traced(pull)(constants, carry, z, products, cotangent)

        reached, of_gates = pulled(self.update, products, adjoint)
        for stage in reversed(range(len(self.stages))):
            cotangent = multiply_back(stage, of_gates[stage])
            operand = functools.partial(self.operand, stage)
            more = pulled(operand, products[:stage], cotangent)
            reached, of_gates = jax.tree.map(jnp.add, (reached, of_gates[:stage]), more)
        return reached

    def _evaluate(self, wanted: tuple[int, ...], constants, carry, z, products) -> list:
        registers: dict[int, Any] = {}
        for names, values in zip(self._arguments, (constants, carry, z), strict=True):
            registers.update(zip(names, values, strict=True))
        for stage, gates in zip(self.stages, products, strict=False):
            registers.update(zip(stage.gates, gates, strict=True))
        for instruction in needed(self._instructions, wanted):
            inputs = [registers[i] if isinstance(i, int) else i for i in instruction.inputs]
            registers.update(zip(instruction.outputs, instruction.apply(*inputs), strict=True))
        return [registers[register] for register in wanted]


def elementwise_step(run: Run) -> ElementwiseStep:
    """Cuts the step of a run.

    Raises:
      NotElementwiseError: it cannot be cut.
    """
    if not all(map(is_float, jax.tree.leaves(run.carry))):
        raise NotElementwiseError("its carry has integer fields")
    if any(jnp.issubdtype(a.dtype, jnp.complexfloating) for a in jax.tree.leaves((run.carry, run.weights))):
        raise NotElementwiseError("it computes with complex numbers")
    if not jax.tree.leaves(run.carry):
        raise NotElementwiseError("it has no carry")
    shapes = _Shapes.of(run)
    sizes = {a.size for a in jax.tree.leaves(shapes.carry)}
    units = min(sizes)
    if units == 0 or any(size % units for size in sizes):
        raise NotElementwiseError(f"fields of its carry have different sizes, {sorted(sizes)}")
    try:
        found = _found_products(run, shapes)
        closed = jax.make_jaxpr(functools.partial(_step, run))(*shapes, [_result(p) for p in found])
    except (TypeError, ValueError) as error:  # weights drawn per example, say
        first = str(error).partition("\n")[0]
        raise NotElementwiseError(f"its step does not run for a single example ({first})") from error
    carry = jax.tree.leaves(shapes.carry)
    if any(new.shape != old.shape for new, old in zip(closed.out_avals, carry, strict=False)):
        raise NotElementwiseError("its weights are drawn for every example")
    of_products = [head_count(p, units) for p in found]
    heads = int(np.gcd.reduce(of_products)) if found else 1
    return _cut(units, heads, shapes, closed, found)


class _Shapes(NamedTuple):
    """What a step is given for one example, as shapes and dtypes."""

    weights: Any
    initial: Any
    carry: Any
    z: Any
    flags: Inputs

    @staticmethod
    def of(run: Run) -> "_Shapes":
        def wide(a):
            return jax.ShapeDtypeStruct(a.shape, jax.eval_shape(at_least_float32, a).dtype if is_float(a) else a.dtype)

        batch_axes = run.batch_ndim

        def of_one(axes, tree):
            return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[axes:], wide(a).dtype), tree)

        flags = run.without_inputs().inputs._replace(lost=None)  # a state gets lost by what z is there
        return _Shapes(
            jax.tree.map(wide, run.weights),
            of_one(batch_axes, run.initial),
            of_one(batch_axes, run.carry),
            of_one(1 + batch_axes, jax.eval_shape(project_all, run)),
            of_one(1 + batch_axes, flags),
        )


def _found_products(run: Run, shapes: _Shapes) -> list[Product]:
    """Returns the products of a step, operands and weights as shapes."""

    def found(weights, carry, z):
        products = products_of_step(run.cell, weights, carry, z)
        return [(p.operand, p.weight) for p in products], Static(tuple(p.op for p in products))

    arrays, ops = jax.eval_shape(found, shapes.weights, shapes.carry, shapes.z)
    return [Product(operand, weight, op) for (operand, weight), op in zip(arrays, ops.value, strict=True)]


def _result(product: Product) -> Any:
    return jax.eval_shape(product.op, product.operand, product.weight)


def _step(run: Run, weights, initial, carry, z, flags, products):
    step = functools.partial(transition_by_unit, run.replace(weights=weights, initial=initial), carry, z, flags)
    new, operands = given_products(step, products)
    return jax.tree.leaves(new), operands


def _cut(units: int, heads: int, shapes: _Shapes, closed: Any, products: list[Product]) -> ElementwiseStep:
    """Returns the step; `closed` takes its arguments and the products' results."""
    translator = Translator(units)
    weights = translator.weights(jax.tree.leaves(shapes.weights))
    initial, initial_sources = translator.arguments(jax.tree.leaves(shapes.initial))
    carry, carry_sources = translator.arguments(jax.tree.leaves(shapes.carry))
    z, z_sources = translator.arguments(jax.tree.leaves(shapes.z))
    flags, flag_sources = translator.arguments(jax.tree.leaves(shapes.flags))
    flags = list(map(translator.as_flag, flags))
    results, gates = [], []
    for product in products:
        result = _result(product)
        placed, registers = translator.products(result.shape, output_order(product, result.size, units, heads))
        results.append(placed)
        gates.append(registers)
    outputs = translator.translate(closed, [*weights, *initial, *carry, *z, *flags, *results])
    new = [register for value in outputs[: len(carry)] for register in translator.registers(value, "its carry")]
    operands = [translator.registers(value, "an operand of a product") for value in outputs[len(carry) :]]
    stages: dict[int, tuple[list, list]] = {}
    for n, (operand, of_product) in enumerate(zip(operands, gates, strict=True)):
        numbers, registers = stages.setdefault(operand[0], ([], []))
        numbers.append(n)
        registers.extend(of_product)
    used = {i for x in translator.instructions for i in x.inputs if isinstance(i, int)} | set(new) | set(stages)
    initial_sources, z_sources, flag_sources = (
        {register: source for register, source in sources.items() if register in used}
        for sources in (initial_sources, z_sources, flag_sources)
    )
    constants = tuple(register for register, _, _ in translator.taken.values())
    return ElementwiseStep(
        units=units,
        heads=heads,
        carry=tuple(carry_sources.values()),
        initial=tuple(initial_sources.values()),
        z=tuple(z_sources.values()),
        flags=tuple(flag_sources.values()),
        stages=tuple(Stage(operand, tuple(n), tuple(g)) for operand, (n, g) in stages.items()),
        constants=translator.constants([known.name for known in weights]),
        _instructions=tuple(translator.instructions),
        _arguments=((*constants, *initial_sources), tuple(carry_sources), (*z_sources, *flag_sources)),
        _new_carry=tuple(new),
    )
