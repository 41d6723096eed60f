"""Single instructions of the GPU, and the numbers that they take."""

# pyright: reportCallIssue=false, reportArgumentType=false, reportPrivateImportUsage=false
# Types of this API say less than it takes: functions made by `inline_mgpu` take no context, for one.

from jax._src.lib.mlir import ir
from jax._src.lib.mlir.dialects import llvm
from jax.experimental.mosaic.gpu import utils


def i32():
    """Returns the type of a word."""
    return ir.IntegerType.get_signless(32)


def constant(value: int):
    """Returns a word of that value."""
    return utils.c(value, i32())


def address(ref):
    """Returns where a part of shared memory begins."""
    return llvm.ptrtoint(i32(), utils.memref_ptr(ref))


def emit(code: str, arguments: list, constraints: str) -> None:
    """Runs instructions that have an effect and no result."""
    llvm.inline_asm(ir.Type.parse("!llvm.void"), arguments, code, constraints, has_side_effects=True)
