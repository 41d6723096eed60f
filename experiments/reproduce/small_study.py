"""What the small reproductions share: a study that is measured in one go and written down as a report."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from experiments.common import cli
from experiments.common.config import from_config, to_dict
from experiments.common.progress import say
from experiments.common.report import Table, write_report
from experiments.common.workdir import Workdir

if TYPE_CHECKING:  # Matplotlib takes its time
    from experiments.common.plotting import Drawing


class Report(NamedTuple):
    """What a study has to say, as `experiments.common.report.write_report` takes it."""

    title: str
    lead: str
    findings: Sequence[str]
    tables: Sequence[Table]
    drawings: Sequence["Drawing"]
    results: Mapping[str, Sequence]
    """Columns of `results.csv`, from which the tables can be computed; empty where the CSV of a figure has it all."""


@dataclasses.dataclass(frozen=True)
class SmallStudy:
    """A study of minutes at most, which begins anew where it was cut short.

    Attributes:
      schema: the dataclass of its config.
      report: measures, and says what came out.
      default_config: path of the config file.
    """

    schema: type
    report: Callable[[Any], Report]
    default_config: str

    def main(self, config_dict: Any, path: Path) -> None:
        """Measures and writes the report to `path`.

        Raises:
          ExperimentError: the config is wrong, or the folder holds something else.
        """
        config = from_config(self.schema, config_dict)
        with Workdir(path, config=to_dict(config), data={}) as workdir:
            if workdir.nothing_to_do("study"):
                return
            said = self.report(config)._asdict()
            results = said.pop("results")
            if results:
                workdir.write_csv("results.csv", list(results), zip(*results.values(), strict=True))
            write_report(workdir, **said)
            workdir.finish()
            say(f"Report: {path / 'report.html'}")

    def run(self, description: str) -> NoReturn:
        """Runs it as the command line says."""
        cli.run(self.main, description=description, default_config=self.default_config, schema=self.schema)
