"""The default gradient-flow study: how far back does the gradient reach in an RNN, an LSTM and a GRU?

Claim: before training, how a cell starts decides how far its gradient reaches, as much as its kind does.
An RNN keeps it or loses it by the draw of its recurrent weights, an LSTM by its forget bias, a GRU by the bias of z.
Training on text changes the reach by many orders of magnitude.

    make gradient-flow
    python -m experiments.gradient_flow --config=configs/gradient_flow.py --workdir=runs/gradient_flow

Duration: two and a half minutes of CPU time
Expect:   median norm at distance 128 over that at 0, three seeds, at initialisation and after 400 steps:
          RNN: PyTorch's uniform 7e-31, 3e-24; Gaussian 3e-3, 5e-27; orthogonal 4e-4, 3e-27; identity 1e-3, 2e-15
          LSTM: forget bias 0 7e-18, 4e-14; forget bias 1 3e-3, 1e-13; forget bias 3 9, 3e-15
          GRU: z starts at 0.5 2e-17, 1e-28; z starts at 0.05 2e-2, 2e-2
          (the text differs between Python versions, and so do these)
"""

import ml_collections

CELLS = (
    "rnn(input_init=torch_uniform, recurrent_init=torch_uniform, bias_init=torch_uniform(draws=2)) as 'RNN, PyTorch'",
    "rnn(recurrent_init=gaussian) as 'RNN, Gaussian'",
    "rnn as 'RNN, orthogonal'",
    "rnn(recurrent_init=identity) as 'RNN, identity'",
    "lstm(forget_bias=0.0) as 'LSTM, forget bias 0'",
    "lstm(forget_bias=1.0) as 'LSTM, forget bias 1'",
    "lstm(forget_bias=3.0) as 'LSTM, forget bias 3'",
    "gru(forget_bias=0.0) as 'GRU, z starts at 0.5'",
    "gru(forget_bias=3.0) as 'GRU, z starts at 0.05'",
)
"""Every family as it is commonly initialised. In a GRU here, z is the share of the new candidate: z closed keeps."""


def get_config():
    """Returns the configuration; every field can be set on the command line, e.g. --config.cells=lstm,gru."""
    config = ml_collections.ConfigDict()
    config.cells = ",".join(CELLS)
    config.hidden_size = 32
    config.seeds = 3
    config.seed = 0
    config.data = ml_collections.ConfigDict({"source": "text", "path": "", "variance": 1.0, "features": 32})
    config.measure = ml_collections.ConfigDict(
        {"length": 128, "batch": 16, "jacobian_batch": 1, "lyapunov_length": 400, "dtype": "float64"}
    )
    config.train = ml_collections.ConfigDict(
        {
            "snapshots": (0, 5, 10, 20, 50, 100, 200, 400),
            "batch": 16,
            "length": 64,
            "learning_rate": 5e-3,
            "clip_norm": 1.0,
        }
    )
    config.axes = ml_collections.ConfigDict({"hidden_size": (), "length": (), "forget_bias": (), "gain": ()})
    return config
