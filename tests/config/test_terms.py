"""Words that people ask with: what they mean here, or that they are out of scope, in one line."""

from __future__ import annotations

import re
import shlex
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from costmodel.cli.main import main, parser
from costmodel.cli.parser import faults_in
from costmodel.cli.question import ask
from costmodel.config import terms
from costmodel.config.errors import ConfigError, unknown
from costmodel.config.keys import leaves
from costmodel.config.machine import Machine
from costmodel.config.scenario import load_scenario
from costmodel.config.terms import meaning_of
from costmodel.experiment import run_cell
from costmodel.ineffective import ineffective
from costmodel.operations.registry import operation_named, operation_names
from costmodel.plan import plan

EVERY_WORD = (*terms.MEANINGS, *terms.OF_NUMBERS)


def said_of(word: str) -> str:
    return meaning_of(word) or ""


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("munmap", "is zap (operation zap, state munmap)"),
        ("MADV_DONTNEED", "is zap (operation zap, state dontneed; of ranges: docs/zap.md)"),
        ("uffd-wp", "is mprotect in the states to-write-protected and to-write-resolved"),
        ("52bit", "is not in the model (docs/scope.md)"),
        ("swap-in", "is not in the model (docs/scope.md); nearest: zap, state dontneed"),
        (
            "NUMA balancing",
            "is not in the model (docs/scope.md); nearest: mprotect, state to-read-only "
            "(the same loop, without its tests of a page's node)",
        ),
        ("core.frequency", "is core.clock_ghz"),
        (
            "kernel.pcid",
            "is not in the model (docs/scope.md); nearest: --set tlbi.asid_flush_ns=N",
        ),
        ("tlbi.dsb", "is in tlbi.issue_ns, tlbi.broadcast_ns and tlbi.shared_* (docs/cpus.md)"),
    ],
)
def test_what_a_word_means(word: str, meaning: str) -> None:
    assert meaning_of(word) == f"{word} {meaning}"
    assert unknown("key", word, ["known"]) == f"unknown key: {word} {meaning}"
    assert meaning not in unknown("event", word, ["known"]), "events have names of their own"


def test_a_key_that_lacks_its_unit_is_completed_and_not_explained() -> None:
    known = ["caches.l1.size_bytes", "caches.l2.size_bytes", "memory"]
    assert unknown("key", "caches.l2.size", known).endswith("did you mean 'caches.l2.size_bytes'?")
    assert (
        unknown("key", "size", known) == "unknown key: size is memory, with --memory as its option"
    )


@pytest.mark.parametrize("key", ["caches.size", "foo.cores", "core.folio", "kernel.exit"])
def test_a_key_of_a_machine_is_not_taken_for_a_word_of_a_scenario(key: str) -> None:
    assert meaning_of(key) is None


def test_a_word_that_says_nothing_is_compared_with_names_as_ever() -> None:
    assert meaning_of("forkk") is None
    assert unknown("operation", "forkk", ["fork", "zap"]).endswith("did you mean 'fork'?")


def test_no_name_of_ours_is_explained_away() -> None:
    for operation in operation_names():
        assert meaning_of(operation) is None


def test_the_states_that_are_named_exist() -> None:
    zap, mprotect = ({s.name for s in operation_named(o).words.states} for o in ("zap", "mprotect"))
    assert {"munmap", "exit", "dontneed"} <= zap
    assert {"to-write-protected", "to-write-resolved"} <= mprotect
    assert {"exec", "exit"} <= {s.name for s in operation_named("spawn").words.states}


NEAREST = sorted(
    {found[1] for word in EVERY_WORD if (found := re.search("; nearest: (.*)", said_of(word)))}
)
_OPTION = re.compile(r"--\w+ (?:'[^']+'|[\w.=]+)")
_STATE = re.compile(r", state ('[^']+'|[\w-]+)")
_KEY = re.compile(r"(?<![\w/.-])[a-z]+\.(?!md)[a-z_.]*\*?")
_NUMBER = {"core.clock_ghz": 2, "caches.dram.latency_ns": 200, "tlbi.asid_flush_ns": 900, "vmas": 9}
"""A value for each key of which a number is asked."""


@pytest.mark.parametrize("nearest", NEAREST)
def test_the_nearest_question_can_be_asked(nearest: str) -> None:
    """It consists of an operation, its state, options or keys of machines, and has its effect."""
    numbered = re.sub(r"([\w.]+)=N", lambda found: f"{found[1]}={_NUMBER[found[1]]}", nearest)
    words = shlex.split(" ".join(_OPTION.findall(numbered)))
    if (operation := nearest.partition(",")[0].partition(" ")[0]) in operation_names():
        words += ["--operation", operation]
    if state := _STATE.search(nearest):
        words += ["--state", *shlex.split(state[1])]
    assert words or _KEY.search(nearest), "it says what to ask"
    # The last-level cache of the Altra holds what 1 GiB needs; the Xeon has no contpte and TLBIs.
    machine = "xeon-4210r" if "caches.dram" in nearest else "ampere-altra"
    args = parser().parse_args(["run", "--machine", machine, *words])
    faults_in(args).tell()
    first = plan(*ask(args)).cells[0]
    assert first.workload.operation == operation or "--operation" not in words
    assert ineffective([run_cell(first, noise=False)]) == ()


def test_the_numbers_of_machines_that_are_named_exist() -> None:
    known = [leaf.key for leaf in leaves(Machine)]
    named = {key for word in EVERY_WORD for key in _KEY.findall(said_of(word))}
    assert {"core.rob_entries", "atomics.*", "tlbi.asid_flush_ns"} <= named
    for key in named:
        assert any(fnmatchcase(each, key) for each in known), key


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--operation", "munmap"], "--operation: unknown operation: munmap is zap (operation"),
        (["--set", "page_size=64K"], "unknown key: page_size is not in the model"),
        (["--operation", "zap", "--state", "madvise"], "for zap; madvise is zap"),
    ],
)
def test_a_command_answers_in_the_words_of_the_question(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "--machine", "xeon-4210r", "--strategy", "v6.7", *words]) == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_file_is_answered_alike(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("operation: page_fault\nmemory: 1 GiB\nmachines: [xeon-4210r]\n")
    with pytest.raises(ConfigError, match="page_fault is not in the model"):
        load_scenario(str(file))
