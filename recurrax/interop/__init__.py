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
