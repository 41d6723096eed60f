"""How a run lies on a mesh of devices, whichever kind of axis the mesh has.

* Manual axes (`jax.shard_map`): all arrays of a run vary over the same ones, and so do those of a loop. What varies
  over fewer would have to be widened in the loop, where the gradient of a weight is summed up over devices each step.
* Explicit axes (the default of `jax.make_mesh`): a run is executed as over automatic ones, and its results are sharded
  as the batch axes of its inputs are. Weights and features may be sharded too; the compiler moves what it needs.
* Automatic axes need nothing.

Without a mesh nothing here changes a program.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType, PartitionSpec

Axes = frozenset[str]
"""Names of manual axes."""


def varying_axes(tree: Any) -> Axes:
    """Returns the manual axes over which any array of a pytree varies."""
    return Axes().union(*(jax.typeof(leaf).manual_axis_type.varying for leaf in jax.tree.leaves(tree)))


def varying(tree: Any, axes: Axes) -> Any:
    """Returns the pytree with arrays that vary over all of `axes`."""

    def widen(leaf: Any) -> Any:
        missing = axes - varying_axes(leaf)
        return jax.lax.pcast(leaf, tuple(sorted(missing)), to="varying") if missing else leaf

    return jax.tree.map(widen, tree) if axes else tree


def varying_alike(tree: Any) -> Any:
    """Returns the pytree with arrays that all vary over the manual axes over which any of them does."""
    return varying(tree, varying_axes(tree))


def as_tangents(tangents: Any, primals: Any) -> Any:
    """Returns what a `custom_jvp` rule gives as the tangents of `primals`: each varies as its primal does.

    Those of integers, zeros of dtype float0, do not by themselves.
    """
    return jax.tree.map(lambda tangent, primal: varying(tangent, varying_axes(primal)), tangents, primals)


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]], carry: Any, inputs: Any, *, reverse: bool = False, unroll: int = 1
) -> tuple[Any, Any]:
    """Returns what `jax.lax.scan` does; the carry, which may begin as zeros, varies as the inputs do."""
    axes = varying_axes((carry, inputs))

    def aligned(carry: Any, now: Any) -> tuple[Any, Any]:
        after, out = step(carry, now)
        return varying(after, axes), out

    return jax.lax.scan(aligned if axes else step, varying(carry, axes), inputs, reverse=reverse, unroll=unroll)


def on_mesh(function: Callable[..., Any], xs: Any, input_ndim: int, axes_before_batch: Any) -> Callable[..., Any]:
    """Returns the function with automatic axes in the place of explicit ones; without any, the function as it is.

    Args:
      function: of pytrees of arrays; returns a pytree.
      xs: the inputs `[T, *B, ...]` of the run, whose batch axes say how results are sharded.
      input_ndim: feature axes of the first leaf of `xs`.
      axes_before_batch: for each result, as a prefix of the pytree, the number of axes before its batch axes: 0 for a
        carry, 1 for outputs. None for what has no batch axes and is to be whole on every device. An array without the
        batch's axes there is whole as well.
    """

    def on_automatic_axes(*arguments: Any) -> Any:
        mesh = _explicit_mesh((xs, arguments))
        leaves = jax.tree.leaves(xs)
        if mesh is None or not leaves:
            return function(*arguments)
        x = leaves[0]
        batch_shape = x.shape[1 : x.ndim - input_ndim]
        batch = tuple(jax.typeof(x).sharding.spec)[1 : x.ndim - input_ndim]
        automatic = {
            name: AxisType.Auto if kind == AxisType.Explicit else kind
            for name, kind in zip(mesh.axis_names, mesh.axis_types, strict=True)
        }
        with jax.sharding.use_abstract_mesh(mesh):
            with jax.sharding.use_abstract_mesh(mesh.update(axis_types=tuple(automatic.values()))):
                whole = jax.tree.map(lambda _: PartitionSpec(), arguments)
                results = function(*jax.sharding.reshard(arguments, whole))

            def placed(result: Any, before: int | None) -> Any:
                if result is None:
                    return None
                if before is None or result.shape[before : before + len(batch)] != batch_shape:
                    return jax.sharding.reshard(result, PartitionSpec())
                return jax.sharding.reshard(result, PartitionSpec(*(None,) * before, *batch))

            befores = jax.tree.broadcast(axes_before_batch, results, is_leaf=lambda node: node is None)
            return jax.tree.map(placed, results, befores, is_leaf=lambda node: node is None)

    return on_automatic_axes


def _explicit_mesh(tree: Any) -> Any:
    """Returns the mesh with explicit axes on which the arrays of a pytree lie, or that is set around; else None."""
    around = jax.sharding.get_abstract_mesh()
    meshes = [around, *(jax.typeof(leaf).sharding.mesh for leaf in jax.tree.leaves(tree))]
    return next((mesh for mesh in meshes if AxisType.Explicit in mesh.axis_types), None)
