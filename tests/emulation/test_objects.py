"""Objects of a compiler: what they use and define, and why some cannot be linked."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

pytest.importorskip("elftools", reason="needs costmodel[record]")

from costmodel.config.errors import ConfigError
from costmodel.emulation.objects import LinkedNames, defined, open_object
from tests.emulation.tiny_tree import machine


def compiled(folder: Path, name: str, source: str, *flags: str) -> Path:
    machine()  # skips where there is no compiler
    (folder / f"{name}.c").write_text(source)
    command = ["cc", "-c", *flags, "-o", f"{name}.o", f"{name}.c"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / f"{name}.o"


def test_names_that_no_object_defines_are_undefined(tmp_path: Path) -> None:
    user = "int other(void); int third(void); static int own(void) { return third(); }"
    one = compiled(tmp_path, "one", f"{user} int first(void) {{ return other() + own(); }}")
    two = compiled(tmp_path, "two", "int number; int other(void) { return number; }")
    names = LinkedNames([one])
    assert {"other", "third"} <= names.undefined
    names.add(two)
    assert "third" in names.undefined and "other" not in names.undefined
    assert names.undefined == LinkedNames([two, one]).undefined
    assert defined(one) == {"first"}, "a static function is nothing for others"
    assert defined(two) == {"number", "other"}


def test_bitcode_and_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory.o"
    for data in (b"BC\xc0\xde rest", b"int main(void);", b""):
        path.write_bytes(data)
        with pytest.raises(ConfigError, match="must be an ELF object with machine code"):
            open_object(path)


def test_an_object_cut_anywhere_is_refused(tmp_path: Path) -> None:
    whole = compiled(tmp_path, "whole", "int one(void) { return 1; }").read_bytes()
    path = tmp_path / "cut.o"
    for size in range(4, len(whole), 37):
        path.write_bytes(whole[:size])
        with pytest.raises(ConfigError, match="must be a whole ELF object"):
            open_object(path)


def test_an_object_without_machine_code_of_gccs_lto_is_refused(tmp_path: Path) -> None:
    machine()
    version = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True)
    if "Free Software Foundation" not in version.stdout:
        pytest.skip("the system's compiler is not gcc")
    path = compiled(tmp_path, "lto", "int one(void) { return 1; }", "-flto", "-fno-fat-lto-objects")
    with pytest.raises(ConfigError, match="not what gcc left for the linker"):
        open_object(path)
