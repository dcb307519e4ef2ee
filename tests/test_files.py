"""Output files are replaced whole or not at all."""

from pathlib import Path

import pytest

from costmodel.files import replacing, write_text


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


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("target")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_a_device_is_written_to(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_text(Path("/dev/null"), "gone")
    assert Path("/dev/null").is_char_device()
