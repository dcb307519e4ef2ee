"""Kept answers of commands: what they depend on, and what is never kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from costmodel import program_state
from costmodel.cli import answers
from costmodel.cli.main import COMMANDS
from costmodel.cli.process import guarded
from costmodel.config.resources import is_path
from costmodel.files import read_bounded
from costmodel.store import depends_on_more

TOP = Path(__file__).parents[2]
WORDS = ["run", "--machine", "./mine.yaml"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Work in a directory of its own, whose answers are kept in another."""
    monkeypatch.setenv("COSTMODEL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "work" / "folder").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "work")
    yield tmp_path / "work"


def ask(run: Callable[[], object], words: list[str] = WORDS) -> bool:
    """Ask as a new process of the command does; tell whether the answer was known."""
    program_state.state_at_start.cache_clear()
    if answers.answered(words):
        return True

    def done() -> int:
        run()
        return 0

    assert answers.keeping(words, done) == 0
    return False


def show_file() -> None:
    print("price of", Path("mine.yaml").read_text())


def test_an_answer_is_known_until_a_file_that_it_was_read_from_changes(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "mine.yaml"
    file.write_text("7")
    assert [ask(show_file) for _ in range(2)] == [False, True]
    assert capsys.readouterr().out == "price of 7\n" * 2
    file.write_text("8")
    assert [ask(show_file) for _ in range(2)] == [False, True]
    assert capsys.readouterr().out == "price of 8\n" * 2


def test_nobody_waits_for_a_pipe_or_reads_a_device_to_its_end(here: Path) -> None:
    """A refused file without an end once hung the command behind its message."""
    file = here / "mine.yaml"

    def refused() -> int:
        with pytest.raises(OSError, match="is a pipe"):
            read_bounded(file, 9)
        with pytest.raises(OSError, match="is larger"):
            read_bounded(Path("/dev/zero"), 9)
        return 2

    os.mkfifo(file)
    assert answers.keeping(WORDS, refused) == 2
    assert not answers.answered(WORDS)
    file.unlink()
    file.write_text("7")
    assert [ask(show_file) for _ in range(2)] == [False, True]
    file.unlink()
    os.mkfifo(file)
    assert not answers.answered(WORDS)


def test_the_same_words_elsewhere_are_another_question(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "mine.yaml").write_text("7")
    assert not ask(show_file)
    (here / "below").mkdir()
    monkeypatch.chdir(here / "below")
    Path("mine.yaml").write_text("7")
    assert not ask(show_file)


def test_without_files_the_directory_does_not_matter(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not ask(lambda: print(is_path("ampere-altra")))
    monkeypatch.chdir(here.parent)
    assert ask(lambda: print(is_path("ampere-altra")))


def test_a_file_that_takes_the_place_of_a_name_is_noticed(here: Path) -> None:
    assert [ask(lambda: print(is_path("ampere-altra"))) for _ in range(2)] == [False, True]
    (here / "ampere-altra").write_text("name: mine")
    assert not ask(lambda: print(is_path("ampere-altra")))


def complain() -> None:
    print("did you mean graviton4?", file=sys.stderr)


@pytest.mark.parametrize(
    "run",
    [
        depends_on_more,
        lambda: Path("out.json").write_text("{}"),
        lambda: os.listdir("folder"),
        lambda: list(Path().glob("*.yaml")),
        lambda: Path("/proc/self/status").read_text(),
        complain,
    ],
    ids=["user's code", "a file is written", "a list", "names", "the system", "a caution"],
)
def test_what_depends_on_more_is_not_kept(run: Callable[[], object]) -> None:
    assert [ask(run) for _ in range(2)] == [False, False]


def test_a_failure_is_not_kept() -> None:
    assert answers.keeping(WORDS, lambda: 1) == 1
    assert not answers.answered(WORDS)


def test_a_pipe_is_left_to_the_command(here: Path) -> None:
    shown = []

    def show_pipe() -> None:
        shown.append(Path("mine.yaml").read_text())

    for number in range(2):
        Path("mine.yaml").unlink(missing_ok=True)
        os.mkfifo("mine.yaml")
        writer = threading.Thread(target=Path("mine.yaml").write_text, args=(f"{number}",))
        writer.start()
        assert not ask(show_pipe)
        writer.join()
    assert shown == ["0", "1"]


def test_settings_are_part_of_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [ask(lambda: print("1")) for _ in range(2)] == [False, True]
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert not ask(lambda: print("1"))


def test_a_directory_that_is_gone_is_no_fault(here: Path) -> None:
    shutil.rmtree(here)
    assert [ask(lambda: print("1")) for _ in range(2)] == [False, False]


def test_a_warning_is_given_every_time(capsys: pytest.CaptureFixture[str]) -> None:
    def warn() -> int:
        warnings.simplefilter("always")
        warnings.warn("mine.yaml: old key", FutureWarning, stacklevel=1)
        return 0

    for _ in range(2):
        assert not answers.answered(WORDS)
        guarded(lambda: answers.keeping(WORDS, warn))
        assert "old key" in capsys.readouterr().err


def test_other_words_other_versions_and_other_sources_are_other_questions(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not ask(lambda: print("1"))
    assert not ask(lambda: print("2"), [*WORDS, "--no-noise"])
    monkeypatch.setattr(program_state, "SHIPPED", (str(here),))
    assert not ask(lambda: print("3"))
    (here / "graviton5.yaml").write_text("name: graviton5")
    assert not ask(lambda: print("4"))
    monkeypatch.setattr(sys, "version", "4.0")
    assert not ask(lambda: print("5"))


def test_only_commands_that_say_the_same_are_kept() -> None:
    assert set(answers.KEPT) < set(COMMANDS)
    for command in ("measure", "record", "sweep", "layout", "cache"):
        assert [ask(lambda: print("now"), [command]) for _ in range(2)] == [False, False]


def test_nothing_is_kept_where_the_user_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COSTMODEL_CACHE", "off")
    assert [ask(lambda: print("1")) for _ in range(2)] == [False, False]


def test_a_damaged_store_is_no_answer(here: Path) -> None:
    assert not ask(lambda: print("1"))
    (here.parent / "cache" / "answers.sqlite").write_bytes(b"no database at all" * 1000)
    assert [ask(lambda: print("1")) for _ in range(2)] == [False, True]


def test_the_command_answers_before_anything_heavy_is_loaded(here: Path) -> None:
    call = (
        "import sys; from costmodel.cli.start import main; main(); "
        "sys.exit(7 * any(name in sys.modules for name in ('numpy', 'pydantic', 'argparse')))"
    )
    command = [sys.executable, "-c", call, "machines", "ampere-altra"]
    environment = os.environ | {"PYTHONPATH": str(TOP)}
    first, again = (
        subprocess.run(command, check=False, env=environment, capture_output=True, text=True)
        for _ in range(2)
    )
    assert (first.returncode, again.returncode) == (7, 0)
    assert first.stdout == again.stdout != ""
