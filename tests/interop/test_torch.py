"""PyTorch's weights; tests marked `peers` run it, the others stand modules in for its own."""

import numpy as np
import pytest

from recurrax import GRU, LSTM, RNN
from recurrax.cells.projected_lstm import ProjectedLSTM
from recurrax.interop.torch import from_torch, to_torch
from recurrax.wrappers.stack import Stack
from tests.interop.examples import AFTER, PLAIN, RELU, SIZE, WIDTH, close, equal, inputs, ours, random_params

CELLS = [
    RNN(WIDTH),
    RELU,
    LSTM(WIDTH),
    LSTM(WIDTH, forget_bias=0.0, **PLAIN),
    ProjectedLSTM(WIDTH, output_size=4),
    AFTER,
    GRU(WIDTH, reset="after", **PLAIN),
    Stack((LSTM(WIDTH), LSTM(WIDTH), LSTM(WIDTH))),
]


class Module:
    """What `from_torch` asks of a module."""

    def __init__(self, state):
        self.state = state

    def state_dict(self):
        return self.state


class Tensor:
    """What NumPy refuses of a tensor: one of bfloat16 on a GPU that needs a gradient."""

    dtype = "torch.bfloat16"

    def __init__(self, array, steps=("detach", "cpu", "float", "numpy")):
        self.array, self.steps = array, steps

    def __array__(self, *_, **__):
        raise TypeError("Got unsupported ScalarType BFloat16")

    def __getattr__(self, name):
        if name != self.steps[0]:
            raise AttributeError(name)
        rest = self.steps[1:]
        return lambda: Tensor(self.array, rest) if rest else self.array.astype(np.float32)


def test_a_module_is_taken_as_its_state():
    params = random_params(LSTM(WIDTH))
    equal(from_torch(LSTM(WIDTH), Module(to_torch(LSTM(WIDTH), params))), params)
    with pytest.raises(TypeError, match=r"source must be a torch module or its state_dict\(\), arrays by name; got 3"):
        from_torch(LSTM(WIDTH), 3)


def test_tensors_of_bfloat16_come_as_they_are():
    params = random_params(LSTM(WIDTH), "bfloat16")
    state = {name: Tensor(array) for name, array in to_torch(LSTM(WIDTH), params).items()}
    again = from_torch(LSTM(WIDTH), state)
    assert again.w_x.dtype == "bfloat16"
    equal(again, params)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w.pop("bias_hh_l0"), "source lacks 'bias_hh_l0'; expected weight_ih_l0"),
        (lambda w: w.update(weight_xx_l0=np.zeros(1)), "source has unknown 'weight_xx_l0'"),
        (
            lambda w: w.update(weight_hh_l0=np.zeros((28, 5))),
            r"\['weight_hh_l0'\] must have shape \(28, 7\), got \(28, 5\)",
        ),
        (lambda w: w.clear(), "source lacks 'weight_ih_l0'; it has nothing"),
    ],
)
def test_what_is_wrong_with_a_state_dict_is_named(change, message):
    weights = to_torch(LSTM(WIDTH), random_params(LSTM(WIDTH)))
    change(weights)
    with pytest.raises(ValueError, match=message):
        from_torch(LSTM(WIDTH), weights)


def test_the_prefix_that_was_meant_is_named():
    state = {f"encoder.rnn.{name}": a for name, a in to_torch(LSTM(WIDTH), random_params(LSTM(WIDTH))).items()}
    with pytest.raises(ValueError, match="Give prefix='encoder.rnn'"):
        from_torch(LSTM(WIDTH), state)


def test_a_layer_and_a_direction_are_taken_out_of_many():
    cell = LSTM(WIDTH)
    parts = {(n, back): random_params(cell, seed=2 * n + back) for n in (0, 1) for back in (False, True)}
    state = {}
    for (n, back), params in parts.items():
        state |= to_torch(cell, params, layer=n, reverse=back)
    assert len(state) == 16 and "weight_hh_l1_reverse" in state
    for (n, back), params in parts.items():
        equal(from_torch(cell, state, layer=n, reverse=back), params)


def torch_layer(cell, layers=1, bidirectional=False):
    import torch

    first = cell.layers[0] if cell.layers else cell
    kind = {RNN: torch.nn.RNN, LSTM: torch.nn.LSTM, ProjectedLSTM: torch.nn.LSTM, GRU: torch.nn.GRU}[type(first)]
    options = {"nonlinearity": first.activation} if isinstance(first, RNN) else {}
    options |= {"proj_size": first.output_size} if isinstance(first, ProjectedLSTM) else {}
    layer = kind(SIZE, WIDTH, layers, bias=first.use_bias, bidirectional=bidirectional, **options).double()
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.normal_(0, WIDTH**-0.5)
    return layer


def torch_run(layer):
    import torch

    with torch.no_grad():
        return layer(torch.tensor(inputs()))[0].numpy()


def load(layer, state):
    import torch

    layer.load_state_dict({name: torch.from_numpy(array) for name, array in state.items()})
    return layer


@pytest.mark.peers
@pytest.mark.parametrize("cell", CELLS, ids=repr)
def test_the_same_outputs_with_weights_of_either(x64, cell):
    layer = torch_layer(cell, layers=len(cell.layers) or 1)
    close(ours(cell, from_torch(cell, layer)), torch_run(layer))
    params = random_params(cell) if not cell.layers else tuple(random_params(c, size=s) for c, s in _sizes(cell))
    close(torch_run(load(layer, to_torch(cell, params))), ours(cell, params))


def _sizes(cell):
    return zip(cell.layers, (SIZE, WIDTH, WIDTH), strict=True)


@pytest.mark.peers
def test_the_directions_of_two_layers(x64):
    layer = torch_layer(AFTER, layers=2, bidirectional=True)
    xs = inputs()
    for n in range(2):
        halves = [
            ours(AFTER, from_torch(AFTER, layer, layer=n, reverse=back), reverse=back, xs=xs) for back in (False, True)
        ]
        xs = np.concatenate(halves, -1)
    close(xs, torch_run(layer))


@pytest.mark.peers
def test_a_live_layer_in_bfloat16_within_a_model():
    import torch

    model = torch.nn.ModuleDict({"encoder": torch.nn.LSTM(SIZE, WIDTH), "head": torch.nn.Linear(WIDTH, 1)}).bfloat16()
    found = from_torch(LSTM(WIDTH), model, prefix="encoder")
    assert found.w_h.dtype == "bfloat16"
    expected = model["encoder"].weight_hh_l0.detach().float().numpy().T
    np.testing.assert_array_equal(found.w_h.astype(np.float32), expected)
    named = dict(model["encoder"].named_parameters())  # which need a gradient
    equal(from_torch(LSTM(WIDTH), named), found)
