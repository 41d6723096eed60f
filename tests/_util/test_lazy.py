import sys

import pytest


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that exports `Rose` of its file `flowers`."""
    (tmp_path / "garden").mkdir()
    (tmp_path / "garden" / "__init__.py").write_text(
        "from recurrax._util.lazy import exports\n"
        "__getattr__, __dir__ = exports(__name__, {'Rose': 'flowers', 'Gone': 'flowers'})\n"
    )
    (tmp_path / "garden" / "flowers.py").write_text("class Rose: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import garden  # pyright: ignore[reportMissingImports]

    yield garden
    for name in ("garden", "garden.flowers"):
        sys.modules.pop(name, None)


def test_a_file_is_imported_when_its_name_is_asked_for_and_kept(package):
    assert "garden.flowers" not in sys.modules
    rose = package.Rose
    assert rose.__module__ == "garden.flowers" and vars(package)["Rose"] is rose


def test_names_are_listed_before_they_are_imported(package):
    assert dir(package) == ["Gone", "Rose"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("rose", "module 'garden' has no attribute 'rose'. Did you mean Rose?"),
        ("Elephant", "module 'garden' has no attribute 'Elephant'."),
        ("Gone", "module 'garden.flowers' has no attribute 'Gone'"),
    ],
)
def test_an_unknown_name_is_an_attribute_error(package, name, message):
    with pytest.raises(AttributeError) as raised:
        getattr(package, name)
    assert str(raised.value) == message
