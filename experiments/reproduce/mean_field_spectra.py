"""Measures Jacobians of wide random networks beside their theory: tanh, minimalRNN, GRU and LSTM.

Claim:    see the header of the config.
Command:  python -m experiments.reproduce.mean_field_spectra --workdir=runs/mean_field_spectra
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from scipy.special import expit

from experiments.common.config import require, require_seed
from experiments.common.progress import say
from experiments.common.report import Table
from experiments.common.statistics import holm
from experiments.reproduce.small_study import Report, SmallStudy
from recurrax.gradflow import theory

CRITICAL = (6.88, 1.39, 0.46)
"""sigma_w, sigma_v and R of the published critical point of the minimalRNN, whose gate bias is 0."""


@dataclasses.dataclass(frozen=True)
class Spectra:
    """What to measure.

    Attributes:
      weight_variances: sw2 of the tanh networks.
      input_variance: of a tanh unit, and of every gate of a GRU or LSTM.
      gains: of the matrices of GRU and LSTM.
      hidden_size: N, units.
      settle: steps until a state has forgotten how it began.
      seeds: networks.
      seed: of the first.
    """

    weight_variances: tuple[float, ...]
    input_variance: float
    gains: tuple[float, ...]
    hidden_size: int
    settle: int
    seeds: int
    seed: int

    def __post_init__(self):
        for field in ("weight_variances", "gains"):
            values = getattr(self, field)
            require(bool(values) and all(v > 0 for v in values), field, values, "one or more, above 0")
        require(self.input_variance >= 0, "input_variance", self.input_variance, "at least 0")
        for field in ("hidden_size", "settle"):
            require(getattr(self, field) >= 2, field, getattr(self, field), "at least 2")
        require(self.seeds >= 2, "seeds", self.seeds, "at least 2, for an error")
        require_seed(self.seed, self.seeds)


class Compared(NamedTuple):
    """A number that theory gives and networks have."""

    what: str
    theory: np.ndarray
    """`[seeds]`; the same for all networks unless it takes their gates."""
    measured: np.ndarray
    """`[seeds]`."""

    @property
    def error(self) -> float:
        """Standard error of the measured mean."""
        return float(self.measured.std(ddof=1) / len(self.measured) ** 0.5)

    @property
    def gap(self) -> float:
        """How far the measured mean lies from that of theory, as a share of it."""
        return float(self.measured.mean() / self.theory.mean() - 1)

    @property
    def p(self) -> float:
        """Student's test, two-sided, that the networks' differences from theory have mean 0."""
        _, p = scipy.stats.ttest_1samp(self.measured - self.theory, 0.0)
        return float(np.asarray(p))


class Eigenvalues(NamedTuple):
    """Eigenvalues of the Jacobian of one network, and the edge of their support."""

    values: np.ndarray
    growth: Callable[[np.ndarray], np.ndarray]
    kept: np.ndarray
    """What units keep, `[N]`."""


def tanh(weight_variance: float, orthogonal: bool, config: Spectra, rng: np.random.Generator) -> np.ndarray:
    """Returns the Jacobian of a driven tanh network's last step."""
    w = _matrices(rng, 1, config.hidden_size, 1.0)[0]
    w = weight_variance**0.5 * (np.linalg.qr(w)[0] if orthogonal else w)
    h = np.zeros(config.hidden_size)
    for _ in range(config.settle):
        h = np.tanh(w @ h + config.input_variance**0.5 * rng.standard_normal(h.shape))
    return (1 - h**2)[:, None] * w


def minimal_rnn(tied: bool, config: Spectra, rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Returns the Jacobian of a minimalRNN's last step at the published critical point, and its Q.

    Where weights are not tied, they are drawn anew at every step, so that gates have no memory, as the theory has it.
    """
    sigma_w, sigma_v, r = CRITICAL
    w, v = _matrices(rng, 2, config.hidden_size, 1.0)
    h = before = u = n = np.zeros(config.hidden_size)
    for _ in range(config.settle):
        if not tied:
            w, v = _matrices(rng, 2, config.hidden_size, 1.0)
        n, before = r**0.5 * rng.standard_normal(h.shape), h
        u = expit(sigma_w * w @ h + sigma_v * v @ n)
        h = u * h + (1 - u) * n
    return np.diag(u) + sigma_w * ((before - n) * u * (1 - u))[:, None] * w, float(np.mean(before**2))


def gru(gain: float, config: Spectra, rng: np.random.Generator) -> Eigenvalues:
    """Returns the eigenvalues of a driven GRU's last step."""
    u_r, u_z, u_n = _matrices(rng, 3, config.hidden_size, gain)
    h = before = r = z = n = np.zeros(config.hidden_size)
    for _ in range(config.settle):
        x, before = config.input_variance**0.5 * rng.standard_normal((3, *h.shape)), h
        r, z = expit(u_r @ h + x[0]), expit(u_z @ h + x[1])
        n = np.tanh(u_n @ (r * h) + x[2])
        h = (1 - z) * h + z * n
    reset = np.diag(r) + _rows(before * r * (1 - r), u_r)
    jacobian = np.diag(1 - z) + _rows(z * (1 - n**2), u_n) @ reset + _rows((n - before) * z * (1 - z), u_z)

    def growth(points):
        return theory.gated_unit_support(points, before, r, z, n, gain)

    return Eigenvalues(np.linalg.eigvals(jacobian), growth, 1 - z)


def lstm(gain: float, config: Spectra, rng: np.random.Generator) -> Eigenvalues:
    """Returns the eigenvalues, of the joint state, of a driven LSTM's last step; its forget bias is 1."""
    u_i, u_f, u_g, u_o = _matrices(rng, 4, config.hidden_size, gain)
    h = c = before = i = f = g = o = np.zeros(config.hidden_size)
    for _ in range(config.settle):
        x, before = config.input_variance**0.5 * rng.standard_normal((4, *h.shape)), c
        i, f, o = expit(u_i @ h + x[0]), expit(u_f @ h + x[1] + 1), expit(u_o @ h + x[3])
        g = np.tanh(u_g @ h + x[2])
        c = f * c + i * g
        h = o * np.tanh(c)
    into = _rows(before * f * (1 - f), u_f) + _rows(g * i * (1 - i), u_i) + _rows(i * (1 - g**2), u_g)
    shown = o * (1 - np.tanh(c) ** 2)
    to_h = _rows(shown, into) + _rows(np.tanh(c) * o * (1 - o), u_o)
    jacobian = np.block([[np.diag(f), into], [np.diag(shown * f), to_h]])

    def growth(points):
        return theory.joint_cell_support(points, before, c, i, f, g, o, gain)

    return Eigenvalues(np.linalg.eigvals(jacobian), growth, f)


def moments(jacobian: np.ndarray) -> tuple[float, float]:
    """Returns mean and variance of the squared singular values."""
    squared = np.linalg.svd(jacobian, compute_uv=False) ** 2
    return float(squared.mean()), float(squared.var())


def report(config: Spectra) -> Report:
    """Measures all networks."""
    from experiments.reproduce.figures import mean_field_spectra as figure  # Matplotlib takes its time

    compared: list[Compared] = []
    for variance in config.weight_variances:
        for orthogonal in (False, True):
            seen = np.array([moments(tanh(variance, orthogonal, config, rng)) for rng in _generators(config)])
            expected = theory.isometry_tanh(variance, config.input_variance, orthogonal=orthogonal)
            name = f"tanh, {'orthogonal' if orthogonal else 'Gaussian'}, σ² = {variance:g}"
            names = [f"{name}: {what}" for what in MOMENTS]
            compared += [_same(*row) for row in zip(names, expected, seen.T, strict=True)]
    compared += critical_point(config)
    say("measured singular values")
    drawn: dict[str, Eigenvalues] = {}
    for name, network in {"GRU": gru, "LSTM": lstm}.items():
        for gain in config.gains:
            networks = [network(gain, config, rng) for rng in _generators(config)]
            drawn[f"{name}, gain {gain:g}"] = networks[0]
            radii = np.array([theory.support_radius(one.growth, one.kept) for one in networks])
            found = np.array([np.abs(one.values).max() for one in networks])
            compared.append(Compared(f"{name}, gain {gain:g}: spectral radius", radii, found))
            say(f"measured {name} at gain {gain:g}")
    adjusted = holm([c.p for c in compared])
    rows = [
        (c.what, f"{c.theory.mean():.4g}", f"{c.measured.mean():.4g} ± {c.error:.1g}", f"{c.gap:+.1%}", f"{p:.2g}")
        for c, p in zip(compared, adjusted, strict=True)
    ]
    return Report(
        title="Mean field, isometry and spectra, theory beside simulation",
        lead="How a gradient grows on average is the mean χ of the squared singular values of a step's Jacobian, how "
        "unevenly is their variance (Chen, Pennington & Schoenholz 2018; for gated cells Gilboa et al. 2019). How long "
        "it lasts is told by the eigenvalues, whose support gates move towards 1 (Can, Krishnamurthy & Schwab 2020).",
        findings=findings(compared),
        tables=[Table("Theory and simulation", ("what", "theory", "simulation", "difference", "p"), rows,
                      f"{config.seeds} random networks of {config.hidden_size} units; ± standard error. Theory of a "
                      "spectral radius takes the gates of each network. p: Student's test of the networks' differences "
                      "from theory, two-sided, after Holm's correction for all rows.")],
        drawings=[figure.draw(drawn, config)],
        results=results(compared, config),
    )  # fmt: skip


def results(compared: Sequence[Compared], config: Spectra) -> dict[str, list]:
    """Returns a row for every number and network."""
    rows = [
        (c.what, config.seed + n, value, expected)
        for c in compared
        for n, (value, expected) in enumerate(zip(c.measured, c.theory, strict=True))
    ]
    return dict(zip(("quantity", "seed", "value", "theory"), map(list, zip(*rows, strict=True)), strict=True))


MOMENTS = ("χ", "variance of squared singular values")


def critical_point(config: Spectra) -> list[Compared]:
    """Compares the minimalRNN at its published critical point."""
    sigma_w, sigma_v, r = CRITICAL
    expected = theory.isometry_minimal_rnn(sigma_w**2, sigma_v**2, r)
    field = theory.mean_field_minimal_rnn(sigma_w**2, sigma_v**2, r)
    compared = []
    for tied, name in ((True, "minimalRNN"), (False, "minimalRNN with weights drawn anew at every step")):
        networks = [minimal_rnn(tied, config, rng) for rng in _generators(config)]
        seen = np.array([(*moments(jacobian), state) for jacobian, state in networks])
        names = [f"{name}: {what}" for what in (*MOMENTS, "Q, mean square of the state")]
        compared += [_same(*row) for row in zip(names, (*expected, field.state_variance), seen.T, strict=True)]
    return compared


def findings(compared: Sequence[Compared]) -> list[str]:
    """Returns how far theory and simulation agree, by kind of number."""
    kinds: Mapping[str, list[Compared]] = {
        "mean squared singular values (χ)": [c for c in compared if c.what.endswith(": χ")],
        "variances of squared singular values": [c for c in compared if "variance of squared" in c.what],
        "spectral radii of gated networks": [c for c in compared if "radius" in c.what],
    }
    sentences = []
    for kind, members in kinds.items():
        if members:
            worst = max(members, key=lambda c: abs(c.gap))
            sentences.append(
                f"The {len(members)} {kind} differ from theory by at most {abs(worst.gap):.1%}, for "
                f"{worst.what.partition(':')[0]}."
            )
    apart = [c.what for c, p in zip(compared, holm([c.p for c in compared]), strict=True) if p < 0.05]
    sentences.append(
        f"Student's test tells {len(apart) or 'none'} of the {len(compared)} numbers from theory "
        f"(p < 0.05 after Holm's correction){': ' + '; '.join(apart) if apart else ''}."
    )
    for c in compared:
        if c.what.startswith("minimalRNN") and c.what.endswith(": χ"):
            sentences.append(
                f"At the published critical point theory gives χ = {c.theory.mean():.4f}, a {c.what.partition(':')[0]} "
                f"{c.measured.mean():.3f} ± {c.error:.3f}."
            )
    return sentences


def _same(what: str, expected: float, measured: np.ndarray) -> Compared:
    """Compares with one number for all networks."""
    return Compared(what, np.full(len(measured), expected), measured)


def _matrices(rng: np.random.Generator, count: int, size: int, gain: float) -> np.ndarray:
    return rng.standard_normal((count, size, size)) * gain / size**0.5


def _rows(scale: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    return scale[:, None] * matrix


def _generators(config: Spectra) -> list[np.random.Generator]:
    return [np.random.default_rng(config.seed + n) for n in range(config.seeds)]


STUDY = SmallStudy(Spectra, report, "configs/reproduce/mean_field_spectra.py")

if __name__ == "__main__":
    STUDY.run(__doc__ or "")
