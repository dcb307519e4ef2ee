"""Every state of every operation, by PTEs and by PMDs, in every command that shows one cell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.operations.registry import operation_named, operation_names

IN_PARTS = {
    "fork": ["mixed: writable 1, read-only 3"],
    "zap": ["dontneed: range 8 KiB, per_call 4"],
}
PROFILE = "redis-server 42 1.000001: 1000 cycles:\n\tffffffff81 {}+0x1 (x)\n\n"
ROOTS = ("copy_page_range", "unmap_page_range", "change_protection", "move_page_tables")


def questions() -> Iterator[tuple[str, str, str]]:
    """Yield every operation with its states, and with what maps the memory."""
    for name in operation_names():
        operation = operation_named(name)
        for state in (*(s.name for s in operation.words.states), *IN_PARTS.get(name, ())):
            yield name, state, "pte"
            if operation.maps_pmds(state):
                yield name, state, "pmd"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Begin in a folder with a profile of every loop."""
    monkeypatch.chdir(tmp_path)
    Path("perf.txt").write_text("".join(map(PROFILE.format, ROOTS)))


def test_the_table_has_what_was_recorded() -> None:
    asked = set(questions())
    assert {("fork", "read-only", "pmd"), ("mprotect", "to-write-protected", "pte")} <= asked
    assert ("fork", "file", "pmd") not in asked
    assert {operation for operation, _, _ in asked} == set(operation_names())


@pytest.mark.parametrize(("operation", "state", "mapped"), list(questions()))
def test_it_can_be_shown(
    operation: str, state: str, mapped: str, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels = [s.name for s in operation_named(operation).strategies()]
    base, new = kernels[0], next(k for k in kernels if "folio-batch-v6" in k)
    memory, order = ("4 MiB", 9) if mapped == "pmd" else ("256 KiB", 4)
    asked = ["--memory", memory, "--order", str(order), "--set", f"mapped={mapped}"]
    asked += ["--operation", operation, "--state", state]
    quick = [*asked, "--no-noise", "--jobs", "1"]
    pair = ["xeon-4210r", new, *asked]
    run = ["run", "--machine", "xeon-4210r", "--strategy", new, "--baseline", base, *quick]
    commands = [
        [*run, "--json", "run.json"],
        ["plot", "run.json", "-o", "change.svg"],
        ["explain", *pair, "--vs", base, "--json", "why.json", "--jobs", "1"],
        ["trace", *pair, "-o", "trace.json"],
        ["trace", *pair, "--format", "kanata", "-o", "trace.kanata"],
    ]
    if operation != "spawn":  # whose loops are fork's and zap's
        named = ["--machine", "xeon-4210r", "--strategy", new, "--vs", base, *asked]
        commands.append(["share", "perf.txt", *named])
    for words in commands:
        assert main(words) == 0, (words, capsys.readouterr().err)
    Path("q.yaml").write_text(
        f"title: it\noperation: {operation}\nstate: '{state}'\nmemory: {memory}\n"
        f"machines: [xeon-4210r]\nfolio_orders: [{order}]\nmapped: {mapped}\n"
        f"strategies: [{base}, {new}]\nbaseline: {base}\n"
    )
    for kind in ("stack", "timeline"):
        assert main(["plot", "q.yaml", "--kind", kind, "--strategy", new, "-o", f"{kind}.svg"]) == 0
    (_, cell) = json.loads(Path("run.json").read_text())["cells"]
    assert (cell["state"], cell["mapped"], cell["operation"]) == (state, mapped, operation)
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= 76
    assert ("mapped by PMDs" in printed) == (mapped == "pmd")
    shown = json.loads(Path("why.json").read_text())
    effects = sum(part["effect_ns_per_pte"] for part in shown["parts"])
    difference = shown["difference_ns_per_pte"]
    rest = shown["around_ns_per_pte"] + shown["interaction_ns_per_pte"]
    assert effects + rest == pytest.approx(difference, abs=1e-3)
