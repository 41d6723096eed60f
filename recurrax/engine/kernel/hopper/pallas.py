"""What the kernels ask of a Hopper GPU and of Mosaic, JAX's language for it: the only file that touches unstable API.

Lowered with jax 0.11.2 and 0.12.0; the parts as they stand in a prototype ran on an H100 with 0.11.2. jax 0.10.2 infers
no layout for the tiles below. `Mosaic` lowers a kernel before it promises to run it, so that another version that
refuses something leads to another executor and not to an error.

Terms. A *warp group* is 128 threads, which together issue `wgmma`: a tile of 64 rows of weights times the transposed
operand. Its result lies in registers, thread by thread as the hardware wants it. *Shared memory* belongs to a block of
threads, here one warp group on a multiprocessor of its own; the blocks of a *cluster* may write to each other's. An
*mbarrier* is a word of shared memory that counts arrivals and bytes of copies under way; a wait ends when both are
complete, and names the phase, even or odd, that it waits for. A *proxy fence* makes what threads wrote visible to
`wgmma` and to the copy engine, which read shared memory by another way than threads do.
"""

# pyright: reportCallIssue=false, reportArgumentType=false, reportPrivateImportUsage=false
# Types of this API say less than it takes: functions made by `inline_mgpu` take no context, for one.

import jax
import jax.numpy as jnp
import numpy as np
from jax._src.lib.mlir import ir
from jax._src.lib.mlir.dialects import arith, llvm, vector
from jax.experimental import pallas as pl
from jax.experimental.mosaic import gpu as mgpu
from jax.experimental.mosaic.gpu import utils
from jax.experimental.pallas import mosaic_gpu as plgpu

from recurrax.engine.kernel.hopper.planner import ROWS, SHARD, Plan

_PAIRED = plgpu.Layout.TILED(plgpu.Tiling(((32, 8), (8, 8), (2,))), warp_dims=(-5,), lane_dims=(-3, -2), vector_dim=-1)
"""32 rows as `wgmma` leaves them if every warp has 8 of each of two gates: half of the registers of its own layout."""
_PAIRED_BY_ROWS = plgpu.Layout.TILED(
    plgpu.Tiling(((32, 8), (8, 8), (2, 2), (2, 1))), warp_dims=(-8,), lane_dims=(-6, -3, -5), vector_dim=-2
)
"""The same rows, neighbours of a column in one thread, to be stored by columns."""


def layout(plan: Plan):
    """Returns how the numbers of a tile of `tile_units` by 8 lie in the registers of a warp group."""
    return _PAIRED if plan.tile_units == 32 else plgpu.Layout.WGMMA


def load(ref, plan: Plan) -> jax.Array:
    """Reads a tile from global memory."""
    return plgpu.load(ref, layout=layout(plan), optimized=False)


def zeros(plan: Plan) -> jax.Array:
    """Returns a tile of zeros."""
    return plgpu.layout_cast(jnp.zeros((plan.tile_units, SHARD), jnp.float32), layout(plan))


def gates_of(tile: jax.Array, plan: Plan) -> list[jax.Array]:
    """Returns the gates in a tile of products, by renaming registers."""
    if plan.gates_per_tile == 1:
        return [tile]
    half = plgpu.ShapeDtypeStruct((32, SHARD), jnp.float32, layout=_PAIRED)

    @plgpu.inline_mgpu(arg_types=(plgpu.Layout.WGMMA,), return_type=(half, half))
    def rename(_, tile):
        return tuple(_fragments(tile.registers[:, :, :, :, row].copy(), _PAIRED) for row in range(2))

    return list(rename(tile))


def diagonal_of(tile: jax.Array, plan: Plan) -> jax.Array:
    """Returns, of a tile of two gates by two gates' cotangents, each gate with its own, added up."""
    if plan.gates_per_tile == 1:
        return tile
    half = plgpu.ShapeDtypeStruct((32, SHARD), jnp.float32, layout=_PAIRED)

    @plgpu.inline_mgpu(arg_types=(plgpu.Layout.WGMMA,), return_type=(half, half))
    def rename(_, tile):
        columns = SHARD // 8
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
    shape = plgpu.ShapeDtypeStruct(x.shape, jnp.float32, layout=layout(plan))

    @plgpu.inline_mgpu(arg_types=(layout(plan),), return_type=shape)
    def to_tf32(_, x):
        out = np.empty_like(x.registers)
        for index, register in np.ndenumerate(x.registers):
            parts = [
                utils.bitcast(
                    llvm.inline_asm(_i32(), [_element(register, n)], "cvt.rna.tf32.f32 $0, $1;", "=r,f"),
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
    def exchange(_, x):
        even = arith.cmpi(
            arith.CmpIPredicate.eq,
            arith.remui(arith.divui(utils.thread_idx(), _constant(4)), _constant(2)),
            _constant(0),
        )
        registers = [
            (_swap_halves if x.mlir_dtype != ir.F32Type.get() else _swap_words)(r, even) for r in x.registers.flat
        ]
        out = np.empty(len(registers), dtype=object)
        out[:] = registers
        return _fragments(out, _PAIRED_BY_ROWS)

    return exchange(x)


def _swap_halves(register, even):
    """Of two registers of two 16-bit numbers: the even thread keeps the first ones, the odd one the second ones."""
    word = utils.bitcast(register, _i32())
    order = arith.select(even, _constant(0x5410), _constant(0x3276))
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
    shaped = registers.reshape(lowered.registers_shape((32, SHARD)))
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
        value = llvm.inline_asm(_i32(), [], clock, "=r", has_side_effects=True)
        return mgpu.FragmentedArray.splat(value, (), is_signed=True)

    return zero()


BARRIERS = plgpu.SMEM((4,), jnp.uint32)
"""Two mbarriers of 8 bytes."""


def init_barriers(barriers) -> None:
    """Makes both barriers count one arrival; all blocks of the cluster have to meet afterwards."""

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(),))
    def init(_, barriers):
        first = arith.cmpi(arith.CmpIPredicate.eq, utils.thread_idx(), _constant(0))
        with utils.when(first):
            _assembly(
                "mbarrier.init.shared::cta.b64 [$0], 1; mbarrier.init.shared::cta.b64 [$0+8], 1; "
                "fence.mbarrier_init.release.cluster;",
                [_address(barriers)],
                "r",
            )

    init(barriers)


def wait_barrier(barriers, slot: jax.Array, parity: jax.Array) -> None:
    """Waits until the phase of that parity is over."""

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(), plgpu.Layout.WG_SPLAT, plgpu.Layout.WG_SPLAT))
    def wait(_, barriers, slot, parity):
        _assembly(
            "{ .reg .pred P; TRY${:uid}: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 P, [$0], $1; "
            "@P bra DONE${:uid}; bra TRY${:uid}; DONE${:uid}: }",
            [_barrier(barriers, slot), parity.registers.item()],
            "r,r",
        )

    wait(barriers, slot, parity)


def send_to_cluster(block, barriers, slot: jax.Array, blocks: int, size: int, plan: Plan) -> None:
    """Copies a block of shared memory to the same place in all other blocks of the cluster.

    One thread arrives at this block's own barrier and says how many bytes are to come from the others; one thread per
    neighbour starts a copy that reports to the neighbour's barrier. The block must have been committed.
    """
    others = (blocks - 1) * size
    swizzle = plan.tile_units * jnp.dtype(block.dtype).itemsize  # bytes of a row
    transforms = (plgpu.TilingTransform((8, plan.tile_units)), plgpu.SwizzleTransform(swizzle))

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(transforms), plgpu.RefType(), plgpu.Layout.WG_SPLAT))
    def send(_, block, barriers, slot):
        thread = arith.remui(utils.thread_idx(), _constant(128))
        barrier = _barrier(barriers, slot)
        with utils.when(arith.cmpi(arith.CmpIPredicate.eq, thread, _constant(0))):
            _assembly(f"mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [$0], {others};", [barrier], "r")
        with utils.when(arith.cmpi(arith.CmpIPredicate.ult, thread, _constant(blocks))):
            _assembly(
                "{ .reg .pred P; .reg .b32 me, there, bar; mov.u32 me, %cluster_ctarank; setp.ne.u32 P, me, $2; "
                "mapa.shared::cluster.u32 there, $0, $2; mapa.shared::cluster.u32 bar, $1, $2; "
                "@P cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes "
                f"[there], [$0], {size}, [bar]; }}",
                [_address(block), barrier, thread],
                "r,r,r",
            )

    send(block, barriers, slot)


def _i32():
    return ir.IntegerType.get_signless(32)


def _constant(value: int):
    return utils.c(value, _i32())


def _address(ref):
    return llvm.ptrtoint(_i32(), utils.memref_ptr(ref))


def _barrier(barriers, slot):
    return arith.addi(_address(barriers), arith.muli(slot.registers.item(), _constant(8)))


def _assembly(code: str, arguments: list, constraints: str) -> None:
    llvm.inline_asm(ir.Type.parse("!llvm.void"), arguments, code, constraints, has_side_effects=True)


def accumulator(columns: int):
    """Returns the type of the sums of a tile."""
    return plgpu.ACC((ROWS, columns), jnp.float32)


shared = plgpu.SMEM
barrier = plgpu.Barrier
arrive = plgpu.barrier_arrive
wait = plgpu.barrier_wait
commit = plgpu.commit_smem
"""The proxy fence, and a barrier of the warp group."""
copy_to_shared = plgpu.copy_gmem_to_smem
copy_to_global = plgpu.copy_smem_to_gmem
multiply = plgpu.wgmma


def cluster_barrier():
    """Returns the type of a barrier at which all blocks of a cluster meet."""
    return plgpu.ClusterBarrier(collective_axes=("block",), num_arrivals=1)


def load_factor(ref) -> jax.Array:
    """Reads weights from global memory as `wgmma` takes them from registers."""
    return plgpu.load(ref, layout=plgpu.Layout.WGMMA, optimized=False)


def wait_for_products() -> None:
    """Waits until all `wgmma` are done."""
    plgpu.wgmma_wait(0)


def wait_for_copies_to_global() -> None:
    """Waits until what was copied to global memory is there."""
    plgpu.wait_smem_to_gmem(0)


def signal(semaphore) -> None:
    """Adds one to a semaphore that the whole GPU sees, after everything that was written before."""
    plgpu.semaphore_signal(semaphore, memory_scope="gpu")


def wait_for_signals(semaphore, count: jax.Array) -> None:
    """Waits until a semaphore has been signalled so many times since the kernel began."""
    plgpu.semaphore_wait(semaphore, count, decrement=False, memory_scope="gpu")


def semaphores(shards: int):
    """Returns one semaphore per shard in global memory, zero when the kernel starts; every call makes others."""
    return pl.get_global(plgpu.SemaphoreType.REGULAR((shards,)))


def launch(body, outputs, scratch, plan: Plan, shards: int):
    """Returns the kernel as a function: a shard per row of the grid, `plan.blocks` blocks of threads for each.

    In the body `jax.lax.axis_index("shard")` and `("block")` say where it runs.
    """
    if plan.exchange == "cluster":
        where = {"grid": (shards,), "grid_names": ("shard",), "cluster": (plan.blocks,), "cluster_names": ("block",)}
    else:
        where = {"grid": (shards, plan.blocks), "grid_names": ("shard", "block")}
    # Barriers are set by hand in `exchange`; what Mosaic would add of its own costs more than a step.
    parameters = plgpu.CompilerParams(approx_math=True, unsafe_no_auto_barriers=True)
    return plgpu.kernel(body, out_type=outputs, scratch_types=scratch, compiler_params=parameters, **where)
