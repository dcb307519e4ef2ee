"""A user's function in a process of its own: answers, faults, and what is left behind."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costmodel.config.errors import ConfigError
from costmodel.parallel import in_processes
from costmodel.strategies.resolve import described_as
from costmodel.user_code import process
from costmodel.user_code.limits import Limits
from costmodel.user_code.process import UserCode
from costmodel.user_code.source import Source

TEXT = """
from __future__ import annotations

import dataclasses
import os

import beside

print("imported")


@dataclasses.dataclass
class Counter:
    calls: int = 0


COUNTER = Counter()


def count(step):
    COUNTER.calls += 1
    if step < 0:
        raise ValueError("negative")
    return os.getpid(), COUNTER.calls, beside.FACTOR * step


def sleep(_):
    import time

    time.sleep(1000)
"""


@pytest.fixture
def code(tmp_path: Path) -> Callable[..., UserCode]:
    (tmp_path / "mine.py").write_text(TEXT)
    (tmp_path / "beside.py").write_text("FACTOR = 3\n")

    def make(name: str = "count", **limits: Any) -> UserCode:
        return UserCode(Source.of_file(tmp_path / "mine.py", name), Limits(**limits))

    return make


def call(function: Callable[[int], Any], number: int) -> Any:
    return function(number)


def call_in_worker(task: tuple[UserCode, int]) -> Any:
    code, number = task
    return os.getpid(), *code.ask(call, number)


def test_the_file_is_loaded_once_and_stays_loaded(
    code: Callable[..., UserCode], capfd: pytest.CaptureFixture[str]
) -> None:
    own = code()
    first, again = own.ask(call, 1), own.ask(call, 2)
    assert first[0] == again[0] != os.getpid()
    assert (first[1:], again[1:]) == ((1, 3), (2, 6))
    assert capfd.readouterr() == ("", "imported\n")  # never in a table


def test_a_fault_is_no_end(code: Callable[..., UserCode]) -> None:
    own = code()
    for _ in range(2):
        with pytest.raises(ConfigError, match=r"mine\.py:23:0: strategy: raised ValueError: neg"):
            own.ask(call, -1)
    assert own.ask(call, 1)[1] == 3


def test_what_hung_once_is_not_asked_again(code: Callable[..., UserCode]) -> None:
    own = code("sleep", wall_seconds=0.2)
    with pytest.raises(ConfigError, match="does not end within"):
        own.ask(call, 1)
    begin = time.monotonic()
    with pytest.raises(ConfigError, match="does not end within"):
        own.ask(call, 1)
    assert time.monotonic() - begin < 0.2


def test_every_process_has_a_child_of_its_own(code: Callable[..., UserCode]) -> None:
    own = code()
    here = own.ask(call, 1)[0]
    there = in_processes(call_in_worker, [(own, 1), (own, 2)], jobs=2)
    children = {child for _, child, *_ in there}
    assert here not in children
    assert len(children) == len({worker for worker, *_ in there})
    assert own.ask(call, 1)[:2] == (here, 2)


def test_it_can_be_sent(code: Callable[..., UserCode]) -> None:
    assert pickle.loads(pickle.dumps(code())).ask(call, 2)[2] == 6


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_nothing_relies_on_forking(
    method: str, code: Callable[..., UserCode], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From Python 3.14 on processes are started another way unless one says how."""
    monkeypatch.setattr(process, "context", lambda: multiprocessing.get_context(method))
    assert code().ask(described_as, "fork").summary == "no description"


def test_an_interrupt_ends_the_child(
    code: Callable[..., UserCode], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = code("sleep")
    before = set(multiprocessing.active_children())

    def interrupted(*_: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(multiprocessing.connection.Connection, "poll", interrupted)
    with pytest.raises(KeyboardInterrupt):
        own.ask(call, 1)
    assert set(multiprocessing.active_children()) <= before


LEAVES = """
import os, signal, sys
from pathlib import Path
from costmodel.user_code.process import UserCode
from costmodel.user_code.source import Source

codes = [UserCode(Source.of_file(Path(sys.argv[1]), "count")) for _ in range(3)]
print(*(code.ask(divmod_of, 1)[0] for code in codes), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_children_end_with_the_process_that_asks_them(
    code: Callable[..., UserCode], tmp_path: Path
) -> None:
    """However it ends: nobody is left to ask them, not even the children started later."""
    script = tmp_path / "leaves.py"
    text = LEAVES.replace("divmod_of", "call")
    script.write_text("def call(function, number):\n    return function(number)\n\n" + text)
    done = subprocess.run(
        [sys.executable, script, tmp_path / "mine.py"], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    children = [int(word) for word in done.stdout.split()]
    assert len(children) == 3
    deadline = time.monotonic() + 20
    while any(map(_is_alive, children)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(_is_alive, children))


def _is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_only_the_children_used_last_stay(code: Callable[..., UserCode]) -> None:
    before = set(multiprocessing.active_children())
    codes = [code() for _ in range(process.MOST_CHILDREN + 3)]
    first = [own.ask(call, 1)[0] for own in codes]
    assert len(set(multiprocessing.active_children()) - before) <= process.MOST_CHILDREN
    assert not _is_alive(first[0])
    assert codes[-1].ask(call, 1)[:2] == (first[-1], 2)
    assert codes[0].ask(call, 1)[1] == 1  # it was started again
