"""Change one thing in the model's source, run the tests beside it, count who notices.

`make mutate` takes the mutants of cosmic-ray (numbers, comparisons, arithmetic, truth values) of
each module below in an order drawn at random, until the module's CPU time is spent. Each mutant is
tried in a process of its own, forked when the libraries are loaded; no file is changed. Those that
survive are printed with their lines: a constant or a condition that no test of its module holds.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import random
import re
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

TOP = Path(__file__).parents[1]
OPERATORS = re.compile(
    r"core/(NumberReplacer|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr"
    r"|ReplaceOrWithAnd|AddNot|ReplaceComparisonOperator_(?!.*Is)\w+"
    r"|ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod)_(Add|Sub|Mul|Div|FloorDiv|Mod))"
)
NO_BEHAVIOUR = re.compile(r"\s*@|.*[(,] ?\*,|\s*\*,|.*\bdataclass\(|.*\b(Field|ConfigDict)\(")
"""Lines that say what a class is like, or that a function is compiled."""
LIBRARIES = ("hypothesis", "numba", "numpy", "pydantic", "pytest", "scipy", "simpy", "yaml")
PATIENCE = 8
"""A mutant that takes so many times what the tests take does not end: it is noticed."""
PAGE_TABLES = sorted(TOP.glob("costmodel/mm/[a-z]*.py"))
INPUTS = ("layouts", "random_layouts")
"""Of ``mm``: address spaces to check strategies on. A mutant is another one, and none is wrong."""


def cpu(module: str) -> tuple[str, tuple[str, ...]]:
    """Return a module of the CPU model with its own tests."""
    return f"costmodel/cpu/{module}.py", (f"tests/cpu/test_{module}.py",)


def mm(path: Path) -> tuple[str, tuple[str, ...]]:
    """Return a module of the page tables with its own tests, then those of all."""
    own, others = f"tests/mm/test_{path.stem}.py", "tests/mm"
    return f"costmodel/mm/{path.name}", (own, others) if (TOP / own).exists() else (others,)


TARGETS: dict[str, tuple[str, ...]] = {
    **dict(map(cpu, ("branches", "caches", "parameters", "periods", "prefetch", "tlb"))),
    **dict(mm(path) for path in PAGE_TABLES if path.stem not in INPUTS),
    "costmodel/statistics.py": ("tests/test_statistics.py",),
    "costmodel/simulation/noise.py": ("tests/simulation/test_noise.py",),
    "costmodel/uncertainty/priors.py": ("tests/uncertainty/test_priors.py",),
}
"""Module to the tests that should notice, run in this order: the first ones are the fastest."""


class Mutant(NamedTuple):
    """One change: the whole text of the module with it."""

    line: int
    before: str
    after: str
    code: str


class Outcome(NamedTuple):
    """How the tests ended, and what they took in CPU seconds."""

    passed: bool
    seconds: float


def main() -> int:
    """Mutate, print every survivor, and at the end a table of the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("module", nargs="*", help="such as costmodel/cpu/tlb.py, costmodel/mm")
    parser.add_argument("--seconds", type=float, default=120, help="CPU time per module")
    parser.add_argument("--seed", type=int, default=1, help="of the order")
    args = parser.parse_args()
    os.chdir(TOP)
    # The core would be compiled anew for each mutant: without numba it is plain Python.
    os.environ |= {"NUMBA_DISABLE_JIT": "1", "PYTHONDONTWRITEBYTECODE": "1", "CI": "1"}
    for library in LIBRARIES:
        importlib.import_module(library)
    chosen = [m for m in TARGETS if not args.module or any(m.startswith(w) for w in args.module)]
    lines = [_line(module, args.seconds, args.seed) for module in chosen]
    print("\n| module | mutants | tried | noticed | score |\n|---|---|---|---|---|")
    print("\n".join(lines))
    return 0


def _line(module: str, seconds: float, seed: int) -> str:
    """Try mutants of a module; return its line of the table."""
    tests = TARGETS[module]
    start = _tried(module, Path(module).read_text(), tests, limit=3600)
    if not start.passed:
        raise SystemExit(f"{module}: {' '.join(tests)} fail without a change")
    everything = list(_mutants(module))
    random.Random(seed).shuffle(everything)
    spent, tried, noticed = 0.0, 0, 0
    for number, line, before in everything:
        if spent > seconds:
            break
        mutant = _mutated(module, number, line, before)
        outcome = _tried(module, mutant.code, tests, limit=10 + PATIENCE * start.seconds)
        spent, tried, noticed = spent + outcome.seconds, tried + 1, noticed + (not outcome.passed)
        if outcome.passed:
            print(f"{module}:{mutant.line}\n  - {mutant.before}\n  + {mutant.after}", flush=True)
    score = f"{100 * noticed / tried:.0f} %" if tried else "-"
    print(f"{module}: {noticed} of {tried}, {spent:.0f} s", file=sys.stderr, flush=True)
    return f"| `{module}` | {len(everything)} | {tried} | {noticed} | {score} |"


def _mutants(module: str) -> Iterator[tuple[tuple[str, int], int, str]]:
    """Yield the operator and the occurrence of each mutant, and the line that it changes."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    source = Path(module).read_text()
    lines, nodes = source.splitlines(), list(ast_nodes(get_ast(source)))
    for name in sorted(filter(OPERATORS.fullmatch, operator_names())):
        operator, occurrence = get_operator(name)(), 0
        for node in nodes:
            for (line, _), _ in operator.mutation_positions(node):
                if not NO_BEHAVIOUR.match(lines[line - 1]):
                    yield (name, occurrence), line, lines[line - 1]
                occurrence += 1


def _mutated(module: str, number: tuple[str, int], line: int, before: str) -> Mutant:
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    name, occurrence = number
    code = mutate_code(Path(module).read_text(), get_operator(name)(), occurrence)
    after = code.splitlines()[line - 1]
    return Mutant(line, before.strip(), after.strip(), code)


def _tried(module: str, code: str, tests: Sequence[str], *, limit: float) -> Outcome:
    """Run tests in a child that imports a module with other code."""
    child = os.fork()
    if not child:
        _run(module, code, tests, limit)
    deadline = time.monotonic() + 60 * limit  # asleep for ever
    while True:
        pid, status, used = os.wait4(child, os.WNOHANG)
        if pid:
            passed = os.waitstatus_to_exitcode(status) == 0
            return Outcome(passed, used.ru_utime + used.ru_stime)
        if time.monotonic() > deadline:
            os.killpg(child, signal.SIGKILL)
        time.sleep(0.02)


def _run(module: str, code: str, tests: Sequence[str], limit: float) -> None:
    """Never return: the exit status is that of the tests."""
    import pytest

    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    sys.path.insert(0, str(TOP))
    sys.meta_path.insert(0, _Finder(module, code))
    options = ("-x", "-q", "-n0", "-p", "no:cacheprovider", "-W", "default", "--assert=plain")
    for some in tests:  # most are noticed by the first
        status = int(pytest.main([*options, some]))
        if status:
            os._exit(status)
    os._exit(0)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the mutated module; its loader compiles the text that it was given."""

    def __init__(self, module: str, code: str) -> None:
        self.name = module.removesuffix(".py").replace("/", ".")
        self.loader = _Loader(self.name, str(TOP / module), code)

    def find_spec(
        self, name: str, path: object, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name != self.name:
            return None
        return importlib.util.spec_from_file_location(name, self.loader.path, loader=self.loader)


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, code: str) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        code: CodeType = compile(self.code, self.path, "exec", dont_inherit=True)
        return code


if __name__ == "__main__":
    sys.exit(main())
