import re

from experiments.common.plotting import Drawing, Rows, new_figure
from experiments.common.report import Table, write_report
from experiments.common.workdir import Workdir


def test_a_report_is_one_page_with_figures_tables_and_the_record_and_every_figure_is_three_files(tmp_path):
    figure, axes = new_figure(1, 1)
    axes[0, 0].plot([1, 2])
    rows = Rows("training_step", "loss")
    rows.add([0, 1], [1.0, 2.0])
    with Workdir(tmp_path, config={"seed": 7}, data={}) as workdir:
        write_report(
            workdir,
            title="A <title>",
            lead="What is asked.",
            findings=["It fell."],
            tables=[Table("Numbers", ("cell", "loss"), [("LSTM", "0.5")], "A note.")],
            drawings=[Drawing("loss", "Loss", figure, rows.columns, "How to read it.")],
        )
    html = (tmp_path / "report.html").read_text()
    places = [html.index(text) for text in ("It fell.", "How to read it.", "A note.")]
    assert places == sorted(places)  # what was found, then figures, then tables
    # On a phone a figure shrinks and leads to the whole one, and a table scrolls within its box.
    assert (
        '<a href="figures/loss.png"' in html
        and "width=device-width" in html
        and "img { display: block; max-width: 100%" in html
    )
    assert re.search(r'<div class="scroll"><table>', html) and ".scroll { overflow-x: auto" in html
    for text in (
        "A &lt;title&gt;",
        "What is asked.",
        "It fell.",
        "A note.",
        "LSTM",
        "How to read it.",
        '"seed": 7',
    ):
        assert text in html
    assert html.count("data:image/png;base64,") == 1 and not re.findall(r'(?:src|href)="https?:', html)
    assert (tmp_path / "figures" / "loss.csv").read_text() == "training_step,loss\n0,1.0\n1,2.0\n"
    assert all((tmp_path / "figures" / f"loss.{kind}").exists() for kind in ("png", "svg"))
