"""Runs the examples of README and docs: what is printed there is what the commands print.

A block that is fenced as ``console`` holds commands behind ``$``, and below each what it prints. A
Python block with a title, ``title="my_patch.py"``, is that file to the commands of its document.
``python -m tools.examples README.md docs/*.md`` puts in what the commands print now.
"""

from __future__ import annotations

import contextlib
import io
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from costmodel.cli.main import main

CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r'^```(?:python|text) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ ((?:.*\\\n)*.*)\n", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
ABSOLUTE, RELATIVE = 2.0, 0.1
"""Numbers that differ by less, in their own unit or as a share, are those of the same model: what
it says moves with every number of a machine that is measured anew."""


@dataclass(frozen=True)
class Example:
    """One command of a document and what the document says that it prints; empty: not shown."""

    command: str
    output: str

    @property
    def words(self) -> list[str]:
        """The words of the command, without the program's name."""
        program, *words = shlex.split(self.command.replace("\\\n", " "), comments=True)
        if program != "costmodel":
            raise ValueError(f"{self.command!r} is no command of costmodel")
        return words


def examples(document: str) -> list[Example]:
    """Return the commands of a document in order."""
    return [example for block in CONSOLE.finditer(document) for example in _of_block(block[1])]


def write_files(document: str, directory: Path) -> None:
    """Write the files that a document shows into a directory."""
    for name, text in FILE.findall(document):
        (directory / name).write_text(text)


def run(example: Example) -> str:
    """Return what a command prints; raise RuntimeError with its errors if it fails."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(example.words)
    if code:
        raise RuntimeError(f"{example.command}: exit {code}: {err.getvalue()}")
    return out.getvalue()


def differences(shown: str, printed: str) -> list[str]:
    """Return the lines that differ by more than spaces and by more than the model moves."""
    old, new = _lines(shown), _lines(printed)
    if len(old) != len(new):
        return [f"{len(old)} lines are shown, {len(new)} are printed"]
    pairs = zip(old, new, strict=True)
    return [f"- {one}\n+ {other}" for one, other in pairs if not _same(one, other)]


def renewed(document: str, directory: Path) -> str:
    """Return a document with what its commands print now; they run in ``directory``."""
    write_files(document, directory)
    with contextlib.chdir(directory):
        return CONSOLE.sub(_renewed_block, document)


def _renewed_block(block: re.Match[str]) -> str:
    parts = []
    for example in _of_block(block[1]):
        printed = run(example)
        shown = "\n".join(line.rstrip() for line in printed.splitlines()) + "\n"
        parts.append(f"$ {example.command}\n{shown if example.output.strip() else ''}")
    return f"```console\n{''.join(parts)}```"


def _of_block(text: str) -> Iterator[Example]:
    _, *parts = COMMAND.split(text)
    for command, output in zip(parts[::2], parts[1::2], strict=True):
        yield Example(command, output)


def _lines(text: str) -> list[str]:
    """Return the lines of paragraphs joined, so that a longer number may break a line elsewhere."""
    lines: list[str] = []
    for block in re.split(r"\n\s*\n", text.strip()):
        rows = block.splitlines()
        table = any("|" in row or re.search(r"\S {2,}\S", row) for row in rows)
        lines += rows if table else [" ".join(rows)]
    return [" ".join(line.replace("|", " | ").split()) for line in lines]


def _same(one: str, other: str) -> bool:
    if NUMBER.sub("0", one) != NUMBER.sub("0", other):
        return False
    numbers = zip(NUMBER.findall(one), NUMBER.findall(other), strict=True)
    return all(_near(float(a), float(b)) for a, b in numbers)


def _near(shown: float, printed: float) -> bool:
    return abs(shown - printed) <= max(ABSOLUTE, RELATIVE * abs(shown))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        path = Path(name).absolute()
        with tempfile.TemporaryDirectory() as made:
            after = renewed(path.read_text(), Path(made))
        if after != path.read_text():
            path.write_text(after)
            print(f"renewed {name}")
