"""Strategies by name, entry point or file.py:function, and what can be wrong with them."""

from __future__ import annotations

import os
import pickle
from importlib.metadata import EntryPoint
from pathlib import Path
from textwrap import dedent

import pytest

from costmodel.config.errors import ConfigError
from costmodel.strategies import resolve as module
from costmodel.strategies.catalogue import built_in
from costmodel.strategies.resolve import known_names, resolve


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file with two strategies in the current directory."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine.py"
    path.write_text(
        dedent(
            '''\
            from costmodel.strategies import fork as k

            @k.built_on("v4_before_change", contpte=True)
            def per_pte(fork):
                """One by one.

                And so on."""
                return k.copy_unbatched(fork)

            def plain(fork):
                return k.v6_12(fork)
            '''
        )
    )
    return path


def test_a_name_is_a_built_in_one_of_the_operation() -> None:
    assert resolve("v6.7") is built_in()["v6.7"]
    assert resolve("v6.7", operation="zap").operation == "zap"


def test_a_function_of_a_file(file: Path) -> None:
    strategy = resolve("mine.py:per_pte")
    assert (strategy.name, strategy.summary) == ("mine.py:per_pte", "One by one.")
    assert strategy.contpte and strategy.code is not None
    assert strategy.program("arm64", range_tlbi=False) == "v4_before_change.arm64_contpte"
    assert strategy.program("arm64", range_tlbi=True) == "v4_before_change_range_tlbi.arm64_contpte"
    assert "x86_64" not in strategy.programs


def test_without_a_decorator_it_stands_on_v6_12(file: Path) -> None:
    programs = resolve("mine.py:plain").programs
    assert programs == {"arm64": "v6.12.117.arm64_nocontpte", "x86_64": "v6.12.117.x86_64"}


def test_the_same_file_is_the_same_strategy_until_it_changes(file: Path) -> None:
    first = resolve("mine.py:plain")
    assert resolve("mine.py:plain") is first
    file.write_text(file.read_text() + "\n# changed\n")
    os.utime(file, ns=(1, 1))
    assert resolve("mine.py:plain") is not first


def test_an_entry_point_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("my-patch", "costmodel.operations.fork.per_pte:copy_per_pte", module.GROUP)
    broken = EntryPoint("broken", "no_such_module:f", module.GROUP)
    monkeypatch.setattr(module, "_added", lambda: {"my-patch": entry, "broken": broken})
    assert resolve("my-patch").name == "my-patch"
    assert known_names()[-2:] == ["my-patch", "broken"]
    with pytest.raises(
        ConfigError, match="entry point broken: strategy: cannot be imported: ModuleNot"
    ):
        resolve("broken")


BAD = {
    "syntax": ("def f(fork:\n", "bad.py:1:0: strategy: cannot be imported: "),
    "import": ("import os\n\nimport no_such\n", "bad.py:3:0: strategy: cannot be imported: Module"),
    "missing": ("def g(fork): ...\n", "bad.py: unknown function, known: g (got 'f')"),
    "arguments": ("def f(): ...\n", "bad.py:1:0: strategy: must take one argument"),
    "program": (
        "from costmodel.strategies import fork as k\n\n@k.built_on('v6.13')\ndef f(fork): ...\n",
        "bad.py:3:0: strategy: program: unknown program, did you mean 'v6.9'?",
    ),
    "build": (
        "from costmodel.strategies import fork as k\n@k.built_on('v6.7@gcc15')\ndef f(fork): ...\n",
        "bad.py:2:0: strategy: build of v6.7: unknown build, did you mean 'gcc",
    ),
    "no contpte": (
        "from costmodel.strategies import fork as k\n@k.built_on('no_hint')\ndef f(fork): ...\n",
        "bad.py:2:0: strategy: program: was recorded with contpte=True alone (got 'no_hint')",
    ),
    "no brackets": (
        "from costmodel.strategies import fork as k\n@k.built_on\ndef f(fork): ...\n",
        "bad.py:2:0: strategy: built_on: must name a program: @k.built_on(",
    ),
    "contpte": (
        "from costmodel.strategies import fork as k\n"
        "@k.built_on('v6.7', contpte=True)\ndef f(fork): ...\n",
        "bad.py:2:0: strategy: program: was not recorded with contpte=True (got 'v6.7')",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_what_is_wrong_with_a_file_is_one_line(
    text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        resolve("bad.py:f")
    (line,) = str(caught.value).splitlines()
    assert line.startswith(message)
    assert str(pickle.loads(pickle.dumps(caught.value))) == line


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("v6.71", "--strategy: unknown strategy, did you mean 'v6.7'? (got 'v6.71')"),
        ("no.py:f", "--strategy: no.py: no such file (got 'no.py:f')"),
        (
            "mine.py:plain@gcc1",
            "--strategy: no archive gcc1.ckb, and unknown build, did you mean 'gcc16'? "
            "(got 'mine.py:plain@gcc1')",
        ),
        ("a.txt:f", "--strategy: a.txt: must be a Python file (.py) (got 'a.txt:f')"),
    ],
)
def test_what_is_wrong_with_a_reference(file: Path, reference: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve(reference, origin="--strategy")
    assert str(caught.value) == message


def test_a_callable_without_code_can_be_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "odd.py"
    path.write_text("class C:\n    def __call__(self, a, b): ...\n\nf = C()\n")
    with pytest.raises(ConfigError, match="must take one argument"):
        resolve(f"{path}:f")
