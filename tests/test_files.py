"""Output files are replaced whole or not at all."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.files import read_bounded, replacing, why_not, write_text


def test_missing_directories_are_made(tmp_path: Path) -> None:
    write_text(tmp_path / "out" / "a.json", "new")
    assert (tmp_path / "out" / "a.json").read_text() == "new"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    with pytest.raises(error), replacing(path) as stream:
        stream.write(b"half")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_text(path, "old")
    path.chmod(0o640)
    write_text(path, "new")
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("new", 0o640)


def test_a_kill_inside_a_write_leaves_nothing(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", "old")
    code = (
        "import os, signal, pathlib; from costmodel.files import replacing\n"
        "with replacing(pathlib.Path('a.json')) as stream:\n"
        "    stream.write(b'half'); stream.flush()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    top = Path(__file__).parents[1]
    run = subprocess.run(
        [sys.executable, "-c", code],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(top)},
    )
    assert run.returncode == -signal.SIGKILL
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


@pytest.mark.parametrize("nameless", [True, False])
def test_it_works_where_files_need_names(
    nameless: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not nameless:
        monkeypatch.setattr("costmodel.files._OPEN_FILES", "/nowhere")
    for text in ("old", "new"):
        write_text(tmp_path / "a.json", text)
        assert [path.read_text() for path in tmp_path.iterdir()] == [text]


def test_what_a_kill_left_is_removed_by_the_next_write(tmp_path: Path) -> None:
    gone = subprocess.run(["sh", "-c", "echo $$"], capture_output=True, text=True, check=True)
    left, fresh, alive = (
        tmp_path / f".costmodel-{process}-{number}.tmp"
        for process, number in (
            (gone.stdout.strip(), 1),
            (gone.stdout.strip(), 2),
            (os.getpid(), 3),
        )
    )
    for path in (left, fresh, alive):
        path.write_text("half")
    for path in (left, alive):
        os.utime(path, (0, 0))
    write_text(tmp_path / "a.json", "new")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.json", fresh, alive])


def test_a_name_of_the_longest_kind_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    assert why_not(path) == ""
    write_text(path, "new")
    assert path.read_text() == "new"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.json", ""),
        ("new/directories/a.json", ""),
        (".", "is a directory"),
        ("x" * 256, "File name too long"),
        ("file/a.json", "Not a directory"),
        ("nul\0", "null"),
        ("/dev/null", ""),
        ("/proc/a.json", "cannot be written"),
    ],
)
def test_what_speaks_against_a_place(name: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    before = sorted(tmp_path.iterdir())
    found = why_not(tmp_path / name)
    assert reason in found and bool(reason) == bool(found)
    assert sorted(tmp_path.iterdir()) == before


def test_what_is_read_is_bounded(tmp_path: Path) -> None:
    write_text(tmp_path / "a", "1234")
    assert read_bounded(tmp_path / "a", 4) == b"1234"
    for path in (tmp_path / "a", Path("/dev/zero")):
        with pytest.raises(OSError, match="is larger than 3 bytes"):
            read_bounded(path, 3)


def test_nobody_waits_for_a_pipe_without_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="is a pipe"):
        read_bounded(tmp_path / "fifo", 9, pipes=True)
    read, write = os.pipe()
    os.write(write, b"text")
    os.close(write)
    assert read_bounded(Path(f"/dev/fd/{read}"), 9, pipes=True) == b"text"
    os.close(read)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_device_is_written_to(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_text(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()
