"""The twin rule: the test of recurrax/gradflow/lyapunov.py is tests/gradflow/test_lyapunov.py."""

import ast
import pathlib
import re

ROOT = pathlib.Path(__file__).parents[1]

STANDS_FOR = {
    "recurrax/cells/_base/convolution.py": "cells/test_conv_lstm.py",
    "recurrax/cells/_base/gated.py": "test_catalogue.py",
    "recurrax/cells/_base/normalization.py": "wrappers/test_layer_norm.py",
    "recurrax/cells/_base/timed.py": "cells/test_ltc.py",
    "recurrax/engine/kernel/cut/jaxprs.py": "engine/kernel/cut/test_elementwise_step.py",
    "recurrax/engine/kernel/cut/lanes.py": "engine/kernel/cut/test_elementwise_step.py",
    "recurrax/engine/kernel/derivative.py": "engine/kernel/test_executor.py",
    "recurrax/engine/kernel/hopper/backward.py": "engine/kernel/hopper/test_mosaic.py",
    "recurrax/engine/kernel/hopper/exchange.py": "engine/kernel/hopper/test_mosaic.py",
    "recurrax/engine/kernel/hopper/forward.py": "engine/kernel/hopper/test_mosaic.py",
    "recurrax/engine/kernel/hopper/pallas.py": "engine/kernel/hopper/test_mosaic.py",
    "recurrax/engine/kernel/hopper/time_loop.py": "engine/kernel/hopper/test_mosaic.py",
    "recurrax/engine/kernel/loops.py": "engine/kernel/test_executor.py",
    "recurrax/engine/kernel/reference.py": "engine/kernel/test_executor.py",
    "recurrax/engine/make_run.py": "engine/test_run.py",
    "recurrax/engine/products.py": "engine/kernel/cut/test_blocks.py",
    "recurrax/interop/cudnn.py": "interop/test_exchange.py",
    "recurrax/interop/equinox.py": "interop/test_exchange.py",
    "recurrax/interop/haiku.py": "interop/test_exchange.py",
    "recurrax/interop/keras.py": "interop/test_exchange.py",
    "recurrax/interop/layout.py": "interop/test_exchange.py",
    "recurrax/interop/linen.py": "interop/test_exchange.py",
    "recurrax/interop/nnx.py": "interop/test_exchange.py",
    "recurrax/interop/torch.py": "interop/test_exchange.py",
    "recurrax/tasks/catalogue.py": "_util/test_naming.py",
    "experiments/common/errors.py": "experiments/common/test_cli.py",
    "experiments/common/plotting.py": "experiments/gradient_flow/test_study.py",
    "experiments/common/rates.py": "experiments/remedies/test_study.py",
    "experiments/common/report.py": "experiments/gradient_flow/test_study.py",
    "experiments/common/slurm.py": "experiments/remedies/test_study.py",
    "experiments/common/stopping.py": "experiments/train/test_study.py",
    "experiments/common/sweep.py": "experiments/remedies/test_study.py",
    "experiments/gradient_flow/config.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/costs.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/figures.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/findings.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/language_model.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/measure.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/results.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/sources.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/theory.py": "experiments/gradient_flow/test_study.py",
    "experiments/gradient_flow/zoo.py": "experiments/gradient_flow/test_study.py",
    "experiments/remedies/config.py": "experiments/remedies/test_study.py",
    "experiments/remedies/figures.py": "experiments/remedies/test_study.py",
    "experiments/remedies/results.py": "experiments/remedies/test_study.py",
    "experiments/reproduce/figures.py": "experiments/reproduce/test_batch_norm_gain.py",
    "experiments/train/figures.py": "experiments/train/test_study.py",
    "experiments/training/config.py": "experiments/train/test_study.py",
    "experiments/training/measure.py": "experiments/train/test_study.py",
    "experiments/training/model.py": "experiments/train/test_study.py",
    "experiments/training/results.py": "experiments/train/test_study.py",
    "experiments/training/tensorboard.py": "experiments/train/test_study.py",
    "experiments/training/trainer.py": "experiments/train/test_study.py",
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
