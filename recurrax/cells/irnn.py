"""The network of rectified units that begins as an identity."""

import dataclasses

from recurrax.cells.rnn import RNN
from recurrax.initializers import Identity, Initializer, Normal


@dataclasses.dataclass(frozen=True)
class IRNN(RNN):
    """IRNN (Le, Jaitly & Hinton 2015): rectified units whose recurrent matrix is the identity at first.

        h_t = max(0, W x_t + U h_{t-1} + b)             U = 1, b = 0, W ~ N(0, 0.001^2) at first

    A state stays as it is until something moves it, and so does the gradient: an RNN for long-term dependencies with
    nothing but its initialisation changed. It is `RNN` with other defaults.

    Attributes:
      hidden_size, activation, use_bias, bias_init: as in `RNN`.
      input_init: how W is drawn.
      recurrent_init: how U is drawn; the paper takes `Identity(0.01)` where long memory harms.
    """

    activation: str = "relu"
    _: dataclasses.KW_ONLY
    input_init: Initializer = Normal(0.001)
    recurrent_init: Initializer = Identity()
