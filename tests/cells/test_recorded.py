"""Cells against code not written here: what other libraries and the authors' own code made of small problems.

`recorded/record.py` made the vectors, in float64; it names each source with its version and licence. They hold to 1e-9,
or to 1e-6 for RecurrentGemma, whose state is of single precision.
RNN, IRNN, LSTM and GRU are compared with PyTorch, Flax, Haiku and Keras in `tests/peers`, the xLSTM's cells in their own
tests.

These have no outside code to run, and rest on oracles that were written from their papers alone:
  LEM              the authors' code has no licence; torchrecurrent takes z_{t-1} where the paper has z_t
  SCRN             torchrecurrent makes its output a state; the authors' code is for Torch 7
  LMU              the authors' code has no free licence
  UnitaryRNN       the authors' code is for Theano
  QRNN, SRU        the authors' code needs a GPU's toolkit or a compiler to be imported
  NRU, RHN         the authors' code computes something else than the paper, or is for TensorFlow 1
  ClockworkRNN, ConvGRU, DepthGatedLSTM, DiagonalGRU, GreffLSTM, GridLSTM, LayerNormGRU, LeakyRNN, MinGRU, MinLSTM,
  RecurrentSkipRNN                no code of the authors was found that runs
"""

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from recurrax import cells, unroll
from recurrax.cells._base.timed import Timed
from tests.cells import cases

HERE = pathlib.Path(__file__).parent / "recorded"


def load():
    """Returns every record by its name: arrays by part."""
    found = {}
    for file in sorted(HERE.glob("*.npz")):
        with np.load(file) as arrays:
            for path in arrays.files:
                name, part = path.split("/", 1)
                found.setdefault(name, {})[part] = arrays[path]
    return found


RECORDS = load()


def reordered(weight, order):
    """Puts blocks along the first axis, one per letter, into another order."""
    given, wanted = order
    blocks = dict(zip(given, np.split(weight, len(given)), strict=True))
    return np.concatenate([blocks[gate] for gate in wanted])


def torch_weights(w, given, wanted, recurrent=None):
    """Returns W, U and b, transposed and in our order, of weights that go by PyTorch's names."""
    recurrent = given if recurrent is None else recurrent
    in_u = [gate for gate in wanted if gate in recurrent]
    bias = dict(zip(given, np.split(w["bias_ih"], len(given)), strict=True))
    for gate, more in zip(recurrent, np.split(w["bias_hh"], len(recurrent)), strict=True):
        bias[gate] = bias[gate] + more
    return (
        reordered(w["weight_ih"], (given, wanted)).T,
        reordered(w["weight_hh"], (recurrent, in_u)).T,
        np.concatenate([bias[gate] for gate in wanted]),
    )


def antisymmetric(w):
    """U of the library is the transpose of ours, and its bias of the state goes to the candidate."""
    gate = np.zeros(w["bias_ih"].size - 4)
    return w["weight_ih"].T, w["weight_hh"], w["bias_ih"] + np.concatenate([gate, w["bias_hh"]])


def cfn(w):
    w_x, u, b = torch_weights(w, "fin", "fin", "fi")
    return w_x, u, b[: b.size * 2 // 3]


def cornn(w):
    w_h = np.concatenate([w["weight_hh"].T, w["weight_ch"].T])
    return w["weight_ih"].T, w_h, w["bias_ih"] + w["bias_hh"] + w["bias_ch"]


def cornn_of_authors(w):
    x, z, y = np.split(w["i2h.weight"].T, [3, 7])
    return x, np.concatenate([y, z]), w["i2h.bias"]


def minimal_rnn(w):
    return w["weight_ih"].T, w["bias_ih"], w["weight_mm"].T, w["weight_hh"].T, w["bias_hh"]


def multiplicative(w):
    w_m, w_x = np.split(w["weight_ih"], [4])
    return w_x.T, w["weight_mh"].T, w["bias_ih"][4:] + w["bias_mh"], w_m.T, w["weight_hh"].T


def mut1(w):
    w_x, u, b = torch_weights(w, "zrn", "zrn", "rn")
    return w_x[:, :8], u, b, w_x[:, 8:]


def mut2(w):
    w_x, u, b = torch_weights(w, "zrn", "zrn")
    return np.concatenate([w_x[:, :4], w_x[:, 8:]], axis=1), u, b, w_x[:, 4:8]


def addons_peepholes(w):
    """Keras has the gates in the order i, f, c, o."""
    p = [w[f"{gate}_gate_peephole_weights"] for gate in ("input", "forget", "output")]
    return w["kernel"], w["recurrent_kernel"], w["bias"], np.stack(p)


def addons_layer_norm(w):
    b = w["bias"] + w["kernel_norm.beta"] + w["recurrent_norm.beta"]
    gains = w["kernel_norm.gamma"], w["recurrent_norm.gamma"], w["state_norm.gamma"]
    return w["kernel"], w["recurrent_kernel"], b, *gains, w["state_norm.beta"]


def cfc(w):
    heads = ("ff1", "ff2", "time_a", "time_b")
    last = (np.concatenate([w[f"{h}.weight"] for h in heads]).T, np.concatenate([w[f"{h}.bias"] for h in heads]))
    between = [(w["backbone.2.weight"].T, w["backbone.2.bias"])] if "backbone.2.weight" in w else []
    first = w["backbone.0.weight"].T
    deeper = tuple(cells.cfc.CfCDense(*layer) for layer in [*between, last])
    return first[:3], first[3:], w["backbone.0.bias"], deeper


def ltc(w):
    of_inputs = [w[f"sensory_{name}"] for name in ("w", "mu", "sigma", "erev")]
    of_units = [w[name] * (1 if name != "erev" else w["sparsity_mask"]) for name in ("w", "mu", "sigma", "erev")]
    return *of_inputs, *of_units, w["gleak"], w["vleak"], w["cm"]


def rg_lru(w):
    """Its Lambda has the other sign, and its gates are blocks, one here."""
    gates = [w[f"{gate}.w"][0] for gate in ("a_gate", "input_gate")]
    b = [w[f"{gate}.b"][0] for gate in ("a_gate", "input_gate")]
    return -w["a_param"], np.concatenate(gates, axis=1), np.concatenate(b), None


def lru(w):
    return w["nu_log"], w["theta_log"], w["gamma_log"], *(w[name].T for name in ("B_re", "B_im", "C_re", "C_im"))


def s5(w):
    parts = [w[name][..., part].T for name in ("B", "C") for part in (0, 1)]
    return w["Lambda_re"], w["Lambda_im"], w["log_step"][:, 0], *parts


def lipschitz(w):
    prefix = "func." if "func.B" in w else ""
    return w["E.weight"].T, w[f"{prefix}B"].T, w[f"{prefix}C"].T, w["E.bias"]


def ordered(given, wanted, recurrent=None):
    return lambda w: torch_weights(w, given, wanted, recurrent)


TWINS = {
    "AntisymmetricRNN": (cells.AntisymmetricRNN(4, step_size=0.1, damping=0.2), antisymmetric),
    "GatedAntisymmetricRNN": (cells.AntisymmetricRNN(4, step_size=0.1, damping=0.2, gated=True), antisymmetric),
    "BRC": (cells.BRC(4), ordered("acn", "acn", "ac")),
    "NBRC": (cells.NBRC(4), ordered("acn", "acn", "ac")),
    "CFN": (cells.CFN(4), cfn),
    "CoRNN": (cells.CoRNN(4, time_step=0.1, frequency=1.5, damping=0.7), cornn),
    "CoRNN-authors": (cells.CoRNN(4, time_step=0.1, frequency=1.5, damping=0.7), cornn_of_authors),
    "IndRNN": (cells.IndRNN(4), lambda w: (w["weight_ih"].T, w["vector_u"], w["bias_ih"] + w["bias_hh"])),
    "LiGRU": (cells.LiGRU(4), ordered("zn", "zn")),
    "MGU": (cells.MGU(4), ordered("fn", "fn")),
    "MinimalRNN": (cells.MinimalRNN(4), minimal_rnn),
    "MultiplicativeLSTM": (cells.MultiplicativeLSTM(4), multiplicative),
    "MUT1": (cells.MUT1(4), mut1),
    "MUT2": (cells.MUT2(4), mut2),
    "MUT3": (cells.MUT3(4), lambda w: (*torch_weights(w, "zrn", "zrn"), None)),
    "PeepholeLSTM": (
        cells.PeepholeLSTM(4),
        lambda w: (*torch_weights(w, "ifgo", "ifgo"), w["weight_ph"].reshape(3, 4)),
    ),
    "PeepholeLSTM-addons": (cells.PeepholeLSTM(4), addons_peepholes),
    "STAR": (cells.STAR(4), ordered("zk", "kz", "k")),
    "UGRNN": (cells.UGRNN(4), ordered("cg", "gc")),
    "UnICORNN": (
        cells.UnICORNN(4, time_step=0.3),
        lambda w: (w["weight_ih"].T, w["weight_hh"], w["weight_ch"], w["bias_ih"] + w.get("bias_hh", 0)),
    ),
    "JANET": (cells.JANET(4), ordered("fg", "fg")),
    "ProjectedLSTM": (
        cells.ProjectedLSTM(4, output_size=2),
        lambda w: (*torch_weights({k[:-3]: v for k, v in w.items()}, "ifgo", "ifgo"), w["weight_hr_l0"].T),
    ),
    "LayerNormLSTM": (cells.LayerNormLSTM(4, form="addons", epsilon=1e-3), addons_layer_norm),
    "ConvLSTM": (
        cells.ConvLSTM(4, spatial_shape=(5, 4), peepholes=False),
        lambda w: (w["kernel"], w["recurrent_kernel"], w["bias"], None),
    ),
    "CfC": (cells.CfC(4, backbone_size=5, backbone_layers=2), cfc),
    "CfC-no_gate": (cells.CfC(4, backbone_size=5, gated=False), cfc),
    "LTC": (cells.LTC(4), ltc),
    "RGLRU": (cells.RGLRU(4, scale_first=False), rg_lru),
    "ExpRNN": (
        cells.ExpRNN(4),
        lambda w: (w["input_kernel.weight"].T, w["recurrent_kernel.A"], w["nonlinearity.b"]),
    ),
    "LipschitzRNN-euler": (
        cells.LipschitzRNN(4, step_size=0.25, beta_a=0.7, beta_w=0.7, gamma_a=0.05, gamma_w=0.05),
        lipschitz,
    ),
    "LipschitzRNN-midpoint": (
        cells.LipschitzRNN(4, step_size=0.25, beta_a=0.7, beta_w=0.7, gamma_a=0.05, gamma_w=0.05, method="midpoint"),
        lipschitz,
    ),
    "LRU": (cells.LRU(4, output_size=3), lru),
    "S5-zoh": (cells.S5(4, output_size=3), s5),
    "S5-bilinear": (cells.S5(4, output_size=3, discretization="bilinear"), s5),
}


def parts_of(record, part):
    return {name.partition("/")[2]: a for name, a in record.items() if name.startswith(f"{part}/")}


@pytest.mark.parametrize("name", TWINS)
def test_a_cell_does_what_code_not_written_here_does(name, x64):
    cell, converted = TWINS[name]
    record, weights = RECORDS[name], parts_of(RECORDS[name], "weights")
    drawn = cell.init(jax.random.key(0), record["xs"].shape[-1])
    params = jax.tree.map(jnp.asarray, type(drawn)(*converted(weights)))
    xs = jnp.asarray(record["xs"])
    xs = Timed(xs, jnp.asarray(weights["time_steps"])) if "time_steps" in weights else xs
    start = cell.initial_carry(cell.prepare(params, batch_shape=(2,)), (2,))
    given = {field: a for field, a in parts_of(record, "start").items() if field in start._fields}
    start = start._replace(**jax.tree.map(jnp.asarray, given))
    final, ys = unroll(cell, params, xs, start, resets=jnp.asarray(weights["resets"]) if "resets" in weights else None)
    tolerance = 1e-6 if name == "RGLRU" else 1e-9
    np.testing.assert_allclose(ys, record["ys"], rtol=tolerance, atol=tolerance)
    for field in set(start._fields) & set(parts_of(record, "final")):
        np.testing.assert_allclose(getattr(final, field), record[f"final/{field}"], rtol=tolerance, atol=tolerance)


def test_every_record_has_its_cell_and_every_cell_its_record_or_its_reason():
    assert set(TWINS) == set(RECORDS)
    compared = {type(cell).__name__ for cell, _ in TWINS.values()} | {"RNN", "IRNN", "LSTM", "GRU", "SLSTM", "MLSTM"}
    named = {cls.__name__ for cls in cases.UNITS if cls.__module__.startswith("recurrax.cells")}
    words = set(__doc__.replace(",", " ").split())
    assert named - compared == (named - compared) & words, "a cell is neither compared nor excused"
    assert not (compared - {"RNN", "IRNN", "LSTM", "GRU"}) & words, "a cell is excused though it is compared"


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_is_no_trivial_one(name):
    record = RECORDS[name]
    assert record["ys"].dtype == np.float64 and record["ys"].std() > 0.02
    assert np.isfinite(record["ys"]).all() and len(record["ys"]) == 6
