"""Weights on their way to every library and back, without any of them; the twins of the modules run the libraries."""

import dataclasses
import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.cells.irnn import IRNN
from recurrax.cells.mgu import MGU
from recurrax.cells.peephole_lstm import PeepholeLSTM
from recurrax.cells.projected_lstm import ProjectedLSTM
from recurrax.interop.cudnn import from_cudnn, to_cudnn
from recurrax.interop.equinox import from_equinox, to_equinox
from recurrax.interop.haiku import from_haiku, to_haiku
from recurrax.interop.keras import from_keras, to_keras
from recurrax.interop.linen import from_linen, to_linen
from recurrax.interop.nnx import from_nnx, to_nnx
from recurrax.interop.torch import from_torch, to_torch
from recurrax.wrappers.stack import Stack
from tests.interop.examples import AFTER, PLAIN, RELU, SIZE, WIDTH, equal, random_params


@dataclasses.dataclass(frozen=True)
class MyLSTM(LSTM):
    """A subclass that keeps the parameters."""


class Library(NamedTuple):
    """How weights go to a library and come back, and the cells for which they do."""

    to: Callable[..., Any]
    back: Callable[..., Any]
    cells: tuple
    foreign: Any
    """A cell that has no counterpart."""


LIBRARIES = {
    "torch": Library(
        to_torch,
        from_torch,
        (
            *(RNN(WIDTH), RELU, IRNN(WIDTH), LSTM(WIDTH), MyLSTM(WIDTH), ProjectedLSTM(WIDTH, output_size=2), AFTER),
            *(LSTM(WIDTH, forget_bias=0.0, **PLAIN), GRU(WIDTH, reset="after", **PLAIN), RNN(WIDTH, **PLAIN)),
            Stack((LSTM(WIDTH), LSTM(WIDTH))),
        ),
        PeepholeLSTM(WIDTH),
    ),
    "linen": Library(
        to_linen, from_linen, (RNN(WIDTH), LSTM(WIDTH), AFTER, LSTM(WIDTH, forget_bias=0.0, **PLAIN)), MGU(WIDTH)
    ),
    "nnx": Library(
        to_nnx, from_nnx, (RNN(WIDTH), LSTM(WIDTH), GRU(WIDTH, reset="after", **PLAIN)), PeepholeLSTM(WIDTH)
    ),
    "nnx-optimized": Library(functools.partial(to_nnx, optimized=True), from_nnx, (LSTM(WIDTH),), PeepholeLSTM(WIDTH)),
    "haiku": Library(to_haiku, from_haiku, (RELU, LSTM(WIDTH), GRU(WIDTH), GRU(WIDTH, **PLAIN)), RNN(WIDTH)),
    "equinox": Library(to_equinox, from_equinox, (LSTM(WIDTH), AFTER, GRU(WIDTH, reset="after", **PLAIN)), RNN(WIDTH)),
    "keras": Library(
        to_keras, from_keras, (RNN(WIDTH), LSTM(WIDTH), GRU(WIDTH), AFTER, GRU(WIDTH, **PLAIN)), PeepholeLSTM(WIDTH)
    ),
    "cudnn": Library(
        to_cudnn,
        functools.partial(from_cudnn, input_size=SIZE),
        (LSTM(WIDTH), Stack((LSTM(WIDTH), MyLSTM(WIDTH), LSTM(WIDTH))), LSTM(WIDTH, forget_bias=0.0, **PLAIN)),
        AFTER,
    ),
}
PAIRS = [
    pytest.param(library, cell, id=f"{name}-{n}")
    for name, library in LIBRARIES.items()
    for n, cell in enumerate(library.cells)
]


@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_there_and_back_nothing_is_changed(library, cell):
    for dtype in (np.float64, np.float32, np.float16, jnp.bfloat16):
        params = random_params(cell, dtype)
        again = library.back(cell, library.to(cell, params))
        assert jax.tree.structure(again) == jax.tree.structure(params)
        # Haiku's forget bias is stored less 1, which may round.
        tolerance = 2 * float(jnp.finfo(dtype).eps) if library.to is to_haiku else 0
        for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(params), strict=True):
            assert a.dtype == dtype
            np.testing.assert_allclose(a.astype(np.float64), b.astype(np.float64), rtol=0, atol=tolerance)


@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_the_arrays_are_the_callers_own(library, cell):
    given = jax.tree.map(jnp.asarray, random_params(cell, np.float32, size=1))
    for array in jax.tree.leaves(library.to(cell, given)):
        assert isinstance(array, np.ndarray) and array.flags.writeable


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_cell_that_the_library_has_not_is_refused_with_the_reason(name):
    library = LIBRARIES[name]
    with pytest.raises(ValueError, match="cell must"):
        library.to(library.foreign, random_params(library.foreign))
    with pytest.raises(ValueError, match="cell must"):
        library.back(library.foreign, {})
    with pytest.raises(TypeError, match="cell must be a recurrax Cell"):
        library.to(LSTM, ()) if name not in ("torch", "cudnn") else library.to(Stack((LSTM,)), ())


def test_a_subclass_that_has_other_parameters_is_refused():
    assert issubclass(PeepholeLSTM, LSTM)
    with pytest.raises(ValueError, match="cell must be one that torch has"):
        to_torch(PeepholeLSTM(WIDTH), random_params(PeepholeLSTM(WIDTH)))


@pytest.mark.parametrize(
    ("to", "back", "cell"),
    [
        (to_torch, from_torch, GRU(WIDTH)),
        (to_linen, from_linen, GRU(WIDTH)),
        (to_nnx, from_nnx, GRU(WIDTH)),
        (to_equinox, from_equinox, GRU(WIDTH)),
        (to_haiku, from_haiku, AFTER),
    ],
)
def test_the_other_form_of_the_gru_is_refused_with_the_reason(to, back, cell):
    other = "before" if cell.reset == "after" else "after"
    message = rf"cell must be GRU\(reset='{other}'\), got .* no weights turn one form into the other"
    with pytest.raises(ValueError, match=message):
        to(cell, random_params(cell))
    with pytest.raises(ValueError, match=message):
        back(cell, {})


def test_biases_that_are_not_zero_are_refused_by_a_cell_without():
    weights = to_linen(LSTM(WIDTH), random_params(LSTM(WIDTH)))
    with pytest.raises(ValueError, match="cell must have use_bias=True for weights of Flax linen"):
        from_linen(LSTM(WIDTH, forget_bias=0.0, use_bias=False), weights)


@pytest.mark.parametrize(
    ("to", "back", "separator"), [(to_torch, from_torch, "."), (to_linen, from_linen, "/"), (to_nnx, from_nnx, "/")]
)
def test_a_prefix_finds_the_layer_within_a_larger_state(to, back, separator):
    params = random_params(LSTM(WIDTH))
    other = {name: np.zeros(1) for name in ("weight", "kernel")}
    if separator == ".":
        state = {f"encoder.rnn.{name}": a for name, a in to(LSTM(WIDTH), params).items()}
        state |= {f"head.{name}": a for name, a in other.items()}
    else:
        state = {"encoder": {"rnn": to(LSTM(WIDTH), params)}, "head": other}
    equal(back(LSTM(WIDTH), state, prefix=f"encoder{separator}rnn"), params)
    with pytest.raises(ValueError, match=f"source has nothing beneath prefix='encoder{separator}lstm'; it has "):
        back(LSTM(WIDTH), state, prefix=f"encoder{separator}lstm")
    with pytest.raises(ValueError, match=rf"source lacks '.*'encoder{separator}rnn"):
        back(LSTM(WIDTH), state)


@pytest.mark.parametrize("name", ["torch", "linen", "nnx", "haiku", "equinox", "cudnn"])
def test_complex_weights_are_refused(name):
    library, cell = LIBRARIES[name], LIBRARIES[name].cells[1]
    weights = jax.tree.map(lambda a: a.astype(complex), library.to(cell, random_params(cell)))
    with pytest.raises(TypeError, match="must have real numbers, got dtype complex128"):
        library.back(cell, weights)


@pytest.mark.parametrize(("back", "name"), [(from_torch, "source"), (from_haiku, "tree"), (from_equinox, "fields")])
def test_pairs_are_no_arrays_by_name(back, name):
    """What PyTorch's `named_parameters()` gives, or a list of arrays."""
    for given in (iter([("weight_ih_l0", np.zeros((28, 5)))]), [np.zeros(3)], {0: np.zeros(3)}, None):
        with pytest.raises(TypeError, match=f"{name} must be .*, arrays by name; got .* of type"):
            back(LSTM(WIDTH), given)


@pytest.mark.parametrize("name", [name for name in LIBRARIES if name != "nnx-optimized"])
def test_parameters_of_another_cell_are_named(name):
    library = LIBRARIES[name]
    with pytest.raises(TypeError, match=r"params must be those of LSTM\(.*LSTMParams with w_x, w_h, b; got PyTreeDef"):
        library.to(LSTM(WIDTH), {"w_x": np.zeros((5, 28))})


def test_none_of_the_libraries_is_imported():
    code = (
        "import sys, importlib, pkgutil, recurrax.interop as i\n"
        "[importlib.import_module(f'recurrax.interop.{m.name}') for m in pkgutil.iter_modules(i.__path__)]\n"
        "print({'torch', 'flax', 'haiku', 'equinox', 'keras', 'safetensors'} & {n.split('.')[0] for n in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "set()", done.stderr
