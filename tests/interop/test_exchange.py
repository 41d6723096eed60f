"""Weights on their way to every library and back, without any of them; `test_live.py` runs the libraries."""

import functools
import subprocess
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
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

SIZE = 3
AFTER = GRU(4, reset="after")
RELU = RNN(4, activation="relu")
PLAIN = {"use_bias": False}


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
            *(RNN(4), RELU, IRNN(4), LSTM(4), ProjectedLSTM(4, output_size=2), AFTER),
            *(LSTM(4, forget_bias=0.0, **PLAIN), GRU(4, reset="after", **PLAIN), RNN(4, **PLAIN)),
            Stack((LSTM(4), LSTM(4))),
        ),
        PeepholeLSTM(4),
    ),
    "linen": Library(to_linen, from_linen, (RNN(4), LSTM(4), AFTER, LSTM(4, forget_bias=0.0, **PLAIN)), MGU(4)),
    "nnx": Library(to_nnx, from_nnx, (RNN(4), LSTM(4), GRU(4, reset="after", **PLAIN)), PeepholeLSTM(4)),
    "nnx-optimized": Library(functools.partial(to_nnx, optimized=True), from_nnx, (LSTM(4),), PeepholeLSTM(4)),
    "haiku": Library(to_haiku, from_haiku, (RELU, LSTM(4), GRU(4), GRU(4, **PLAIN)), RNN(4)),
    "equinox": Library(to_equinox, from_equinox, (LSTM(4), AFTER, GRU(4, reset="after", **PLAIN)), RNN(4)),
    "keras": Library(to_keras, from_keras, (RNN(4), LSTM(4), GRU(4), AFTER, GRU(4, **PLAIN)), PeepholeLSTM(4)),
    "cudnn": Library(
        to_cudnn,
        functools.partial(from_cudnn, input_size=SIZE),
        (LSTM(4), Stack((LSTM(4), LSTM(4), LSTM(4))), LSTM(4, forget_bias=0.0, **PLAIN)),
        AFTER,
    ),
}
PAIRS = [
    pytest.param(library, cell, id=f"{name}-{n}")
    for name, library in LIBRARIES.items()
    for n, cell in enumerate(library.cells)
]


def random_params(cell, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: cell.init(jax.random.key(0), SIZE))
    return jax.tree.map(lambda a: rng.normal(size=a.shape).astype(dtype), shapes)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize(("library", "cell"), PAIRS)
def test_there_and_back_nothing_is_changed(library, cell, dtype):
    params = random_params(cell, dtype)
    again = library.back(cell, library.to(cell, params))
    assert jax.tree.structure(again) == jax.tree.structure(params)
    # Haiku's forget bias is stored less 1, which may round.
    tolerance = 2 * float(np.finfo(dtype).eps) if library.to is to_haiku else 0
    for a, b in zip(jax.tree.leaves(again), jax.tree.leaves(params), strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", LIBRARIES)
def test_a_cell_that_the_library_has_not_is_refused_with_the_reason(name):
    library = LIBRARIES[name]
    with pytest.raises(ValueError, match="cell must"):
        library.to(library.foreign, random_params(library.foreign))
    with pytest.raises(ValueError, match="cell must"):
        library.back(library.foreign, {})
    with pytest.raises(TypeError, match="cell must be a recurrax Cell"):
        library.to(LSTM, ()) if name not in ("torch", "cudnn") else library.to(Stack((LSTM,)), ())


@pytest.mark.parametrize(
    ("to", "back", "cell"),
    [
        (to_torch, from_torch, GRU(4)),
        (to_linen, from_linen, GRU(4)),
        (to_nnx, from_nnx, GRU(4)),
        (to_equinox, from_equinox, GRU(4)),
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


def test_nnx_is_refused_a_bias_inside_the_reset():
    params = random_params(AFTER)
    with pytest.raises(ValueError, match="params must have b_hn = 0 for Flax nnx"):
        to_nnx(AFTER, params)
    params = params._replace(b_hn=np.zeros(4))
    again = from_nnx(AFTER, to_nnx(AFTER, params))
    jax.tree.map(np.testing.assert_array_equal, again, params)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("bias_hh_l0"), "state_dict lacks 'bias_hh_l0'; expected weight_ih_l0"),
        (lambda w: w.update(weight_xx_l0=np.zeros(1)), "state_dict has unknown 'weight_xx_l0'"),
        (
            lambda w: w.update(weight_hh_l0=np.zeros((16, 5))),
            r"\['weight_hh_l0'\] must have shape \(16, 4\), got \(16, 5\)",
        ),
        (lambda w: w.clear(), "state_dict lacks 'weight_ih_l0'; it has nothing"),
    ],
)
def test_what_is_wrong_with_a_state_dict_is_named(change, message):
    weights = to_torch(LSTM(4), random_params(LSTM(4)))
    change(weights)
    with pytest.raises(ValueError, match=message):
        from_torch(LSTM(4), weights)


def test_a_layer_and_a_direction_are_taken_out_of_many():
    cell = LSTM(4)
    parts = {(n, back): random_params(cell, seed=2 * n + back) for n in (0, 1) for back in (False, True)}
    state = {}
    for (n, back), params in parts.items():
        state |= to_torch(cell, params, layer=n, reverse=back)
    assert len(state) == 16 and "weight_hh_l1_reverse" in state
    for (n, back), params in parts.items():
        jax.tree.map(np.testing.assert_array_equal, from_torch(cell, state, layer=n, reverse=back), params)


def test_both_directions_share_the_flat_weights_of_cudnn():
    cell = Stack((LSTM(4), LSTM(4)))
    rng = np.random.default_rng(0)
    widths = (SIZE, 8)  # an upper layer sees both directions of the one below
    forward, backward = (
        tuple(
            type(random_params(LSTM(4)))(rng.normal(size=(d, 16)), rng.normal(size=(4, 16)), rng.normal(size=16))
            for d in widths
        )
        for _ in range(2)
    )
    again = from_cudnn(cell, to_cudnn(cell, forward, backward), SIZE, bidirectional=True)
    jax.tree.map(np.testing.assert_array_equal, again, (forward, backward))
    with pytest.raises(ValueError, match=r"weights must have shape \(\d+,\) for .*, got \(3,\)"):
        from_cudnn(cell, np.zeros(3), SIZE)


def test_biases_that_are_not_zero_are_refused_by_a_cell_without():
    weights = to_linen(LSTM(4), random_params(LSTM(4)))
    with pytest.raises(ValueError, match="cell must have use_bias=True for weights of Flax linen"):
        from_linen(LSTM(4, forget_bias=0.0, use_bias=False), weights)


def test_none_of_the_libraries_is_imported():
    code = (
        "import sys, importlib, pkgutil, recurrax.interop as i\n"
        "[importlib.import_module(f'recurrax.interop.{m.name}') for m in pkgutil.iter_modules(i.__path__)]\n"
        "print({'torch', 'flax', 'haiku', 'equinox', 'keras', 'safetensors'} & {n.split('.')[0] for n in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "set()", done.stderr
