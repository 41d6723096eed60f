"""A study's report: one HTML file that works offline."""

import base64
from collections.abc import Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import jinja2

from experiments.common.workdir import Workdir

if TYPE_CHECKING:  # Matplotlib takes its time
    from experiments.common.plotting import Drawing


class Table(NamedTuple):
    """A table of the report."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str


def write_report(
    workdir: Workdir,
    *,
    title: str,
    lead: str,
    findings: Sequence[str],
    tables: Sequence[Table],
    drawings: Sequence["Drawing"],
) -> None:
    """Writes the figures, each as PNG and SVG with its numbers as CSV, and `report.html`, which shows them.

    Args:
      workdir: where to; its record of config, data and versions is shown at the end.
      title: headline.
      lead: what the study asks, in a paragraph.
      findings: sentences made from the numbers.
      tables: shown behind the figures.
      drawings: the figures, with captions.
    """
    for drawing in drawings:
        columns = list(drawing.table.values())
        workdir.write_csv(f"figures/{drawing.name}.csv", list(drawing.table), zip(*columns, strict=True))
        workdir.write_bytes(f"figures/{drawing.name}.png", drawing.png)
        workdir.write_bytes(f"figures/{drawing.name}.svg", drawing.svg)
    page = render_report(
        title=title,
        lead=lead,
        findings=findings,
        tables=tables,
        drawings=drawings,
        record=workdir.record,
        command=workdir.record["command"],
    )
    workdir.write_text("report.html", page)


def render_report(
    *,
    title: str,
    lead: str,
    findings: Sequence[str],
    tables: Sequence[Table],
    drawings: Sequence["Drawing"],
    record: dict[str, Any],
    command: str,
) -> str:
    """Returns the report as HTML, with figures and style inside.

    Args:
      title: headline.
      lead: what the study asks, in a paragraph.
      findings: sentences made from the numbers.
      tables: shown behind the figures.
      drawings: the figures, with captions.
      record: config, data and versions, shown at the end.
      command: what reproduces the report.
    """
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True).from_string(
        files("experiments.common").joinpath("report.html.jinja").read_text("utf-8")
    )
    images = [(d, base64.b64encode(d.png).decode()) for d in drawings]
    return template.render(
        title=title, lead=lead, findings=findings, tables=tables, images=images, record=record, command=command
    )
