import dataclasses

from experiments.common import cli
from experiments.common.report import Table
from experiments.reproduce.small_study import Report, SmallStudy


@dataclasses.dataclass(frozen=True)
class Throws:
    """Attributes:
    count: how many.
    """

    count: int


def status(study, tmp_path, *arguments):
    config = tmp_path / "throws.py"
    config.write_text("def get_config():\n    return {'count': 3}\n")
    argv = ["throws", f"--workdir={tmp_path}/w", *arguments]
    return cli.exit_status(study.main, argv, description="", default_config=str(config), schema=study.schema)


def test_a_study_is_measured_once_and_kept(tmp_path, capsys):
    asked = []

    def report(config):
        asked.append(config)
        return Report(
            "Throws",
            "lead",
            [f"{config.count} throws."],
            [Table("t", ("a",), [("b",)], "")],
            [],
            {"seed": [4], "value": [2.5]},
        )

    study = SmallStudy(Throws, report, "unused.py")
    assert status(study, tmp_path) == 0 and status(study, tmp_path) == 0
    assert asked == [Throws(3)] and "3 throws." in (tmp_path / "w" / "report.html").read_text()
    assert (tmp_path / "w" / "results.csv").read_text() == "seed,value\n4,2.5\n"
    assert "nothing was done" in capsys.readouterr().err
    assert status(study, tmp_path, "--config.count=many") == 2


def test_a_study_that_was_cut_short_begins_anew(tmp_path):
    calls = []

    def report(config):
        calls.append(config)
        if len(calls) == 1:
            raise MemoryError
        return Report("Throws", "lead", [], [], [], {})

    study = SmallStudy(Throws, report, "unused.py")
    assert status(study, tmp_path) == 2 and status(study, tmp_path) == 0 and len(calls) == 2
