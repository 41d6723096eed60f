"""A study's report: one HTML file that works offline."""

import base64
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, NamedTuple

import jinja2

from experiments.common.plotting import Drawing


class Table(NamedTuple):
    """A table of the report."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str


def render_report(
    *,
    title: str,
    lead: str,
    findings: Sequence[str],
    tables: Sequence[Table],
    drawings: Sequence[Drawing],
    record: dict[str, Any],
    command: str,
) -> str:
    """Returns the report as HTML, with figures and style inside.

    Args:
      title: headline.
      lead: what the study asks, in a paragraph.
      findings: sentences made from the numbers.
      tables: shown before the figures.
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
