"""A copy of a comparison's numbers and figures that is small enough to stand beside the code."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from experiments.common.config import flatten
from experiments.common.progress import say
from experiments.common.workdir import Workdir

FINDINGS = "findings.txt"
"""What the report says in words, a sentence a line; in the folder of the comparison."""


def publish(workdir: Workdir, target: Path) -> None:
    """Copies tables, figures and what they say to `target`; files of these names there are written over.

    Raises:
      OSError: the folder cannot be written.
    """
    target.mkdir(parents=True, exist_ok=True)
    tables = sorted(workdir.path.glob("*.csv"))
    figures = sorted((workdir.path / "figures").glob("*.png"))
    for path in (*tables, *figures):
        shutil.copyfile(path, target / path.name)
    sentences = (workdir.path / FINDINGS).read_text("utf-8").splitlines()
    (target / "README.md").write_text(_page(workdir, sentences, tables, figures), "utf-8")
    say(f"Published: {target / 'README.md'}")


def _page(workdir: Workdir, sentences: Sequence[str], tables: Sequence[Path], figures: Sequence[Path]) -> str:
    """Returns the page that shows the copy."""
    record = workdir.record
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    config = "\n".join(f"{name} = {value!r}" for name, value in flatten(record["config"]).items())
    lines = [
        "# What eases vanishing and exploding gradients?",
        f"```\n{record['command']}\n```",
        "\n".join(f"- {sentence}" for sentence in sentences),
        *(f"![{path.stem}]({path.name})" for path in figures),
        "Tables: " + ", ".join(f"[{path.name}]({path.name})" for path in tables) + ".",
        f"Made with {versions}, on {record['machine']['cores']} cores ({record['machine']['device']}).",
        f"```\n{config}\n```",
    ]
    return "\n\n".join(lines) + "\n"
