"""Which files of a tree define a function that nothing linked does."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.emulation.definitions import defining_files

SOURCES = {
    "mm/util.c": "int declared(int);\nlong wanted(struct page *page,\n\t\tint order)\n{\n}\n",
    "mm/user.c": "static int wanted_too(void)\n{\n\twanted(0, 0);\n\tif (wanted(1, 1)) {\n\t}\n}\n",
    "mm/other.c": "static void local(int a)\n{\n}\nvoid\nsplit(int a) __releases(lock)\n{\n}\n",
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
    return folder


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("wanted", ["mm/util.c"]),
        ("split", ["mm/other.c"]),
        ("copied", ["lib/string.c", "arch/x86/lib/copy_64.S"]),
        ("declared", []),
        ("local", []),
        ("want", []),
    ],
)
def test_files_that_define_a_function_for_others(source: Path, name: str, files: list[str]) -> None:
    assert defining_files(source, "x86", name) == files


def test_another_architecture_has_files_of_its_own(source: Path) -> None:
    assert defining_files(source, "arm64", "copied")[1:] == ["arch/arm64/lib/copy.S"]
