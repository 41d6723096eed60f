"""Trains on short sequences of several lengths and tests on far longer ones (Pascanu, Mikolov & Bengio 2013).

Claim:    see the header of the config.
Command:  python -m experiments.reproduce.length_extrapolation --workdir=runs/length_extrapolation
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from experiments.common.config import require
from experiments.common.progress import say
from experiments.common.report import Table
from experiments.reproduce.small_study import Report, SmallStudy
from experiments.training.config import Training
from experiments.training.trainer import State, Trainer

TASK = "temporal_order"
SOLVED = 0.01
"""Share of wrong answers below which a length counts as learned, as in the paper."""
TEST_BATCH = 100


@dataclasses.dataclass(frozen=True)
class Extrapolation:
    """What to train and to test.

    Attributes:
      train_lengths: steps of the sequences that are trained on, in turn.
      turn: training steps on one length before the next.
      test_lengths: steps of the sequences that are tested on.
      sequences: of each test, a multiple of 100.
      train: the training; its task is temporal_order, of these lengths.
    """

    train_lengths: tuple[int, ...]
    turn: int
    test_lengths: tuple[int, ...]
    sequences: int
    train: Training

    def __post_init__(self):
        for field in ("train_lengths", "test_lengths"):
            lengths = getattr(self, field)
            require(bool(lengths) and all(n >= 10 for n in lengths), field, lengths, "one or more, at least 10")
        require(self.turn >= 1, "turn", self.turn, "at least 1")
        require(
            self.sequences >= 1 and self.sequences % TEST_BATCH == 0, "sequences", self.sequences, "a multiple of 100"
        )
        require(self.train.tasks == TASK, "train.tasks", self.train.tasks, TASK)

    def trainer(self, length: int, **changes: int) -> Trainer:
        """Returns the trainer of a length; a state fits those of all lengths."""
        return Trainer(dataclasses.replace(self.train, tasks=f"{TASK}({length})", **changes))


class Shares(NamedTuple):
    """Shares of wrong answers."""

    trained: np.ndarray
    """At the lengths of the training, `[lengths, seeds]`."""
    longer: np.ndarray
    """At those of the test, `[lengths, seeds]`."""


def train(config: Extrapolation) -> State:
    """Trains all seeds to the end, a turn of every length after the other."""
    trainers = [config.trainer(length) for length in config.train_lengths]
    state = trainers[0].start()
    for n, step in enumerate(range(0, config.train.steps, config.turn)):
        state = trainers[n % len(trainers)].advance(state, min(step + config.turn, config.train.steps))
    return state


def wrong(config: Extrapolation, state: State, lengths: Sequence[int]) -> np.ndarray:
    """Returns the shares of wrong answers among held-out sequences, `[lengths, seeds]`."""
    shares = []
    for length in lengths:
        trainer = config.trainer(length, batch=TEST_BATCH, eval_batches=config.sequences // TEST_BATCH)
        shares.append(trainer.evaluate(state)[1])
        say(f"tested {length} steps: {', '.join(f'{share:.2%}' for share in shares[-1])} wrong")
    return np.stack(shares)


def report(config: Extrapolation) -> Report:
    """Trains and tests."""
    from experiments.reproduce.figures import length_extrapolation as figure  # Matplotlib takes its time

    state = train(config)
    tested = Shares(wrong(config, state, config.train_lengths), wrong(config, state, config.test_lengths))
    rows = [
        (f"{length}", kind, *(f"{round(share * config.sequences)}" for share in shares))
        for kind, lengths, of_kind in (
            ("trained on", config.train_lengths, tested.trained), ("tested", config.test_lengths, tested.longer),
        )
        for length, shares in zip(lengths, of_kind, strict=True)
    ]  # fmt: skip
    header = ("steps", "", *(f"seed {seed}" for seed in config.train.seed_range))
    return Report(
        title="From short sequences to long ones",
        lead="Pascanu, Mikolov & Bengio (2013), section 4.1.1: one network that learned the temporal order of two "
        "symbols in sequences of 50 to 200 steps made no mistake among 10,000 of up to 5,000 steps.",
        findings=findings(tested, config.test_lengths, config.sequences),
        tables=[Table(f"Wrong answers of {config.sequences}", header, rows, "Held-out sequences, one network a seed.")],
        drawings=[figure.draw(tested, config)],
        results={},
    )


def findings(tested: Shares, lengths: Sequence[int], sequences: int) -> list[str]:
    """Returns which networks learned, and how they did at each length."""
    learned = np.all(tested.trained < SOLVED, axis=0)
    sentences = [f"{learned.sum()} of {len(learned)} networks learned the lengths that they were trained on."]
    if not learned.any():
        return sentences
    for length, shares in zip(lengths, tested.longer[:, learned], strict=True):
        perfect, failed = int(np.sum(shares == 0)), int(np.sum(shares >= SOLVED))
        without = "none was free of mistakes"
        if perfect:
            # Of no mistake in n trials: a rate above 3 / n would have shown one in 95 % of the cases.
            without = f"{perfect} made no mistake (a rate of at most {3 / sequences:.2%} each)"
        sentences.append(
            f"At {length} steps, of these, {without}, {failed} {'was' if failed == 1 else 'were'} wrong in 1 % or "
            f"more; the worst was wrong in {shares.max():.2%}."
        )
    return sentences


STUDY = SmallStudy(Extrapolation, report, "configs/reproduce/length_extrapolation.py")

if __name__ == "__main__":
    STUDY.run(__doc__ or "")
