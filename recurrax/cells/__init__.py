"""Recurrent cells, one file per cell or close family; a cell is known by its file, none is listed."""

# Made by `make exports`.
from typing import TYPE_CHECKING

from recurrax._util.lazy import exports

if TYPE_CHECKING:
    from recurrax.cells._base.timed import Timed
    from recurrax.cells.antisymmetric_rnn import AntisymmetricRNN
    from recurrax.cells.brc import BRC
    from recurrax.cells.cfc import CfC
    from recurrax.cells.cfn import CFN
    from recurrax.cells.clockwork_rnn import ClockworkRNN
    from recurrax.cells.conv_gru import ConvGRU
    from recurrax.cells.conv_lstm import ConvLSTM
    from recurrax.cells.cornn import CoRNN
    from recurrax.cells.depth_gated_lstm import DepthGatedLSTM
    from recurrax.cells.diagonal_gru import DiagonalGRU
    from recurrax.cells.exp_rnn import ExpRNN
    from recurrax.cells.greff_lstm import GreffLSTM
    from recurrax.cells.grid_lstm import GridLSTM
    from recurrax.cells.gru import GRU
    from recurrax.cells.indrnn import IndRNN
    from recurrax.cells.irnn import IRNN
    from recurrax.cells.janet import JANET
    from recurrax.cells.layer_norm_gru import LayerNormGRU
    from recurrax.cells.layer_norm_lstm import LayerNormLSTM
    from recurrax.cells.leaky_rnn import LeakyRNN
    from recurrax.cells.lem import LEM
    from recurrax.cells.li_gru import LiGRU
    from recurrax.cells.lipschitz_rnn import LipschitzRNN
    from recurrax.cells.lmu import LMU
    from recurrax.cells.lru import LRU
    from recurrax.cells.lstm import LSTM
    from recurrax.cells.ltc import LTC
    from recurrax.cells.mgu import MGU
    from recurrax.cells.min_gru import MinGRU
    from recurrax.cells.min_lstm import MinLSTM
    from recurrax.cells.minimal_rnn import MinimalRNN
    from recurrax.cells.mlstm import MLSTM
    from recurrax.cells.multiplicative_lstm import MultiplicativeLSTM
    from recurrax.cells.mut import MUT1, MUT2, MUT3
    from recurrax.cells.nbrc import NBRC
    from recurrax.cells.nru import NRU
    from recurrax.cells.peephole_lstm import PeepholeLSTM
    from recurrax.cells.projected_lstm import ProjectedLSTM
    from recurrax.cells.qrnn import QRNN
    from recurrax.cells.recurrent_skip_rnn import RecurrentSkipRNN
    from recurrax.cells.rg_lru import RGLRU
    from recurrax.cells.rhn import RHN
    from recurrax.cells.rnn import RNN
    from recurrax.cells.s5 import S5
    from recurrax.cells.scrn import SCRN
    from recurrax.cells.slstm import SLSTM
    from recurrax.cells.sru import SRU
    from recurrax.cells.star import STAR
    from recurrax.cells.ugrnn import UGRNN
    from recurrax.cells.unicornn import UnICORNN
    from recurrax.cells.unitary_rnn import UnitaryRNN
else:
    __getattr__, __dir__ = exports(
        __name__,
        {
            "BRC": "brc",
            "CFN": "cfn",
            "GRU": "gru",
            "IRNN": "irnn",
            "JANET": "janet",
            "LEM": "lem",
            "LMU": "lmu",
            "LRU": "lru",
            "LSTM": "lstm",
            "LTC": "ltc",
            "MGU": "mgu",
            "MLSTM": "mlstm",
            "MUT1": "mut",
            "MUT2": "mut",
            "MUT3": "mut",
            "NBRC": "nbrc",
            "NRU": "nru",
            "QRNN": "qrnn",
            "RGLRU": "rg_lru",
            "RHN": "rhn",
            "RNN": "rnn",
            "S5": "s5",
            "SCRN": "scrn",
            "SLSTM": "slstm",
            "SRU": "sru",
            "STAR": "star",
            "UGRNN": "ugrnn",
            "AntisymmetricRNN": "antisymmetric_rnn",
            "CfC": "cfc",
            "ClockworkRNN": "clockwork_rnn",
            "CoRNN": "cornn",
            "ConvGRU": "conv_gru",
            "ConvLSTM": "conv_lstm",
            "DepthGatedLSTM": "depth_gated_lstm",
            "DiagonalGRU": "diagonal_gru",
            "ExpRNN": "exp_rnn",
            "GreffLSTM": "greff_lstm",
            "GridLSTM": "grid_lstm",
            "IndRNN": "indrnn",
            "LayerNormGRU": "layer_norm_gru",
            "LayerNormLSTM": "layer_norm_lstm",
            "LeakyRNN": "leaky_rnn",
            "LiGRU": "li_gru",
            "LipschitzRNN": "lipschitz_rnn",
            "MinGRU": "min_gru",
            "MinLSTM": "min_lstm",
            "MinimalRNN": "minimal_rnn",
            "MultiplicativeLSTM": "multiplicative_lstm",
            "PeepholeLSTM": "peephole_lstm",
            "ProjectedLSTM": "projected_lstm",
            "RecurrentSkipRNN": "recurrent_skip_rnn",
            "Timed": "_base.timed",
            "UnICORNN": "unicornn",
            "UnitaryRNN": "unitary_rnn",
        },
    )

__all__ = [
    "BRC",
    "CFN",
    "GRU",
    "IRNN",
    "JANET",
    "LEM",
    "LMU",
    "LRU",
    "LSTM",
    "LTC",
    "MGU",
    "MLSTM",
    "MUT1",
    "MUT2",
    "MUT3",
    "NBRC",
    "NRU",
    "QRNN",
    "RGLRU",
    "RHN",
    "RNN",
    "S5",
    "SCRN",
    "SLSTM",
    "SRU",
    "STAR",
    "UGRNN",
    "AntisymmetricRNN",
    "CfC",
    "ClockworkRNN",
    "CoRNN",
    "ConvGRU",
    "ConvLSTM",
    "DepthGatedLSTM",
    "DiagonalGRU",
    "ExpRNN",
    "GreffLSTM",
    "GridLSTM",
    "IndRNN",
    "LayerNormGRU",
    "LayerNormLSTM",
    "LeakyRNN",
    "LiGRU",
    "LipschitzRNN",
    "MinGRU",
    "MinLSTM",
    "MinimalRNN",
    "MultiplicativeLSTM",
    "PeepholeLSTM",
    "ProjectedLSTM",
    "RecurrentSkipRNN",
    "Timed",
    "UnICORNN",
    "UnitaryRNN",
]
