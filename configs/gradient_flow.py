"""The default gradient-flow study: how far back does the gradient reach in an RNN, an LSTM and a GRU?

Claim: at initialisation the gradient norm falls exponentially with distance, over about as many steps as the forget
gate's bias says in an LSTM, fewer in an RNN and a GRU; training on text lengthens the reach of the gated cells.

    make gradient-flow
    python -m experiments.gradient_flow --config=configs/gradient_flow.py --workdir=runs/gradient_flow

Duration: DURATION_PLACEHOLDER
Expect:   EXPECT_PLACEHOLDER
"""

import ml_collections


def get_config():
    """Returns the configuration; every field can be set on the command line, e.g. --config.cells=lstm,gru."""
    config = ml_collections.ConfigDict()
    config.cells = "rnn,lstm,gru"
    config.hidden_size = 32
    config.seeds = 4
    config.seed = 0
    config.data = ml_collections.ConfigDict({"source": "text", "path": "", "variance": 1.0, "features": 32})
    config.flow = ml_collections.ConfigDict({"length": 128, "batch": 16, "jacobian_batch": 2, "lyapunov_length": 400})
    config.train = ml_collections.ConfigDict(
        {
            "snapshots": (0, 5, 10, 20, 50, 100, 200),
            "batch": 32,
            "length": 64,
            "learning_rate": 5e-3,
            "clip_norm": 1.0,
        }
    )
    return config
