"""Which files of a tree define a function that nothing linked does."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.emulation.definitions import defining_files

SOURCES = {
    "mm/util.c": "int declared(int);\nlong wanted(struct page *page,\n\t\tint order)\n{\n}\n",
    "mm/user.c": "static int wanted_too(void)\n{\n\twanted(0, 0);\n\tif (wanted(1, 1)) {\n\t}\n}\n",
    "mm/other.c": "static void local(int a)\n{\n}\nvoid\nsplit(int a) __releases(lock)\n{\n}\n",
    "mm/gnu.c": "static int\nhidden(int a) {\n}\nstatic int seen;\nint\nshown(void)\n{\n}\n"
    "static __always_inline\nlong hidden_too(int a)\n{\n}\nstatic int one;\nlong two(int a) {\n}\n",
    "lib/string.c": "void *copied(void *to)\n{\n\treturn to;\n}\n",
    "arch/x86/lib/copy_64.S": "SYM_FUNC_START(__copied)\nret\nSYM_FUNC_ALIAS(copied, __copied)\n",
    "arch/arm64/lib/copy.S": "SYM_FUNC_START(copied)\n\tret\n",
}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    for name, text in SOURCES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (folder / "mm/nowhere.c").symlink_to("missing.c")
    return folder


FILES = {
    "wanted": ["mm/util.c"],
    "split": ["mm/other.c"],
    "copied": ["lib/string.c", "arch/x86/lib/copy_64.S"],
    "shown": ["mm/gnu.c"],
    "two": ["mm/gnu.c"],
    "declared": [],
    "local": [],
    "hidden": [],
    "hidden_too": [],
    "want": [],
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_define_a_function_for_others(source: Path, name: str) -> None:
    assert defining_files(source, "x86", [name]) == {name: FILES[name]}


def test_all_functions_are_found_in_one_pass(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    whole = Path.read_bytes

    def counted(path: Path) -> bytes:
        read.append(path)
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    assert defining_files(source, "x86", list(FILES)) == FILES
    assert len(read) == len(set(read))


def test_another_architecture_has_files_of_its_own(source: Path) -> None:
    found = defining_files(source, "arm64", ["copied"])
    assert found == {"copied": ["lib/string.c", "arch/arm64/lib/copy.S"]}
