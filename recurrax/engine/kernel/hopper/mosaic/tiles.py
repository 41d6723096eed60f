"""Tiles of numbers in the registers of a warp group: read, rounded, rearranged, multiplied."""

# pyright: reportCallIssue=false, reportArgumentType=false, reportPrivateImportUsage=false
# Types of this API say less than it takes: functions made by `inline_mgpu` take no context, for one.

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.lib.mlir import ir
from jax._src.lib.mlir.dialects import arith, llvm, vector
from jax.experimental.mosaic import gpu as mgpu
from jax.experimental.mosaic.gpu import utils
from jax.experimental.pallas import mosaic_gpu as plgpu

from recurrax.engine.kernel.hopper.mosaic import assembly
from recurrax.engine.kernel.hopper.plan import EXAMPLES, ROWS, Plan

_PAIRED = plgpu.Layout.TILED(plgpu.Tiling(((32, 8), (8, 8), (2,))), warp_dims=(-5,), lane_dims=(-3, -2), vector_dim=-1)
"""32 rows as `wgmma` leaves them if every warp has 8 of each of two gates: half of the registers of its own layout."""
_PAIRED_BY_ROWS = plgpu.Layout.TILED(
    plgpu.Tiling(((32, 8), (8, 8), (2, 2), (2, 1))), warp_dims=(-8,), lane_dims=(-6, -3, -5), vector_dim=-2
)
"""The same rows, neighbours of a column in one thread, to be stored by columns."""


def tile_layout(plan: Plan):
    """Returns how the numbers of a tile of `tile_units` by 8 lie in the registers of a warp group."""
    return _PAIRED if plan.tile_units == 32 else plgpu.Layout.WGMMA


def load(ref, plan: Plan) -> jax.Array:
    """Reads a tile from global memory."""
    return plgpu.load(ref, layout=tile_layout(plan), optimized=False)


def zeros(plan: Plan) -> jax.Array:
    """Returns a tile of zeros."""
    return plgpu.layout_cast(jnp.zeros((plan.tile_units, EXAMPLES), jnp.float32), tile_layout(plan))


def gates_of(tile: jax.Array, plan: Plan) -> list[jax.Array]:
    """Returns the gates in a tile of products, by renaming registers."""
    if plan.gates_per_tile == 1:
        return [tile]
    half = plgpu.ShapeDtypeStruct((32, EXAMPLES), jnp.float32, layout=_PAIRED)

    @plgpu.inline_mgpu(arg_types=(plgpu.Layout.WGMMA,), return_type=(half, half))
    def rename(_, tile):
        return tuple(_fragments(tile.registers[:, :, :, :, row].copy(), _PAIRED) for row in range(2))

    return list(rename(tile))


def diagonal_of(tile: jax.Array, plan: Plan) -> jax.Array:
    """Returns, of a tile of two gates by two gates' cotangents, each gate with its own, added up."""
    if plan.gates_per_tile == 1:
        return tile
    half = plgpu.ShapeDtypeStruct((32, EXAMPLES), jnp.float32, layout=_PAIRED)

    @plgpu.inline_mgpu(arg_types=(plgpu.Layout.WGMMA,), return_type=(half, half))
    def rename(_, tile):
        columns = EXAMPLES // 8
        return tuple(
            _fragments(tile.registers[:, row * columns : (row + 1) * columns, :, :, row].copy(), _PAIRED)
            for row in range(2)
        )

    first, second = rename(tile)
    return first + second


def store_transposed(x: jax.Array, ref, plan: Plan) -> None:
    """Writes a tile to shared memory, example by example: the form in which it is multiplied and sent."""
    if plan.tile_units == 64:
        ref.T[...] = plgpu.layout_cast(x, plgpu.Layout.WGMMA_TRANSPOSED)
    else:
        ref.T[...] = _by_rows(x)


def rounded(x: jax.Array, dtype: jnp.dtype, plan: Plan) -> jax.Array:
    """Returns a float32 tile as it is multiplied: in 16 bits, or in float32 rounded to TF32."""
    if dtype != jnp.float32:
        return x.astype(dtype)
    shape = plgpu.ShapeDtypeStruct(x.shape, jnp.float32, layout=tile_layout(plan))

    @plgpu.inline_mgpu(arg_types=(tile_layout(plan),), return_type=shape)
    def to_tf32(_, x):
        out = np.empty_like(x.registers)
        for index, register in np.ndenumerate(x.registers):
            parts = [
                utils.bitcast(
                    llvm.inline_asm(assembly.i32(), [_element(register, n)], "cvt.rna.tf32.f32 $0, $1;", "=r,f"),
                    ir.F32Type.get(),
                )
                for n in range(2)
            ]
            out[index] = _pair(*parts)
        return mgpu.FragmentedArray(_registers=out, _layout=x.layout, _is_signed=None)

    return to_tf32(x)


def _by_rows(x: jax.Array) -> jax.Array:
    """Brings two neighbours of a column, which two threads hold, into one: each gives the other one number."""
    by_rows = plgpu.ShapeDtypeStruct(x.shape, x.dtype, layout=_PAIRED_BY_ROWS)

    @plgpu.inline_mgpu(arg_types=(_PAIRED,), return_type=by_rows)
    def swap(_, x):
        even = arith.cmpi(
            arith.CmpIPredicate.eq,
            arith.remui(arith.divui(utils.thread_idx(), assembly.constant(4)), assembly.constant(2)),
            assembly.constant(0),
        )
        registers = [
            (_swap_halves if x.mlir_dtype != ir.F32Type.get() else _swap_words)(r, even) for r in x.registers.flat
        ]
        out = np.empty(len(registers), dtype=object)
        out[:] = registers
        return _fragments(out, _PAIRED_BY_ROWS)

    return swap(x)


def _swap_halves(register, even):
    """Of two registers of two 16-bit numbers: the even thread keeps the first ones, the odd one the second ones."""
    word = utils.bitcast(register, assembly.i32())
    order = arith.select(even, assembly.constant(0x5410), assembly.constant(0x3276))
    return utils.bitcast(utils.prmt(word, utils.shfl_bfly(word, 4), order), register.type)


def _swap_words(register, even):
    """The same with 32-bit numbers, two registers of a thread."""
    first, second = _element(register, 0), _element(register, 1)
    got = utils.shfl_bfly(arith.select(even, second, first), 4)
    return _pair(arith.select(even, first, got), arith.select(even, got, second))


def _element(register, n: int):
    return vector.extract(register, dynamic_position=[], static_position=ir.DenseI64ArrayAttr.get([n]))


def _pair(first, second):
    return vector.from_elements(ir.VectorType.get((2,), first.type), [first, second])


def _fragments(registers: np.ndarray, layout):
    """Returns a tile of 32 by 8 that lies in the given registers."""
    lowered = layout.to_mgpu()
    shaped = registers.reshape(lowered.registers_shape((32, EXAMPLES)))
    return mgpu.FragmentedArray(_registers=shaped, _layout=lowered, _is_signed=None)


def opaque_zero() -> jax.Array:
    """Returns a zero that no compiler knows to be one.

    Added to the index of a weight, it keeps the descriptors of all `wgmma` of a step from being computed before the
    loop, which takes more registers than there are (measured: 1.3 us a step forward, 2.5 us backward at 768 units).
    """
    scalar = plgpu.ShapeDtypeStruct((), jnp.int32, layout=plgpu.Layout.WG_SPLAT)

    @plgpu.inline_mgpu(arg_types=(), return_type=scalar)
    def zero(_):
        clock = "{ .reg .b64 x; mov.u64 x, %clock64; shr.u64 x, x, 62; cvt.u32.u64 $0, x; }"
        value = llvm.inline_asm(assembly.i32(), [], clock, "=r", has_side_effects=True)
        return mgpu.FragmentedArray.splat(value, (), is_signed=True)

    return zero()


def accumulator(columns: int):
    """Returns the type of the sums of a tile."""
    return plgpu.ACC((ROWS, columns), jnp.float32)


multiply = plgpu.wgmma
"""Adds a product to an accumulator; `wait_for_products` before it is read."""


def load_factor(ref) -> jax.Array:
    """Reads weights from global memory as `wgmma` takes them from registers."""
    return plgpu.load(ref, layout=plgpu.Layout.WGMMA, optimized=False)


def wait_for_products() -> None:
    """Waits until all `wgmma` are done."""
    plgpu.wgmma_wait(0)
