"""A step of a cell cut at its products into elementwise functions, which a kernel can run on any part of the units.

The step is traced once, for one example, and followed number by number: every array is known as so many lanes, a lane
being one number per unit. Splitting, reshaping and transposing move lanes about and cost nothing; what is elementwise
becomes an instruction on lanes; what depends on the weights alone is computed before the loop. Whatever mixes the units
in another way than by `dot`, a sum over them for one, cannot be cut.
"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from recurrax.cells.cell import Carry, Cell, Weights
from recurrax.engine.kernel import tracing
from recurrax.engine.products import Product, products_of
from recurrax.engine.recurrence import Inputs, Recurrence, project_all, transition
from recurrax.floats import at_least_float32, is_float

_MOVES = frozenset(
    (
        "reshape",
        "squeeze",
        "expand_dims",
        "broadcast_in_dim",
        "transpose",
        "slice",
        "split",
        "concatenate",
        "stack",
        "unstack",
        "rev",
    )
)
"""Primitives that move numbers about."""
EVERY_UNIT = -1
"""In the place of a unit: a number that is the same for all of them."""


class NotElementwiseError(Exception):
    """A step that cannot be cut; the message says why, as the end of a sentence."""


class Lane(NamedTuple):
    """Where an array's lane comes from: leaf `leaf`, flattened, at the positions of the units."""

    leaf: int
    positions: np.ndarray


class Stage(NamedTuple):
    """A product of one operand with the weights of several gates."""

    operand: int
    """The register of what is multiplied, one number per unit."""
    products: tuple[int, ...]
    """Which products of the step these are, in the order of its calls."""
    gates: tuple[int, ...]
    """The registers that receive the results, one number per unit each."""


class _Instruction(NamedTuple):
    apply: Callable[..., list]
    inputs: tuple[Any, ...]
    """Registers, as int, or scalars, as NumPy arrays."""
    outputs: tuple[int, ...]


class Counts(NamedTuple):
    """Lanes of a step's arguments."""

    constants: int
    carry: int
    z: int


@dataclasses.dataclass(frozen=True, eq=False)
class ElementwiseStep:
    """A step, cut.

        a_j = operand_j(constants, s_{t-1}, z_t, r_<j)    r_j = W_j a_j    s_t = update(constants, s_{t-1}, z_t, r)

    All arguments and results are tuples of lanes, arrays of any one shape.

    Attributes:
      units: H.
      heads: into how many groups of units that do not see each other all weights part them.
      carry: the lanes of the carry; likewise `initial` (what resets restore), `z` and `flags` (the projected input, the
        mask and the resets).
      stages: the products, in their order.
      constants: `weights -> lanes`, `[H]` each: what a step takes of the weights other than through `dot`.
    """

    units: int
    heads: int
    carry: tuple[Lane, ...]
    initial: tuple[Lane, ...]
    z: tuple[Lane, ...]
    flags: tuple[Lane, ...]
    stages: tuple[Stage, ...]
    constants: Callable[[Weights], tuple[jax.Array, ...]]
    _instructions: tuple[_Instruction, ...]
    _arguments: tuple[tuple[int, ...], ...]
    """Registers of constants with `initial`, of the carry, and of z with flags."""
    _new_carry: tuple[int, ...]

    @property
    def counts(self) -> "Counts":
        """How many lanes the arguments have."""
        return Counts(*map(len, self._arguments))

    def operand(self, stage: int, constants, carry, z, products) -> jax.Array:
        """Returns a_j; `products` are those of the stages before it, a tuple of gates for each."""
        return self._evaluate((self.stages[stage].operand,), constants, carry, z, products)[0]

    def update(self, constants, carry, z, products) -> tuple:
        """Returns s_t; `products` are those of all stages, a tuple of gates for each."""
        return tuple(self._evaluate(self._new_carry, constants, carry, z, products))

    def _evaluate(self, wanted: tuple[int, ...], constants, carry, z, products) -> list:
        registers: dict[int, Any] = {}
        for names, values in zip(self._arguments, (constants, carry, z), strict=True):
            registers.update(zip(names, values, strict=True))
        for stage, gates in zip(self.stages, products, strict=False):
            registers.update(zip(stage.gates, gates, strict=True))
        for instruction in _needed(self._instructions, wanted):
            inputs = [registers[i] if isinstance(i, int) else i for i in instruction.inputs]
            registers.update(zip(instruction.outputs, instruction.apply(*inputs), strict=True))
        return [registers[register] for register in wanted]


def elementwise_step(cell: Cell, run: Recurrence) -> ElementwiseStep:
    """Cuts the step of a run.

    Raises:
      NotElementwiseError: it cannot be cut.
    """
    if not all(map(is_float, jax.tree.leaves(run.carry))):
        raise NotElementwiseError("its carry has integer fields")
    if any(jnp.issubdtype(a.dtype, jnp.complexfloating) for a in jax.tree.leaves((run.carry, run.weights))):
        raise NotElementwiseError("it computes with complex numbers")
    shapes = _Shapes.of(cell, run)
    sizes = {a.size for a in jax.tree.leaves(shapes.carry)}
    if not sizes:
        raise NotElementwiseError("it has no carry")
    units = min(sizes)
    if units == 0 or any(size % units for size in sizes):
        raise NotElementwiseError(f"fields of its carry have different sizes, {sorted(sizes)}")
    try:
        products = jax.eval_shape(lambda *step: _factors(cell, *step), shapes.weights, shapes.carry, shapes.z)
        closed = jax.make_jaxpr(_step(cell))(*shapes, [p.result for p in products])
    except (TypeError, ValueError) as error:  # weights drawn per example, say
        first = str(error).partition("\n")[0]
        raise NotElementwiseError(f"its step does not run for a single example ({first})") from error
    if closed.out_avals[: len(jax.tree.leaves(shapes.carry))] and any(
        new.shape != old.shape for new, old in zip(closed.out_avals, jax.tree.leaves(shapes.carry), strict=False)
    ):
        raise NotElementwiseError("its weights are drawn for every example")
    found = _found_products(cell, shapes)
    blocks = [_block_count(p, units) for p in found]
    heads = int(np.gcd.reduce(blocks)) if blocks else 1
    return _Cut(units, heads).cut(shapes, closed, found)


class _Shapes(NamedTuple):
    """What a step is given for one example, as shapes and dtypes."""

    weights: Any
    initial: Any
    carry: Any
    z: Any
    flags: Inputs

    @staticmethod
    def of(cell: Cell, run: Recurrence) -> "_Shapes":
        def wide(a):
            return jax.ShapeDtypeStruct(a.shape, jax.eval_shape(at_least_float32, a).dtype if is_float(a) else a.dtype)

        one = jax.eval_shape(lambda weights: cell.initial_carry(weights), run.weights)
        batch_axes = jax.tree.leaves(run.carry)[0].ndim - jax.tree.leaves(one)[0].ndim if jax.tree.leaves(one) else 0

        def of_one(axes, tree):
            return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape[axes:], wide(a).dtype), tree)

        flags = run.inputs._replace(x=None, key=None)
        return _Shapes(
            jax.tree.map(wide, run.weights),
            of_one(batch_axes, run.initial),
            of_one(batch_axes, run.carry),
            of_one(1 + batch_axes, jax.eval_shape(lambda run: project_all(cell, run), run)),
            of_one(1 + batch_axes, flags),
        )


class _Factors(NamedTuple):
    operand: Any
    weight: Any
    result: Any


def _factors(cell: Cell, weights: Weights, carry: Carry, z: Any) -> list[_Factors]:
    return [_Factors(p.operand, p.weight, p.op(p.operand, p.weight)) for p in products_of(cell, weights, carry, z)]


def _found_products(cell: Cell, shapes: _Shapes) -> list[Product]:
    """Returns the products of a step, operands and weights as shapes."""
    ops: list[Any] = []

    def record(weights, carry, z):
        found = products_of(cell, weights, carry, z)
        ops[:] = [p.op for p in found]
        return [(p.operand, p.weight) for p in found]

    arrays = jax.eval_shape(record, shapes.weights, shapes.carry, shapes.z)
    return [Product(operand, weight, op) for (operand, weight), op in zip(arrays, ops, strict=True)]


def _step(cell: Cell) -> Callable:
    def step(weights, initial, carry, z, flags, products):
        rest, operands = iter(products), []

        def given(operand, weight, op=jnp.dot):
            del weight, op
            operands.append(operand)
            return next(rest)

        new = transition(cell, weights, initial, carry, z, flags, given)
        return jax.tree.leaves(new), operands

    return step


def is_matrix(product: Product) -> bool:
    """Whether a product is that of a vector and a matrix."""
    return product.op is jnp.dot and product.weight.ndim == 2


def block_weight(product: Product, weight: jax.Array, units: int, heads: int) -> jax.Array:
    """Returns the weight of a product as blocks `[heads, gates, H / heads (to), H / heads (from)]`."""
    size = units // heads
    if is_matrix(product) and heads == 1:
        return jnp.transpose(weight.reshape(units, -1, units), (1, 2, 0))[None]
    # The blocks side by side are what comes of the same unit of every head being one.
    ones = jnp.tile(jnp.eye(size, dtype=weight.dtype), (1, heads)).reshape(size, *product.operand.shape)
    with jax.default_matmul_precision("highest"):
        rows = product.op(ones, weight).reshape(size, -1)
    order = _output_order(product, rows.shape[1], units, heads)
    return jnp.moveaxis(rows[:, order].reshape(size, -1, heads, size), (0, 1, 2, 3), (3, 1, 0, 2))


def _pattern(product: Product, units: int) -> np.ndarray:
    """Returns which unit reaches which number of a product, `[H, N]`."""
    with jax.ensure_compile_time_eval():
        ones = jnp.eye(units).reshape(units, *product.operand.shape)
        return np.asarray(product.op(ones, jnp.ones(product.weight.shape))).reshape(units, -1) != 0


def _block_count(product: Product, units: int) -> int:
    if product.operand.size != units:
        raise NotElementwiseError("a product takes more or fewer numbers than there are units")
    if is_matrix(product):
        return 1
    pattern = _pattern(product, units)
    if pattern.shape[1] % units:
        raise NotElementwiseError("a product gives a number of results that is no multiple of its units")
    first = pattern.argmax(0)
    for heads in sorted((n for n in range(1, units + 1) if units % n == 0), reverse=True):
        size = units // heads
        head = first // size
        inside = np.arange(units)[:, None] // size == head[None]
        if not (pattern & ~inside).any() and np.all(np.bincount(head, minlength=heads) == pattern.shape[1] // heads):
            return heads
    return 1


def _output_order(product: Product, outputs: int, units: int, heads: int) -> np.ndarray:
    """Returns the positions of a product's results by gate, and within a gate by unit: `[G * H]`."""
    if is_matrix(product) or heads == 1:
        return np.arange(outputs)
    size = units // heads
    head = _pattern(product, units).argmax(0) // size
    by_head = np.argsort(head, kind="stable").reshape(heads, -1, size)
    return np.moveaxis(by_head, 0, 1).reshape(-1)


class _Lanes(NamedTuple):
    """An array as lanes: for each of its numbers a register and a unit."""

    register: np.ndarray
    unit: np.ndarray


class _Known(NamedTuple):
    """An array that does not depend on carry or input: its value, or None where it depends on the weights."""

    name: int
    size: int
    value: np.ndarray | None


def _needed(instructions: tuple[_Instruction, ...], wanted: tuple[int, ...]) -> list[_Instruction]:
    """Returns the instructions that the wanted registers rest on, in order."""
    open_ones, kept = set(wanted), []
    for instruction in reversed(instructions):
        if open_ones.intersection(instruction.outputs):
            kept.append(instruction)
            open_ones.update(i for i in instruction.inputs if isinstance(i, int))
    return kept[::-1]


class _Cut:
    """Follows the lanes through a traced step."""

    def __init__(self, units: int, heads: int):
        self.units, self.heads = units, heads
        self.counter = itertools.count()
        self.instructions: list[_Instruction] = []
        self.before: list[tuple[Callable, list[_Known], list[_Known]]] = []
        """What depends on the weights alone."""
        self.taken: dict[tuple, tuple[int, _Known, np.ndarray]] = {}
        """Lanes taken of what is known: register, array, positions."""

    def cut(self, shapes: _Shapes, closed: Any, products: list[Product]) -> ElementwiseStep:
        """Returns the step; `closed` takes its arguments and the products' results."""
        weights = [_Known(next(self.counter), a.size, None) for a in jax.tree.leaves(shapes.weights)]
        initial, initial_lanes = self._arguments(jax.tree.leaves(shapes.initial))
        carry, carry_lanes = self._arguments(jax.tree.leaves(shapes.carry))
        z, z_lanes = self._arguments(jax.tree.leaves(shapes.z))
        flags, flag_lanes = self._arguments(jax.tree.leaves(shapes.flags))
        flags = list(map(self._as_flag, flags))
        results, gates = [], []
        for product in products:
            order = _output_order(product, self._outputs(product), self.units, self.heads)
            registers = [next(self.counter) for _ in range(len(order) // self.units)]
            register, unit = np.zeros(len(order), int), np.zeros(len(order), int)
            register[order], unit[order] = np.repeat(registers, self.units), np.tile(range(self.units), len(registers))
            shape = jax.eval_shape(product.op, product.operand, product.weight).shape
            results.append(_Lanes(register.reshape(shape), unit.reshape(shape)))
            gates.append(registers)
        outputs = self._run(closed, [*weights, *initial, *carry, *z, *flags, *results])
        new = [lane for value in outputs[: len(carry)] for lane in self._registers(value, "its carry")]
        operands = [self._registers(value, "an operand of a product") for value in outputs[len(carry) :]]
        stages: dict[int, tuple[list, list]] = {}
        for n, (operand, of_product) in enumerate(zip(operands, gates, strict=True)):
            numbers, registers = stages.setdefault(operand[0], ([], []))
            numbers.append(n)
            registers.extend(of_product)
        used = {i for x in self.instructions for i in x.inputs if isinstance(i, int)} | set(new) | set(stages)
        z_lanes = {register: lane for register, lane in z_lanes.items() if register in used}
        flag_lanes = {register: lane for register, lane in flag_lanes.items() if register in used}
        initial_lanes = {register: lane for register, lane in initial_lanes.items() if register in used}
        constants = tuple(register for register, _, _ in self.taken.values())
        return ElementwiseStep(
            units=self.units,
            heads=self.heads,
            carry=tuple(carry_lanes.values()),
            initial=tuple(initial_lanes.values()),
            z=tuple(z_lanes.values()),
            flags=tuple(flag_lanes.values()),
            stages=tuple(Stage(operand, tuple(n), tuple(g)) for operand, (n, g) in stages.items()),
            constants=self._constants([known.name for known in weights]),
            _instructions=tuple(self.instructions),
            _arguments=((*constants, *initial_lanes), tuple(carry_lanes), (*z_lanes, *flag_lanes)),
            _new_carry=tuple(new),
        )

    def _outputs(self, product: Product) -> int:
        return jax.eval_shape(product.op, product.operand, product.weight).size

    def _arguments(self, leaves: list[Any]) -> tuple[list[_Lanes], dict[int, Lane]]:
        """Returns arguments of the step as lanes, and where each lane's numbers are found."""
        values, lanes = [], {}
        for n, leaf in enumerate(leaves):
            if leaf.size == 1 and self.units > 1:
                register = next(self.counter)
                values.append(_Lanes(np.full(leaf.shape, register), np.full(leaf.shape, EVERY_UNIT)))
                lanes[register] = Lane(n, np.zeros(self.units, int))
                continue
            if leaf.size % self.units:
                raise NotElementwiseError(f"a step is given {leaf.size} numbers for {self.units} units")
            positions = np.arange(leaf.size).reshape(-1, self.units)
            registers = [next(self.counter) for _ in positions]
            lanes.update({r: Lane(n, p) for r, p in zip(registers, positions, strict=True)})
            unit = np.tile(np.arange(self.units), len(registers))
            values.append(_Lanes(np.repeat(registers, self.units).reshape(leaf.shape), unit.reshape(leaf.shape)))
        return values, lanes

    def _as_flag(self, value: _Lanes) -> _Lanes:
        """Makes a boolean of a lane of zeros and ones."""
        register = next(self.counter)
        source = int(value.register.flat[0])
        self.instructions.append(_Instruction(lambda number: [number != 0], (source,), (register,)))
        return value._replace(register=np.full_like(value.register, register))

    def _registers(self, value: Any, what: str) -> list[int]:
        """Returns the registers of an array whose lanes follow each other in the order of the units."""
        if isinstance(value, _Lanes):
            if value.unit.size == 1 == self.units:
                return [int(value.register.reshape(()))]
            unit, register = value.unit.reshape(-1, self.units), value.register.reshape(-1, self.units)
            if (unit == np.arange(self.units)).all() and (register == register[:, :1]).all():
                return [int(r) for r in register[:, 0]]
        raise NotElementwiseError(f"{what} has units of another order or origin")

    def _constants(self, weights: list[int]) -> Callable[[Weights], tuple[jax.Array, ...]]:
        before, taken = tuple(self.before), tuple(self.taken.values())

        def constants(leaves):
            values = dict(zip(weights, jax.tree.leaves(leaves), strict=True))
            values = {name: at_least_float32(a) if is_float(a) else a for name, a in values.items()}
            read = lambda known: values[known.name] if known.value is None else known.value  # noqa: E731
            for apply, inputs, outputs in before:
                values.update(zip((k.name for k in outputs), apply(*map(read, inputs)), strict=True))
            return tuple(jnp.ravel(read(known))[positions] for _, known, positions in taken)

        return constants

    def _run(self, closed: Any, arguments: list[Any]) -> list[Any]:
        environment: dict[Any, Any] = {}
        for variable, value in zip(closed.jaxpr.constvars, closed.consts, strict=True):
            environment[variable] = self._value(value)
        environment.update(zip(closed.jaxpr.invars, arguments, strict=True))

        def read(variable):
            if isinstance(variable, core.Literal):
                return self._value(variable.val)
            return environment[variable]

        for equation in closed.jaxpr.eqns:
            outputs = self._equation(equation, [read(v) for v in equation.invars])
            environment.update(zip(equation.outvars, outputs, strict=True))
        return [read(v) for v in closed.jaxpr.outvars]

    def _equation(self, equation: Any, inputs: list[Any]) -> list[Any]:
        name = equation.primitive.name
        if all(isinstance(value, _Known) for value in inputs):
            return self._known(equation, inputs)
        if name in tracing.CALLS:
            return self._run(tracing.inner(equation), inputs)
        if name in _MOVES and all(isinstance(value, _Lanes) for value in inputs):
            return self._moved(equation, inputs)
        if name == "custom_jvp_call":
            odd = tracing.elementwise_only(tracing.inner(equation).jaxpr)
            if odd is not None:
                raise NotElementwiseError(f"its step mixes units by {odd!r}")
            return self._applied(equation, inputs, tracing.with_own_derivative(equation))
        if name.startswith("custom_vjp"):
            raise NotElementwiseError("its step has a derivative of its own (jax.custom_vjp)")
        if name not in tracing.ELEMENTWISE:
            raise NotElementwiseError(f"its step mixes units by {name!r}")

        def apply(*values):
            return [tracing.applied(equation, *values)]

        return self._applied(equation, inputs, apply)

    def _value(self, value: Any) -> _Known:
        value = np.asarray(value)
        return _Known(next(self.counter), value.size, value)

    def _known(self, equation: Any, inputs: list[_Known]) -> list[_Known]:
        apply = tracing.function_of(equation)
        free = [k for k, v in zip(inputs, equation.invars, strict=True) if not isinstance(v, core.Literal)]
        if all(known.value is not None for known in free):
            with jax.ensure_compile_time_eval():
                values = apply(*(jnp.asarray(k.value, v.aval.dtype) for k, v in _free(equation, inputs)))
            return list(map(self._value, values))
        outputs = [_Known(next(self.counter), v.aval.size, None) for v in equation.outvars]
        self.before.append((apply, free, outputs))
        return outputs

    def _moved(self, equation: Any, inputs: list[_Lanes]) -> list[_Lanes]:
        def move(arrays):
            with jax.ensure_compile_time_eval():
                moved = equation.primitive.bind(*map(jnp.asarray, arrays), **equation.params)
            return list(map(np.asarray, moved if equation.primitive.multiple_results else [moved]))

        registers, units = move([v.register for v in inputs]), move([v.unit for v in inputs])
        return [_Lanes(r, u) for r, u in zip(registers, units, strict=True)]

    def _applied(self, equation: Any, inputs: list[Any], apply: Callable[..., list]) -> list[_Lanes]:
        """Makes an instruction for every set of lanes that an elementwise equation brings together."""
        shape = equation.outvars[0].aval.shape
        count = int(np.prod(shape))
        flat = [
            _Lanes(*(np.broadcast_to(a, shape).reshape(-1) for a in v)) if isinstance(v, _Lanes) else v for v in inputs
        ]
        lanes = [v for v in flat if isinstance(v, _Lanes)]
        unit = np.max([v.unit for v in lanes], axis=0)
        if any(((v.unit != EVERY_UNIT) & (v.unit != unit)).any() for v in lanes):
            raise NotElementwiseError("its step brings different units together")
        arrays = any(isinstance(v, _Known) and _uniform(v) is None for v in flat)
        if arrays and (unit == EVERY_UNIT).all() and count % self.units == 0:
            unit = np.arange(count) % self.units
        outputs = [np.zeros(count, int) for _ in equation.outvars]
        keys = np.stack([v.register for v in lanes])
        for key in np.unique(keys, axis=1).T:
            places = np.flatnonzero((keys == key[:, None]).all(0))
            for positions in self._sets(unit[places], places):
                registers = iter(key)
                operands: list[Any] = []
                for value in flat:
                    if isinstance(value, _Lanes):
                        operands.append(int(next(registers)))
                    else:
                        scalar = _uniform(value)
                        operands.append(self._take(value, positions) if scalar is None else scalar)
                new = tuple(next(self.counter) for _ in outputs)
                self.instructions.append(_Instruction(apply, tuple(operands), new))
                where = places if positions is None else positions
                for output, register in zip(outputs, new, strict=True):
                    output[where] = register
        return [_Lanes(output.reshape(shape), unit.reshape(shape)) for output in outputs]

    def _sets(self, unit: np.ndarray, places: np.ndarray) -> list[np.ndarray | None]:
        """Parts places into sets that have every unit once, each in the order of units; None for all at once."""
        if (unit == EVERY_UNIT).all():
            return [None]
        order = np.argsort(unit, kind="stable")
        if (np.bincount(unit, minlength=self.units) != len(unit) // self.units).any() or (unit < 0).any():
            raise NotElementwiseError("its step treats some units otherwise than the rest")
        return list(places[order].reshape(self.units, -1).T)

    def _take(self, known: _Known, positions: np.ndarray | None) -> int:
        """Returns the register of a lane of something known."""
        if positions is None:
            raise NotElementwiseError("its step brings an array and a number of the input together")
        if known.size == 1:
            positions = np.zeros(self.units, int)
        key = (known.name, positions.tobytes())
        if key not in self.taken:
            self.taken[key] = (next(self.counter), known, positions)
        return self.taken[key][0]


def _free(equation: Any, inputs: list[_Known]):
    """Yields the inputs that are no literals, each with its variable."""
    for known, variable in zip(inputs, equation.invars, strict=True):
        if not isinstance(variable, core.Literal):
            yield known, variable


def _uniform(known: _Known) -> np.ndarray | None:
    """Returns the one number that an array holds, as a scalar; None where they differ or depend on the weights."""
    if known.value is None or known.value.size == 0 or (known.value != known.value.flat[0]).any():
        return None
    return known.value.flat[0].reshape(())
