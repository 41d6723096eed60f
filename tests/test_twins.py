"""The twin rule: the test of recurrax/gradflow/lyapunov.py is tests/gradflow/test_lyapunov.py."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]

STANDS_FOR = {
    "recurrax/cells/_base/bistable.py": "cells/test_brc.py",
    "recurrax/cells/_base/convolution.py": "cells/test_conv_lstm.py",
    "recurrax/cells/_base/fields.py": "cells/test_every_cell.py",
    "recurrax/cells/_base/gated.py": "cells/test_lstm.py",
    "recurrax/cells/_base/minimal.py": "cells/test_min_gru.py",
    "recurrax/cells/_base/normalization.py": "wrappers/test_layer_norm.py",
    "recurrax/cells/_base/timed.py": "cells/test_ltc.py",
    "recurrax/engine/kernel/hopper/backward.py": "engine/kernel/hopper/test_implementation.py",
    "recurrax/engine/kernel/hopper/distributed_product.py": "engine/kernel/hopper/test_implementation.py",
    "recurrax/engine/kernel/hopper/forward.py": "engine/kernel/hopper/test_implementation.py",
    "recurrax/engine/kernel/hopper/mosaic/assembly.py": "engine/kernel/hopper/test_implementation.py",
    "recurrax/engine/kernel/hopper/mosaic/blocks.py": "engine/kernel/hopper/test_implementation.py",
    "recurrax/engine/kernel/hopper/mosaic/tiles.py": "engine/kernel/hopper/test_implementation.py",
    "recurrax/engine/kernel/hopper/time_loop.py": "engine/kernel/hopper/test_implementation.py",
    "recurrax/interop/_arrays.py": "interop/test_every_library.py",
    "recurrax/interop/_cells.py": "interop/test_every_library.py",
    "recurrax/interop/_flax.py": "interop/test_every_library.py",
    "recurrax/linen/_module.py": "linen/test_rnn.py",
    "recurrax/nnx/_module.py": "nnx/test_rnn.py",
    "recurrax/gradflow/theory/_checks.py": "gradflow/theory/test_linear_networks.py",
    "experiments/common/errors.py": "experiments/common/test_cli.py",
    "experiments/gradient_flow/figures/axes.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/_grid.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/_families.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/_gates.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/gate_gradients.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/findings/_words.py": "experiments/gradient_flow/findings/test_reach.py",
    "experiments/gradient_flow/figures/alignment.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/cost.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/depth.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/gates.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/gates_over_time.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/gradient_map.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/gradient_norm.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/jacobian.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/learning.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/lyapunov.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/paths.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/reach.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/weights.py": "experiments/gradient_flow/test_figures.py",
    "experiments/gradient_flow/figures/zoo.py": "experiments/gradient_flow/test_figures.py",
    "experiments/remedies/figures/_panels.py": "experiments/remedies/figures/test_success.py",
    "experiments/reproduce/figures/batch_norm_gain.py": "experiments/reproduce/test_batch_norm_gain.py",
    "experiments/reproduce/figures/curse_of_memory.py": "experiments/reproduce/test_curse_of_memory.py",
    "experiments/reproduce/figures/error_wall.py": "experiments/reproduce/test_error_wall.py",
    "experiments/reproduce/figures/gradient_bound.py": "experiments/reproduce/test_gradient_bound.py",
    "experiments/reproduce/figures/length_extrapolation.py": "experiments/reproduce/test_length_extrapolation.py",
    "experiments/reproduce/figures/mean_field_spectra.py": "experiments/reproduce/test_mean_field_spectra.py",
    "experiments/training/remedies/_base.py": "experiments/training/remedies/test_remedies.py",
    "experiments/training/remedies/_wrapped.py": "experiments/training/test_config.py",
}
"""Modules without a test of their own: which test, named from `tests/`, reaches their lines."""


def modules():
    for top in ("recurrax", "experiments"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if path.stem not in ("__init__", "__main__"):
                yield str(path.relative_to(ROOT))


def twin_of(module):
    """Returns the test of a module: tests/wrappers/test_base.py for recurrax/wrappers/_base.py."""
    path = pathlib.PurePath(module)
    folder = path.parent.relative_to("recurrax") if path.parts[0] == "recurrax" else path.parent
    return str("tests" / folder / f"test_{path.stem.removeprefix('_')}.py")


def speaks_of(test, module):
    """Whether a test names a module, or what it defines, or the package that it is a part of."""
    text = (ROOT / test).read_text(encoding="utf-8")
    path = ROOT / module
    body = ast.parse(path.read_text(encoding="utf-8")).body
    names = {node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)}
    names |= {path.stem.removeprefix("_"), path.parent.name}
    return any(re.search(rf"\b{re.escape(name)}\b", text) for name in names)


def test_every_module_has_a_twin_or_a_test_that_stands_for_it():
    assert not [m for m in modules() if not (ROOT / twin_of(m)).exists() and m not in STANDS_FOR]


def test_a_test_stands_only_for_what_is_there_and_has_no_twin():
    there = set(modules())
    assert not [m for m in STANDS_FOR if m not in there or (ROOT / twin_of(m)).exists()]


def test_what_stands_for_a_module_is_there_and_speaks_of_it():
    missing = [test for test in STANDS_FOR.values() if not (ROOT / "tests" / test).exists()]
    assert not missing
    assert not [m for m, test in STANDS_FOR.items() if not speaks_of(f"tests/{test}", m)]
