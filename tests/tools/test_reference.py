"""The generated references are those of this schema."""

from pathlib import Path

from costmodel.config.keys import branches, leaves
from costmodel.config.machine import Machine
from tools.pages import reference

DOCS = Path(__file__).parents[2] / "docs"


def test_the_committed_files_are_up_to_date() -> None:
    """If this fails: ``make docs``, and look at the difference."""
    assert (DOCS / "machine-file.md").read_text() == reference.machine_reference()
    assert (DOCS / "scenario-file.md").read_text() == reference.scenario_reference()


def test_every_parameter_is_described() -> None:
    for key, group in branches(Machine):
        own = [leaf.key for leaf in leaves(group) if "." not in leaf.key]
        assert set(own) <= reference.docstrings(group).keys(), key


def test_both_files_are_written(tmp_path: Path) -> None:
    reference.main(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "machine-file.md",
        "scenario-file.md",
    ]
