"""A traced step, translated to instructions on registers. A register holds one number per unit.

An array of the step fills one register or several: the four parts of an LSTM's product, for one, are four registers.
An elementwise equation becomes an instruction. An equation that moves numbers about changes only which number lies
where, and costs nothing.
"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

from recurrax._util.float_leaves import at_least_float32, is_float
from recurrax.cell import Weights
from recurrax.engine.jaxprs import inner_jaxprs
from recurrax.engine.kernel.cut.evaluation import (
    NotElementwiseError,
    applied,
    elementwise_only,
    function_of,
    with_own_derivative,
)
from recurrax.engine.primitives import CALLS, ELEMENTWISE, LEFT_OUT, MOVES

EVERY_UNIT = -1
"""In the place of a unit: a number that is the same for all of them."""


class Source(NamedTuple):
    """Where the numbers of a register come from: leaf `leaf`, flattened, at one position per unit."""

    leaf: int
    positions: np.ndarray


class Instruction(NamedTuple):
    """What is done to registers."""

    apply: Callable[..., list]
    inputs: tuple[Any, ...]
    """Registers, as int, or scalars, as NumPy arrays."""
    outputs: tuple[int, ...]


class InRegisters(NamedTuple):
    """An array that lies in registers: for each of its numbers a register and a unit."""

    register: np.ndarray
    unit: np.ndarray


class Known(NamedTuple):
    """An array that does not depend on carry or input: its value, or None where it depends on the weights."""

    name: int
    size: int
    value: np.ndarray | None


def needed(instructions: tuple[Instruction, ...], wanted: tuple[int, ...]) -> list[Instruction]:
    """Returns the instructions that the wanted registers rest on, in order."""
    open_ones, kept = set(wanted), []
    for instruction in reversed(instructions):
        if open_ones.intersection(instruction.outputs):
            kept.append(instruction)
            open_ones.update(i for i in instruction.inputs if isinstance(i, int))
    return kept[::-1]


class Translator:
    """Translates a traced step, equation by equation, and keeps the instructions."""

    def __init__(self, units: int):
        self.units = units
        self.counter = itertools.count()
        self.instructions: list[Instruction] = []
        self._before: list[tuple[Callable, list[Known], list[Known]]] = []
        """What depends on the weights alone."""
        self.taken: dict[tuple, tuple[int, Known, np.ndarray]] = {}
        """Registers filled from what is known: register, array, positions."""

    def arguments(self, leaves: list[Any]) -> tuple[list[InRegisters], dict[int, Source]]:
        """Puts arguments of the step into registers; returns them, and the source of each register."""
        values, sources = [], {}
        for n, leaf in enumerate(leaves):
            if leaf.size == 1 and self.units > 1:
                register = next(self.counter)
                values.append(InRegisters(np.full(leaf.shape, register), np.full(leaf.shape, EVERY_UNIT)))
                sources[register] = Source(n, np.zeros(self.units, int))
                continue
            if leaf.size % self.units:
                raise NotElementwiseError(f"a step is given {leaf.size} numbers for {self.units} units")
            positions = np.arange(leaf.size).reshape(-1, self.units)
            registers = [next(self.counter) for _ in positions]
            sources.update({r: Source(n, p) for r, p in zip(registers, positions, strict=True)})
            unit = np.tile(np.arange(self.units), len(registers))
            values.append(InRegisters(np.repeat(registers, self.units).reshape(leaf.shape), unit.reshape(leaf.shape)))
        return values, sources

    def as_flag(self, value: InRegisters) -> InRegisters:
        """Makes booleans of zeros and ones."""
        register = next(self.counter)
        source = int(value.register.flat[0])
        self.instructions.append(Instruction(lambda number: [number != 0], (source,), (register,)))
        return value._replace(register=np.full_like(value.register, register))

    def registers(self, value: Any, what: str) -> list[int]:
        """Returns the registers of an array that lists the numbers of one after the other, in the order of units."""
        if isinstance(value, InRegisters):
            if value.unit.size == 1 == self.units:
                return [int(value.register.reshape(()))]
            unit, register = value.unit.reshape(-1, self.units), value.register.reshape(-1, self.units)
            if (unit == np.arange(self.units)).all() and (register == register[:, :1]).all():
                return [int(r) for r in register[:, 0]]
        raise NotElementwiseError(f"{what} has units of another order or origin")

    def products(self, shape: tuple[int, ...], order: np.ndarray) -> tuple[InRegisters, list[int]]:
        """Puts a product's results into registers, one per gate; `order` has their positions by gate and unit."""
        registers = [next(self.counter) for _ in range(len(order) // self.units)]
        register, unit = np.zeros(len(order), int), np.zeros(len(order), int)
        register[order], unit[order] = np.repeat(registers, self.units), np.tile(range(self.units), len(registers))
        return InRegisters(register.reshape(shape), unit.reshape(shape)), registers

    def weights(self, leaves: list[Any]) -> list[Known]:
        """Returns the weights as what is known before the loop."""
        return [Known(next(self.counter), a.size, None) for a in leaves]

    def constants(self, weights: list[int]) -> Callable[[Weights], tuple[jax.Array, ...]]:
        """Returns the function that computes, of the weights, what is put into registers before the loop."""
        before, taken = tuple(self._before), tuple(self.taken.values())

        def constants(leaves):
            values = dict(zip(weights, jax.tree.leaves(leaves), strict=True))
            values = {name: at_least_float32(a) if is_float(a) else a for name, a in values.items()}
            read = lambda known: values[known.name] if known.value is None else known.value  # noqa: E731
            for apply, inputs, outputs in before:
                values.update(zip((k.name for k in outputs), apply(*map(read, inputs)), strict=True))
            return tuple(jnp.ravel(read(known))[positions] for _, known, positions in taken)

        return constants

    def translate(self, closed: Any, arguments: list[Any]) -> list[Any]:
        """Translates all equations; returns the results in registers, or as `Known`."""
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
        if all(isinstance(value, Known) for value in inputs):
            return self._known(equation, inputs)
        if name in CALLS:
            return self.translate(inner_jaxprs(equation)[0], inputs)
        if name in MOVES and all(isinstance(value, InRegisters) for value in inputs):
            return self._moved(equation, inputs)
        if name == "custom_jvp_call":
            odd = elementwise_only(inner_jaxprs(equation)[0].jaxpr)
            if odd is not None:
                raise _refused(odd)
            return self._applied(equation, inputs, with_own_derivative(equation))
        if name.startswith("custom_vjp"):
            raise NotElementwiseError("its step has a derivative of its own (jax.custom_vjp)")
        if name not in ELEMENTWISE:
            raise _refused(name)

        def apply(*values):
            return [applied(equation, *values)]

        return self._applied(equation, inputs, apply)

    def _value(self, value: Any) -> Known:
        value = np.asarray(value)
        return Known(next(self.counter), value.size, value)

    def _known(self, equation: Any, inputs: list[Known]) -> list[Known]:
        apply = function_of(equation)
        pairs = zip(inputs, equation.invars, strict=True)
        free = [(known, v.aval.dtype) for known, v in pairs if not isinstance(v, core.Literal)]
        if all(known.value is not None for known, _ in free):
            with jax.ensure_compile_time_eval():
                values = apply(*(jnp.asarray(known.value, dtype) for known, dtype in free))
            return list(map(self._value, values))
        outputs = [Known(next(self.counter), v.aval.size, None) for v in equation.outvars]
        self._before.append((apply, [known for known, _ in free], outputs))
        return outputs

    def _moved(self, equation: Any, inputs: list[InRegisters]) -> list[InRegisters]:
        def move(arrays):
            with jax.ensure_compile_time_eval():
                moved = equation.primitive.bind(*map(jnp.asarray, arrays), **equation.params)
            return list(map(np.asarray, moved if equation.primitive.multiple_results else [moved]))

        registers, units = move([v.register for v in inputs]), move([v.unit for v in inputs])
        return [InRegisters(r, u) for r, u in zip(registers, units, strict=True)]

    def _applied(self, equation: Any, inputs: list[Any], apply: Callable[..., list]) -> list[InRegisters]:
        """Makes an instruction for every set of registers that an elementwise equation brings together."""
        shape = equation.outvars[0].aval.shape
        count = int(np.prod(shape))
        flat = [
            InRegisters(*(np.broadcast_to(a, shape).reshape(-1) for a in v)) if isinstance(v, InRegisters) else v
            for v in inputs
        ]
        placed = [v for v in flat if isinstance(v, InRegisters)]
        unit = np.max([v.unit for v in placed], axis=0)
        if any(((v.unit != EVERY_UNIT) & (v.unit != unit)).any() for v in placed):
            raise NotElementwiseError("its step brings different units together")
        arrays = any(isinstance(v, Known) and _uniform(v) is None for v in flat)
        if arrays and (unit == EVERY_UNIT).all() and count % self.units == 0:
            unit = np.arange(count) % self.units
        outputs = [np.zeros(count, int) for _ in equation.outvars]
        keys = np.stack([v.register for v in placed])
        for key in np.unique(keys, axis=1).T:
            places = np.flatnonzero((keys == key[:, None]).all(0))
            for positions in self._sets(unit[places], places):
                registers = iter(key)
                operands: list[Any] = []
                for value in flat:
                    if isinstance(value, InRegisters):
                        operands.append(int(next(registers)))
                    else:
                        scalar = _uniform(value)
                        operands.append(self._take(value, positions) if scalar is None else scalar)
                new = tuple(next(self.counter) for _ in outputs)
                self.instructions.append(Instruction(apply, tuple(operands), new))
                where = places if positions is None else positions
                for output, register in zip(outputs, new, strict=True):
                    output[where] = register
        return [InRegisters(output.reshape(shape), unit.reshape(shape)) for output in outputs]

    def _sets(self, unit: np.ndarray, places: np.ndarray) -> list[np.ndarray | None]:
        """Parts places into sets that have every unit once, each in the order of units; None for all at once."""
        if (unit == EVERY_UNIT).all():
            return [None]
        order = np.argsort(unit, kind="stable")
        if (np.bincount(unit, minlength=self.units) != len(unit) // self.units).any() or (unit < 0).any():
            raise NotElementwiseError("its step treats some units otherwise than the rest")
        return list(places[order].reshape(self.units, -1).T)

    def _take(self, known: Known, positions: np.ndarray | None) -> int:
        """Returns the register that something known is put into."""
        if positions is None:
            raise NotElementwiseError("its step brings an array and a number of the input together")
        if known.size == 1:
            positions = np.zeros(self.units, int)
        key = (known.name, positions.tobytes())
        if key not in self.taken:
            self.taken[key] = (next(self.counter), known, positions)
        return self.taken[key][0]


def _refused(primitive: str) -> NotElementwiseError:
    if primitive in LEFT_OUT:
        return NotElementwiseError(f"its step uses {primitive!r}, which {LEFT_OUT[primitive]}")
    return NotElementwiseError(f"its step mixes units by {primitive!r}")


def _uniform(known: Known) -> np.ndarray | None:
    """Returns the one number that an array holds, as a scalar; None where they differ or depend on the weights."""
    if known.value is None or known.value.size == 0 or (known.value != known.value.flat[0]).any():
        return None
    return known.value.flat[0].reshape(())
