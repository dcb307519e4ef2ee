"""Words that people ask with: what they mean here, or that they are out of scope, in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from costmodel.cli.main import main
from costmodel.config.errors import ConfigError, unknown
from costmodel.config.scenario import load_scenario
from costmodel.config.terms import EVERY_WORD, meaning_of
from costmodel.operations.registry import operation_named, operation_names


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("munmap", "is a state of zap (operation zap, state munmap)"),
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


def test_the_nearest_question_can_be_asked() -> None:
    named = 0
    for meaning in filter(None, map(meaning_of, EVERY_WORD)):
        nearest = re.search(r"nearest: (\w+), state ([^(]*[^ (])", meaning)
        if nearest is not None:
            operation_named(nearest[1]).state(nearest[2].strip("'"))
            named += 1
    assert named > 50


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--operation", "munmap"], "--operation: unknown operation: munmap is a state of zap"),
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
