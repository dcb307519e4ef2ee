"""README and docs show what the commands print; each of their examples is run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import examples

TOP = Path(__file__).parents[1]
DOCUMENTS = [
    path
    for path in (TOP / "README.md", *sorted((TOP / "docs").glob("*.md")))
    if examples.examples(path.read_text())
]


def test_the_documents_have_examples() -> None:
    names = {path.name for path in DOCUMENTS}
    assert {"README.md", "explain.md", "breakeven.md", "compare.md", "zap.md"} <= names


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_what_is_shown_is_what_is_printed(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If this fails: ``python -m tools.examples README.md docs/*.md``, and look at the change."""
    monkeypatch.chdir(tmp_path)
    document = path.read_text()
    examples.write_files(document, tmp_path)
    for example in examples.examples(document):
        printed = examples.run(example)
        if example.output.strip():
            assert examples.differences(example.output, printed) == [], example.command


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("| v6.7 | 5.076 | 19.36 |", "|  v6.7  | 5.100 |   19.20 |", True),
        ("| v6.7 | 5.076 | 19.36 |", "| v6.7 | 5.076 | 29.36 |", False),
        ("| v6.7 | 0.0% |", "| v6.9 | 0.0% |", False),
        ("a long line\nthat goes on", "a long\nline that goes on", True),
        ("the total  1\nthe rest  2", "the total  1", False),
        ("hidden", "-0.10", False),
    ],
)
def test_numbers_may_move_and_words_may_not(shown: str, printed: str, same: bool) -> None:
    assert (examples.differences(shown, printed) == []) == same


def test_a_document_is_renewed(tmp_path: Path) -> None:
    before = "Look:\n\n```console\n$ costmodel --version\n$ costmodel strategies v6.7\nold\n```\n"
    document = before.replace("$ costmodel --version\n", "")
    after = examples.renewed(document, tmp_path)
    assert "$ costmodel strategies v6.7\nv6.7: " in after and "old" not in after
    assert examples.renewed(after, tmp_path) == after


def test_what_fails_is_no_example() -> None:
    (example,) = examples.examples("```console\n$ costmodel machines zen\n```\n")
    with pytest.raises(RuntimeError, match="unknown machine"):
        examples.run(example)
