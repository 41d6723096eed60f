"""Weights to and from other libraries, exactly: arrays in, arrays out, and none of these libraries is imported.

| module | cells of the library | exact for |
|---|---|---|
| `torch` | `nn.RNN`, `nn.LSTM`, `nn.GRU`; layers, directions | RNN, LSTM, ProjectedLSTM, GRU(reset="after"), Stack |
| `linen` | `SimpleCell`, `(Optimized)LSTMCell`, `GRUCell` | RNN, LSTM, GRU(reset="after") |
| `nnx` | `SimpleCell`, `(Optimized)LSTMCell`, `GRUCell` | RNN, LSTM, GRU(reset="after") with b_hn = 0 |
| `haiku` | `VanillaRNN`, `LSTM`, `GRU` | RNN(activation="relu"), LSTM, GRU(reset="before") |
| `equinox` | `LSTMCell`, `GRUCell` | LSTM, GRU(reset="after") |
| `keras` | `SimpleRNN`, `LSTM`, `GRU`, either `reset_after` | RNN, LSTM, GRU |
| `cudnn` | flat weights of `jax.experimental.rnn`, as `torch` | LSTM, Stack of LSTM |

Everything else is refused with the reason. The two forms of the GRU are different functions, and no weights turn one
into the other; Flax's MGUCell differs from MGU in the same way; nnx' GRUCell has no b_hn. Where a library has two
biases, they are added up on the way here, and on the way there one of them is 0: the function is the same, while
training differs, since two biases get the gradient twice. `safetensors` reads and writes files of named arrays.
"""

# Made by `make exports`.
from typing import TYPE_CHECKING

from recurrax._util.lazy import exports

if TYPE_CHECKING:
    from recurrax.interop.cudnn import from_cudnn, to_cudnn
    from recurrax.interop.equinox import from_equinox, to_equinox
    from recurrax.interop.haiku import from_haiku, to_haiku
    from recurrax.interop.keras import from_keras, to_keras
    from recurrax.interop.linen import from_linen, to_linen
    from recurrax.interop.nnx import from_nnx, to_nnx
    from recurrax.interop.safetensors import read_metadata, read_safetensors, write_safetensors
    from recurrax.interop.torch import from_torch, to_torch
else:
    __getattr__, __dir__ = exports(
        __name__,
        {
            "from_cudnn": "cudnn",
            "from_equinox": "equinox",
            "from_haiku": "haiku",
            "from_keras": "keras",
            "from_linen": "linen",
            "from_nnx": "nnx",
            "from_torch": "torch",
            "read_metadata": "safetensors",
            "read_safetensors": "safetensors",
            "to_cudnn": "cudnn",
            "to_equinox": "equinox",
            "to_haiku": "haiku",
            "to_keras": "keras",
            "to_linen": "linen",
            "to_nnx": "nnx",
            "to_torch": "torch",
            "write_safetensors": "safetensors",
        },
    )

__all__ = [
    "from_cudnn",
    "from_equinox",
    "from_haiku",
    "from_keras",
    "from_linen",
    "from_nnx",
    "from_torch",
    "read_metadata",
    "read_safetensors",
    "to_cudnn",
    "to_equinox",
    "to_haiku",
    "to_keras",
    "to_linen",
    "to_nnx",
    "to_torch",
    "write_safetensors",
]
