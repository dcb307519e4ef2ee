"""Where machine code lies, and that old code goes."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from costmodel import jit
from costmodel.parallel import in_processes


def test_a_directory_is_made_once_and_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    directory = jit.cache_directory()
    assert directory == tmp_path / f"numba-{jit.sources_digest()}"
    told = capsys.readouterr().err
    assert "compiling the CPU model" in told and "half a minute" in told
    assert jit.cache_directory() == directory
    assert capsys.readouterr().err == ""


def test_old_directories_go_when_a_new_one_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for age in range(6):
        old = tmp_path / f"numba-{age}"
        old.mkdir()
        os.utime(old, (1000 - age, 1000 - age))
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    directory = jit.cache_directory()
    assert directory is not None
    left = {"numba-0", "numba-1", "numba-2", "other", directory.name}
    assert {path.name for path in tmp_path.iterdir()} == left


def test_a_package_that_cannot_be_written_uses_the_cache_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    package.write_text("a file: nothing can be made in it")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(jit, "_PACKAGE", package)
    directory = jit.cache_directory()
    assert directory is not None
    assert directory.parent == tmp_path / "cache" / "costmodel"
    monkeypatch.setenv("XDG_CACHE_HOME", str(package))
    assert jit.cache_directory() is None


def test_a_directory_that_nobody_may_look_into_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def forbidden(_: Path) -> bool:
        raise PermissionError

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(jit, "sources_digest", lambda: "0")
    with monkeypatch.context() as patch:
        patch.setattr(Path, "is_dir", forbidden)
        found = jit.cache_directory()
    assert found is None


def test_the_digest_covers_every_file_whose_constants_are_compiled_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two kinds that swap their numbers are other machine code."""
    for source in jit.sources():
        copy = tmp_path / source.relative_to(jit._PACKAGE)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(source.read_bytes())
    monkeypatch.setattr(jit, "_PACKAGE", tmp_path)
    before = jit.sources_digest()
    kinds = tmp_path / "code" / "uops.py"
    text = kinds.read_text()
    assert "    ZERO = 13\n    NOP = 14\n" in text
    kinds.write_text(text.replace("ZERO = 13\n    NOP = 14\n", "NOP = 13\n    ZERO = 14\n"))
    assert jit.sources_digest() != before


def test_what_compiled_functions_import_is_covered() -> None:
    """Constants (capitals, enumerations) of other files end in machine code."""
    covered = {path.relative_to(jit._PACKAGE) for path in jit.sources()}
    found = set()
    for path in jit._PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        if not any(node.module == "costmodel.jit" for node in imports):
            continue
        assert path.relative_to(jit._PACKAGE) in covered
        for node in imports:
            for name in node.names:
                module = (node.module or "").split(".")[1:]
                if name.name.isupper() or name.name in ("Kind", "Target", "Subkind", "Cause"):
                    found.add(Path(*module).with_suffix(".py"))
    assert Path("code/uops.py") in found
    assert found <= covered


def twice(value: int) -> int:
    return 2 * value


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Any]:
    """Return a function that compiles ``twice`` anew, as the next process would."""
    monkeypatch.setattr(jit, "directory", lambda: tmp_path)
    return lambda: jit.Compiled(twice).dispatcher


@pytest.mark.parametrize("ending", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [b"", b"no pickle", b"\x80\x04K\x07.", None])
def test_damaged_files_are_made_again(
    ending: str, damage: bytes | None, kept: Callable[[], Any], tmp_path: Path
) -> None:
    assert kept()(3) == 6
    (path,) = tmp_path.rglob(f"*.{ending}")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    assert kept()(3) == 6
    again = kept()
    assert again(3) == 6
    assert sum(again.stats.cache_hits.values()) == 1


def test_a_full_disk_only_means_to_compile_again(
    kept: Callable[[], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    function = kept()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(function._cache._cache_file, "save", full)
    assert function(3) == 6
    assert not list(tmp_path.rglob("*.nbc"))


def compile_twice(directory: str) -> int:
    jit.directory = cache(lambda: Path(directory))
    function = jit.Compiled(twice).dispatcher
    assert function(3) == 6
    return int(sum(function.stats.cache_hits.values()))


def test_of_two_processes_one_compiles(tmp_path: Path) -> None:
    hits = in_processes(compile_twice, [str(tmp_path)] * 2, jobs=2)
    assert sorted(hits) == [0, 1]


def test_numba_does_not_load_what_only_matrices_need() -> None:
    program = (
        "import sys, numpy as np\n"
        "from costmodel.code.sequences import numbered\n"
        "numbered(np.zeros(4, np.int64))\n"
        "print([name for name in ('scipy.linalg', 'coverage') if name in sys.modules])\n"
        "import scipy.linalg\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
