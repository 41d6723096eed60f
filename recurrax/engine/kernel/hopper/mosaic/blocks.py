"""Blocks of threads: how they wait for each other, what they copy to whom, and how they are launched."""

# pyright: reportCallIssue=false, reportArgumentType=false, reportPrivateImportUsage=false
# Types of this API say less than it takes: functions made by `inline_mgpu` take no context, for one.

import jax
import jax.numpy as jnp
from jax._src.lib.mlir.dialects import arith
from jax.experimental import pallas as pl
from jax.experimental.mosaic.gpu import utils
from jax.experimental.pallas import mosaic_gpu as plgpu

from recurrax.engine.kernel.hopper.mosaic import assembly
from recurrax.engine.kernel.hopper.plan import Plan

BARRIERS = plgpu.SMEM((4,), jnp.uint32)
"""Two mbarriers of 8 bytes."""


def init_barriers(barriers) -> None:
    """Makes both barriers count one arrival; all blocks of the cluster have to meet afterwards."""

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(),))
    def init(_, barriers):
        first = arith.cmpi(arith.CmpIPredicate.eq, utils.thread_idx(), assembly.constant(0))
        with utils.when(first):
            assembly.emit(
                "mbarrier.init.shared::cta.b64 [$0], 1; mbarrier.init.shared::cta.b64 [$0+8], 1; "
                "fence.mbarrier_init.release.cluster;",
                [assembly.address(barriers)],
                "r",
            )

    init(barriers)


def wait_barrier(barriers, slot: jax.Array, parity: jax.Array) -> None:
    """Waits until the phase of that parity is over."""

    @plgpu.inline_mgpu(arg_types=(plgpu.RefType(), plgpu.Layout.WG_SPLAT, plgpu.Layout.WG_SPLAT))
    def wait(_, barriers, slot, parity):
        assembly.emit(
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
        thread = arith.remui(utils.thread_idx(), assembly.constant(128))
        barrier = _barrier(barriers, slot)
        with utils.when(arith.cmpi(arith.CmpIPredicate.eq, thread, assembly.constant(0))):
            assembly.emit(f"mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [$0], {others};", [barrier], "r")
        with utils.when(arith.cmpi(arith.CmpIPredicate.ult, thread, assembly.constant(blocks))):
            assembly.emit(
                "{ .reg .pred P; .reg .b32 me, there, bar; mov.u32 me, %cluster_ctarank; setp.ne.u32 P, me, $2; "
                "mapa.shared::cluster.u32 there, $0, $2; mapa.shared::cluster.u32 bar, $1, $2; "
                "@P cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes "
                f"[there], [$0], {size}, [bar]; }}",
                [assembly.address(block), barrier, thread],
                "r,r,r",
            )

    send(block, barriers, slot)


def _barrier(barriers, slot):
    return arith.addi(assembly.address(barriers), arith.muli(slot.registers.item(), assembly.constant(8)))


shared = plgpu.SMEM
barrier = plgpu.Barrier
arrive = plgpu.barrier_arrive
wait = plgpu.barrier_wait
commit = plgpu.commit_smem
"""The proxy fence, and a barrier of the warp group."""
copy_to_shared = plgpu.copy_gmem_to_smem
copy_to_global = plgpu.copy_smem_to_gmem


def cluster_barrier():
    """Returns the type of a barrier at which all blocks of a cluster meet."""
    return plgpu.ClusterBarrier(collective_axes=("block",), num_arrivals=1)


def wait_for_copies_to_global() -> None:
    """Waits until what was copied to global memory is there."""
    plgpu.wait_smem_to_gmem(0)


def signal(semaphore) -> None:
    """Adds one to a semaphore that the whole GPU sees, after everything that was written before."""
    plgpu.semaphore_signal(semaphore, memory_scope="gpu")


def wait_for_signals(semaphore, count: jax.Array) -> None:
    """Waits until a semaphore has been signalled so many times since the kernel began."""
    plgpu.semaphore_wait(semaphore, count, decrement=False, memory_scope="gpu")


def semaphores(groups: int):
    """Returns one semaphore per group in global memory, zero when the kernel starts; every call makes others."""
    return pl.get_global(plgpu.SemaphoreType.REGULAR((groups,)))


def launch(body, outputs, scratch, plan: Plan, groups: int):
    """Returns the kernel as a function: a group per row of the grid, `plan.blocks` blocks of threads for each.

    In the body `jax.lax.axis_index("group")` and `("block")` say where it runs.
    """
    if plan.route == "cluster":
        where = {"grid": (groups,), "grid_names": ("group",), "cluster": (plan.blocks,), "cluster_names": ("block",)}
    else:
        where = {"grid": (groups, plan.blocks), "grid_names": ("group", "block")}
    # Barriers are set by hand in `distributed_product`; what Mosaic would add of its own costs more than a step.
    parameters = plgpu.CompilerParams(approx_math=True, unsafe_no_auto_barriers=True)
    return plgpu.kernel(body, out_type=outputs, scratch_types=scratch, compiler_params=parameters, **where)
