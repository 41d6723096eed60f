"""What the trainer costs beside the bare training step, and how soon a training begins.

    python -m benchmarks.training

Step: the time of a step in `experiments.train`'s loop over that of the same model, loss, clipping and optimiser in a
jitted function that is called step by step, on batches that were drawn before. float32, interleaved, medians of 9
rounds; the trainer draws its batches itself and keeps its books within the step. Start-up: from the start of the
process to the first computation, compiling left out; median of 5.
"""

import subprocess
import sys
import tempfile
import time

import jax
import numpy as np
import optax
from absl import app

from benchmarks.timing import interleaved, machine, ratio
from experiments.training.config import GradientNorms, Training
from experiments.training.model import answers, init_model
from experiments.training.trainer import Trainer
from recurrax.training.clipping import clip_by_global_norm

STEPS = 40
SIZES = (("lstm", 64, "adding(100)", 32), ("gru", 64, "adding(100)", 32), ("lstm", 128, "adding(100)", 64))

START = """
import sys, time
from experiments.train import study as train
from experiments.training.trainer import Trainer

def start(self):
    print(time.time())
    raise SystemExit

Trainer.start = start
sys.argv = ["train.py", "--workdir=" + sys.argv[1]]
from experiments.common import cli
cli.run(train.main, description="", default_config="configs/train.py", schema=train.Training)
"""


def both(cell: str, hidden_size: int, task: str, batch_size: int):
    """Returns callables that do `STEPS` steps, bare and in the trainer."""
    config = Training(cells=cell, hidden_size=hidden_size, tasks=task, remedies="clip_norm(1.0)", optimizer="adam",
                      learning_rate=2e-3, batch=batch_size, steps=10**6, seed=0, seeds=1, log_every=50, eval_every=50,
                      eval_batches=1, save_every=50, stop_when_solved=False, tensorboard=False,
                      gradient_norms=GradientNorms(0, 1))  # fmt: skip
    trainer = Trainer(config)
    optimizer = optax.adam(2e-3)
    model = init_model(trainer.cell, trainer.task, jax.random.key(0))

    @jax.jit
    def step(model, state, batch):
        def loss(model):
            return trainer.task.loss(answers(trainer.cell, model, batch)[0], batch)

        value, gradient = jax.value_and_grad(loss)(model)
        updates, state = optimizer.update(clip_by_global_norm(gradient, 1.0), state)
        return optax.apply_updates(model, updates), state, value

    bare = {"model": model, "state": optimizer.init(model)}
    batches = [jax.block_until_ready(trainer.task.batch(0, n, batch_size)) for n in range(STEPS)]
    ours = {"state": trainer.start(), "step": 0}

    def run_bare():
        for batch in batches:
            bare["model"], bare["state"], _ = step(bare["model"], bare["state"], batch)
        jax.block_until_ready(bare["model"])

    def run_trainer():
        ours["step"] += STEPS
        ours["state"] = jax.block_until_ready(trainer.advance(ours["state"], ours["step"]))

    return {"bare": run_bare, "trainer": run_trainer}


def main(argv: list[str]) -> None:
    del argv
    print(f"{machine()}\n")
    print("| cell | H | task | B | bare ms | trainer ms | trainer / bare (quartiles) |\n|---|---|---|---|---|---|---|")
    for size in SIZES:
        timed = interleaved(both(*size), 9)
        middle, low, high = ratio(timed["trainer"], timed["bare"])
        ms = [f"{timed[name].median / STEPS:.2f}" for name in ("bare", "trainer")]
        print("|", " | ".join([*map(str, size), *ms, f"{middle:.2f} ({low:.2f} to {high:.2f})"]), "|", flush=True)
    seconds = []
    for _ in range(5):
        begin = time.time()
        with tempfile.TemporaryDirectory() as folder:
            out = subprocess.run([sys.executable, "-c", START, folder], capture_output=True, text=True, check=True)
        seconds.append(float(out.stdout) - begin)
    print(f"\nstart-up without compiling: {np.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    app.run(main)
