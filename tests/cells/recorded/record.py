"""Writes what code by others makes of small random problems, a file a source, in float64.

    python tests/cells/recorded/record.py SOURCE [CHECKOUT]

by hand, in an environment with the source and NumPy; it needs neither recurrax nor the other sources. Recorded with
  torchrecurrent   torchrecurrent 0.2.5 (MIT), torch 2.14.1
  ncps             ncps 1.0.1 (Apache-2.0), torch 2.14.1
  recurrentgemma   recurrentgemma 1.0.1 (Apache-2.0), torch 2.14.1
  torch            torch 2.14.1 (BSD-3-Clause)
  tensorflow       tensorflow-cpu 2.15.1, tensorflow-addons 0.23.0 (both Apache-2.0)
  exprnn           github.com/Lezcano/expRNN at 830ec83 (MIT), torch 2.14.1; CHECKOUT is its folder
  cornn            github.com/tk-rusch/coRNN at afd8174 (MIT), torch 2.14.1; CHECKOUT is its folder psMNIST
  lipschitz        github.com/erichson/LipschitzRNN at df6552e (GPL-3.0), torch 2.14.1; CHECKOUT is its folder
  lru              github.com/NicolasZucchet/minimal-LRU at bbd71b1 (MIT), jax 0.10.2, flax 0.12.8; CHECKOUT is its folder
  s5               github.com/lindermanlab/S5 at 3c18fdb (MIT), jax 0.10.2, flax 0.12.8; CHECKOUT is its folder

An array's name is CELL/PART/NAME: weights by the names of the source, xs `[T, B, D]`, start and final states `[B, H]`,
ys `[T, B, H]`.
"""

import importlib
import itertools
import pathlib
import sys

import numpy as np

T, B, D, H = 6, 2, 3, 4
HERE = pathlib.Path(__file__).parent


def numbers(seed, *shape, scale=0.5):
    """Draws what no weight or state has by accident."""
    return scale * np.random.default_rng(seed).normal(size=shape)


def filled(module, zero=()):
    """Fills the parameters of a PyTorch module, and returns them by name; `zero` are parts that have no counterpart."""
    torch = importlib.import_module("torch")
    weights = {}
    for seed, (name, parameter) in enumerate(module.named_parameters()):
        if parameter.ndim == 0:  # JANET's beta
            continue
        values = numbers(seed, *parameter.shape)
        for part, rows in zero:
            if part == name:
                values[rows] = 0
        parameter.data = torch.tensor(values)
        weights[name] = values
    return weights


def stepped(cell, xs, start):
    """Runs a PyTorch cell `(x, state) -> state` with one state or two, step by step; the first is the output."""
    torch = importlib.import_module("torch")
    state = tuple(torch.tensor(s) for s in start.values())
    ys = []
    for x in torch.tensor(xs):
        new = cell(x, state if len(state) > 1 else state[0])
        state = new if isinstance(new, tuple) else (new,)
        ys.append(state[0].detach().numpy())
    return np.stack(ys), {name: s.detach().numpy() for name, s in zip(start, state, strict=True)}


def record(weights, xs, start, ys, final):
    """Returns the arrays of a problem and its solution by part and name."""
    parts = {"weights": weights, "start": start, "final": final}
    arrays = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
    return {**arrays, "xs": xs, "ys": ys}


def torchrecurrent():
    """Yields the cells whose equations are those of the papers; its LEM and SCRN are not."""
    library = importlib.import_module("torchrecurrent")
    torch = importlib.import_module("torch")
    cells = {
        "AntisymmetricRNN": (library.AntisymmetricRNNCell, {"epsilon": 0.1, "gamma": 0.2}, ()),
        "GatedAntisymmetricRNN": (library.GatedAntisymmetricRNNCell, {"epsilon": 0.1, "gamma": 0.2}, ()),
        "BRC": (library.BRCell, {}, ()),
        "NBRC": (library.NBRCell, {}, ()),
        "CFN": (library.CFNCell, {}, [("bias_ih", slice(2 * H, None))]),
        "CoRNN": (library.coRNNCell, {"dt": 0.1, "gamma": 1.5, "epsilon": 0.7}, ()),
        "IndRNN": (library.IndRNNCell, {"nonlinearity": "relu"}, ()),
        "LiGRU": (library.LiGRUCell, {}, ()),
        "MGU": (library.MGUCell, {}, ()),
        "MinimalRNN": (library.MinimalRNNCell, {}, ()),
        "MultiplicativeLSTM": (library.MultiplicativeLSTMCell, {}, [("bias_ih", slice(H)), ("bias_hh", slice(H))]),
        "MUT1": (library.MUT1Cell, {}, [("bias_ih", slice(2 * H, None))]),
        "MUT2": (library.MUT2Cell, {}, ()),
        "MUT3": (library.MUT3Cell, {}, ()),
        "PeepholeLSTM": (library.PeepholeLSTMCell, {}, ()),
        "STAR": (library.STARCell, {}, ()),
        "UGRNN": (library.UGRNNCell, {}, ()),
        "UnICORNN": (library.UnICORNNCell, {"dt": 0.3, "alpha": 0.9}, ()),
        "JANET": (library.JANETCell, {"beta": 1.0}, ()),
    }
    of_two = {"CoRNN": "yz", "UnICORNN": "yz", "PeepholeLSTM": "hc", "MultiplicativeLSTM": "hc", "JANET": "hc"}
    for n, (name, (kind, arguments, zero)) in enumerate(cells.items()):
        cell = kind(D, H, **arguments).to(torch.float64)
        weights = filled(cell, zero)
        xs = numbers(100 + n, T, B, D, scale=1.0)
        start = {state: numbers(200 + n + k, B, H) for k, state in enumerate(of_two.get(name, "h"))}
        if name == "JANET":  # two states for one: h and c are the same
            start["c"] = start["h"]
        yield name, record(weights, xs, start, *stepped(cell, xs, start))


def ncps():
    """Yields CfC and LTC after irregular times, each time step beside its input."""
    torch = importlib.import_module("torch")
    library, wirings = importlib.import_module("ncps.torch"), importlib.import_module("ncps.wirings")
    cfc = library.cfc_cell.CfCCell
    wiring = wirings.FullyConnected(H, H)
    cells = {
        "CfC": cfc(D, H, backbone_units=5, backbone_layers=2),
        "CfC-no_gate": cfc(D, H, mode="no_gate", backbone_units=5, backbone_layers=1),
        "LTC": library.ltc_cell.LTCCell(wiring, D, None, None, implicit_param_constraints=True),
    }
    for n, (name, cell) in enumerate(cells.items()):
        cell = cell.to(torch.float64)
        fixed = {key: p.detach().numpy() for key, p in cell.named_parameters() if not p.requires_grad}
        weights = filled(cell)
        for key, value in fixed.items():  # masks of synapses
            getattr(cell, key).data = torch.tensor(value)
            weights[key] = value
        xs, times = numbers(100 + n, T, B, D, scale=1.0), np.exp(numbers(300 + n, T, B))
        state = torch.tensor(start := numbers(200 + n, B, H))
        ys = []
        for x, time in zip(torch.tensor(xs), torch.tensor(times), strict=True):
            _, state = cell(x, state, time[:, None])
            ys.append(state.detach().numpy())
        weights["time_steps"] = times
        yield name, record(weights, xs, {"h": start}, np.stack(ys), {"h": ys[-1]})


def recurrentgemma():
    """Yields the RG-LRU from its start, with a reset at the fifth step of the second sequence."""
    torch = importlib.import_module("torch")
    cell = importlib.import_module("recurrentgemma.torch.layers").RGLRU(H, 1).to(torch.float64)
    weights = filled(cell)
    xs = numbers(100, T, B, H, scale=1.0)
    positions = np.stack([np.arange(T), np.arange(T)], axis=1)
    positions[4:, 1] -= 4
    with torch.no_grad():
        ys, final = cell(torch.tensor(xs).transpose(0, 1), torch.tensor(positions.T.copy()))
    weights["resets"] = positions == 0
    yield "RGLRU", record(weights, xs, {}, ys.transpose(0, 1).numpy(), {"h": final.numpy()})


def torch():
    """Yields the LSTM with a projection."""
    library = importlib.import_module("torch")
    layer = library.nn.LSTM(D, H, proj_size=2).to(library.float64)
    weights = filled(layer)
    xs, start = numbers(100, T, B, D, scale=1.0), {"h": numbers(200, B, 2), "c": numbers(201, B, H)}
    ys, final = layer(library.tensor(xs), tuple(library.tensor(s)[None] for s in start.values()))
    final = {name: s[0].detach().numpy() for name, s in zip(start, final, strict=True)}
    yield "ProjectedLSTM", record(weights, xs, start, ys.detach().numpy(), final)


def tensorflow():
    """Yields the layer-normalised LSTM and the one with peepholes of the Addons, and Keras's ConvLSTM."""
    library = importlib.import_module("tensorflow")
    library.keras.backend.set_floatx("float64")
    addons = importlib.import_module("tensorflow_addons").rnn
    convolution = library.keras.layers.ConvLSTM2D(H, 3, padding="same", recurrent_activation="sigmoid")
    cells = {
        "LayerNormLSTM": (addons.LayerNormLSTMCell(H), ()),
        "PeepholeLSTM-addons": (addons.PeepholeLSTMCell(H), ()),
        "ConvLSTM": (convolution.cell, (5, 4)),
    }
    for n, (name, (cell, space)) in enumerate(cells.items()):
        cell.build((B, *space, D))
        weights = {w.name.partition(":")[0].replace("/", "."): numbers(k, *w.shape) for k, w in enumerate(cell.weights)}
        cell.set_weights(list(weights.values()))
        xs = numbers(100 + n, T, B, *space, D, scale=1.0)
        start = {state: numbers(200 + 10 * n + k, B, *space, H) for k, state in enumerate("hc")}
        state, ys = [library.constant(s) for s in start.values()], []
        for x in xs:
            y, state = cell(library.constant(x), state)
            ys.append(y.numpy())
        final = {key: s.numpy() for key, s in zip(start, state, strict=True)}
        yield name, record(weights, xs, start, np.stack(ys), final)


def exprnn():
    """Yields the orthogonal RNN."""
    torch = importlib.import_module("torch")
    orthogonal = importlib.import_module("orthogonal")
    start_of = importlib.import_module("initialization").cayley_init_
    cell = orthogonal.OrthogonalRNN(D, H, start_of, "static", torch.linalg.matrix_exp).to(torch.float64)
    weights = filled(cell)
    xs, h = numbers(100, T, B, D, scale=1.0), numbers(200, B, H)
    yield "ExpRNN", record(weights, xs, {"h": h}, *stepped(lambda x, h: cell(x, h)[0], xs, {"h": h}))


def cornn():
    """Yields coRNN; its cell takes and returns y before z."""
    torch = importlib.import_module("torch")
    cell = importlib.import_module("network").coRNNCell(D, H, 0.1, 1.5, 0.7).to(torch.float64)
    weights = filled(cell)
    xs, start = numbers(100, T, B, D, scale=1.0), {"y": numbers(200, B, H), "z": numbers(201, B, H)}
    yield "CoRNN-authors", record(weights, xs, start, *stepped(lambda x, s: cell(x, *s), xs, start))


def lipschitz():
    """Yields the Lipschitz RNN by Euler's method and by the midpoint; the source gives the last state of a run alone.

    Its step size is of single precision, 1/4 is not rounded.
    """
    library = importlib.import_module("torch")
    library._utils._accumulate = itertools.accumulate  # a name that the source is older than the end of
    models = importlib.import_module("models")
    for kind, method in (("LipschitzRNN", "euler"), ("LipschitzRNN_ODE", "midpoint")):
        model = models.RnnModels(D, H, H, 0.25, 0.7, 0.05, model=kind, solver=method)
        library.set_default_dtype(library.float64)
        model = model.to(library.float64)
        weights = filled(model)
        for owner in (model, getattr(model, "func", model)):
            owner.I = library.eye(H)
        model.D.weight.data, model.D.bias.data = library.eye(H), library.zeros(H)
        xs = numbers(100, T, B, D, scale=1.0)
        runs = library.tensor(xs).transpose(0, 1)
        make = library.zeros
        library.zeros = lambda *shape: make(*shape, dtype=library.float64)  # its states are of single precision
        ys = np.stack([model(runs[:, : t + 1]).detach().numpy() for t in range(T)])
        library.zeros = make
        yield f"LipschitzRNN-{method}", record(weights, xs, {}, ys, {"h": ys[-1]})


def lru():
    """Yields the LRU, without what goes past its state."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    layer = importlib.import_module("lru.model").LRU(d_hidden=H, d_model=D, r_min=0.3, r_max=0.9)
    xs = numbers(100, T, B, D, scale=1.0)
    drawn = layer.init(jax.random.key(0), xs[:, 0])["params"]
    weights = {name: numbers(k, *drawn[name].shape) for k, name in enumerate(sorted(drawn))}
    weights["D"] = np.zeros(D)
    ys = np.stack([layer.apply({"params": weights}, xs[:, b]) for b in range(B)], axis=1)
    yield "LRU", record(weights, xs, {}, ys, {})


def s5():
    """Yields S5 in both discretisations, without what goes past its state."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jax.numpy.DeviceArray = jax.Array  # a name that the source is older than the end of
    module = importlib.import_module("s5.ssm")
    v = np.linalg.qr(numbers(1, 2 * H, 2 * H) + 1j * numbers(2, 2 * H, 2 * H))[0][:, :H]
    for method in ("zoh", "bilinear"):
        layer = module.S5SSM(
            *(-np.abs(numbers(3, H)), numbers(4, H), v, v.conj().T, D, H, "lecun_normal", method, 0.01, 0.1),
        )
        xs = numbers(100, T, B, D, scale=1.0)
        drawn = layer.init(jax.random.key(0), xs[:, 0])["params"]
        weights = {name: numbers(5 + k, *np.shape(drawn[name])) for k, name in enumerate(sorted(drawn))}
        weights["Lambda_re"] = -np.abs(weights["Lambda_re"])
        weights["D"] = np.zeros(D)
        ys = np.stack([layer.apply({"params": weights}, xs[:, b]) for b in range(B)], axis=1)
        yield f"S5-{method}", record(weights, xs, {}, ys, {})


SOURCES = {
    f.__name__: f for f in (torch, torchrecurrent, ncps, recurrentgemma, tensorflow, exprnn, cornn, lipschitz, lru, s5)
}


def main(source, checkout=None):
    """Records a source."""
    if checkout is not None:
        sys.path.insert(0, checkout)
    arrays = {f"{name}/{part}": a for name, found in SOURCES[source]() for part, a in found.items()}
    np.savez_compressed(HERE / f"{source}.npz", **arrays)
    print(f"{source}: {len({name.partition('/')[0] for name in arrays})} cells")


if __name__ == "__main__":
    sys.path.remove(str(HERE))  # sources have modules of their own
    main(*sys.argv[1:])
