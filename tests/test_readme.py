import re
from pathlib import Path

import jax
import pytest

README = Path(__file__).parents[1] / "README.md"
EXAMPLES = re.findall(r"\n##+ ([^\n]+)\n(?:(?!\n##|```).)*```python\n(.*?)```", README.read_text(), re.S)


@pytest.mark.parametrize("code", [code for _, code in EXAMPLES], ids=[title for title, _ in EXAMPLES])
def test_an_example_of_the_readme_runs(code, capsys):
    with jax.numpy_dtype_promotion("standard"):
        exec(compile(code, "README.md", "exec"), {"__name__": "readme"})


def test_every_example_was_found():
    assert len(EXAMPLES) == README.read_text().count("```python") == 7


def test_the_commands_of_the_readme_exist():
    makefile = (README.parent / "Makefile").read_text()
    for target in set(re.findall(r"^make ([a-z-]+)", README.read_text(), re.M)):
        assert re.search(rf"^{target}:", makefile, re.M), target
    assert (README.parent / "docs/images/gradient_norm.png").is_file()
