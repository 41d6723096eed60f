from experiments.common.workdir import Workdir
from experiments.remedies.publish import FINDINGS, publish


def test_a_copy_has_tables_figures_and_a_page_that_shows_them(tmp_path):
    with Workdir(tmp_path / "run", config={"seeds": 3}, data={}) as workdir:
        workdir.write_csv("results.csv", ["cell", "seed"], [("lstm", 0)])
        workdir.write_bytes("figures/success.png", b"png")
        workdir.write_bytes("figures/success.svg", b"svg")
        workdir.write_text(FINDINGS, "One thing.\nAnother.\n")
        publish(workdir, tmp_path / "docs" / "copy")
    names = {path.name for path in (tmp_path / "docs" / "copy").iterdir()}
    assert names == {"README.md", "results.csv", "columns.csv", "success.png"}
    page = (tmp_path / "docs" / "copy" / "README.md").read_text()
    assert "- One thing.\n- Another." in page and "![success](success.png)" in page and "seeds = 3" in page
    assert "[results.csv](results.csv)" in page and str(tmp_path) not in page
