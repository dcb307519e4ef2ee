"""Sizes of folios: switched one at a time, and put back in every case."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from costmodel.measure.folios import SWITCH, Folios
from costmodel.measure.process import Lost
from costmodel.measure.system import chosen, read_system

SYSTEM = replace(read_system(), root=True, folio_orders=(2, 4), thp_enabled="madvise")


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))  # where the lock lies
    for size, setting in ((16, "always inherit [madvise] never"), (64, "[always] never")):
        path = tmp_path / f"hugepages-{size}kB" / "enabled"
        path.parent.mkdir()
        path.write_text(setting)
    return tmp_path


def settings(directory: Path) -> list[str]:
    """Return what the files are set to; the kernel would put brackets around what was written."""
    texts = [(directory / f"hugepages-{kb}kB" / "enabled").read_text() for kb in (16, 64)]
    return [chosen(text) or text for text in texts]


def test_one_order_at_a_time_and_all_put_back(directory: Path) -> None:
    with Folios(SYSTEM, directory) as folios:
        assert folios.orders() == [0, 2, 4]
        assert folios.choose(4)
        assert settings(directory)[1] == "madvise"
        assert not folios.choose(0)
    assert settings(directory) == ["madvise", "always"]


def test_they_are_put_back_when_the_command_is_killed(directory: Path) -> None:
    path = directory / "hugepages-64kB" / "enabled"
    program = (
        "import os, subprocess, sys\n"
        f"switch = subprocess.Popen([sys.executable, '-S', {str(SWITCH)!r}],\n"
        "    stdin=-1, stdout=-1, text=True, start_new_session=True)\n"
        f"switch.stdin.write({str(path)!r} + ' never\\n'); switch.stdin.flush()\n"
        "switch.stdout.readline()\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], check=False)
    assert done.returncode == -signal.SIGKILL
    for _ in range(200):
        if path.read_text() == "always":
            return
        time.sleep(0.02)
    pytest.fail(f"still {path.read_text()!r}")


def test_a_signal_does_not_end_the_process_that_puts_back(directory: Path) -> None:
    with Folios(SYSTEM, directory) as folios:
        folios.choose(2)
        assert folios._process is not None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(folios._process.pid, number)
        folios.choose(4)
    assert settings(directory) == ["madvise", "always"]


def test_an_exception_puts_back_too(directory: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Folios(SYSTEM, directory) as folios:
        folios.choose(2)
        raise KeyboardInterrupt
    assert settings(directory) == ["madvise", "always"]


def test_a_container_that_cannot_write_there_has_what_the_system_gives(tmp_path: Path) -> None:
    with Folios(SYSTEM, tmp_path) as folios:
        assert folios.lacking == ["folio sizes: /sys cannot be written here"]
        assert folios.orders() == [0, 9] and folios.choose(9)


def test_a_setting_that_the_system_refuses_is_said(directory: Path) -> None:
    (directory / "hugepages-16kB" / "enabled").write_text("nothing chosen")
    with Folios(SYSTEM, directory) as folios, pytest.raises(Lost, match="not found"):
        folios.choose(2)


def test_two_commands_do_not_switch_at_once(directory: Path) -> None:
    with Folios(SYSTEM, directory) as first, Folios(SYSTEM, directory) as second:
        assert first.lacking == []
        assert second.lacking == ["folio sizes: another costmodel measure is switching them"]
        assert second.orders() == [0, 9]


def test_without_root_there_are_pages_and_what_the_system_gives() -> None:
    for thp, orders in (("madvise", [0, 9]), ("always", [0, 9]), ("never", [0]), (None, [0])):
        system = replace(SYSTEM, root=False, thp_enabled=thp)
        with Folios(system) as folios:
            assert folios.orders() == orders
            assert folios.lacking == ["folio sizes: only root can switch them"]


def test_the_choice_in_brackets_is_what_is_put_back() -> None:
    assert chosen("always inherit [madvise] never") == "madvise"
