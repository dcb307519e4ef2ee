"""Change one thing in the model's source, run the tests beside it, count who notices.

`make mutate` draws a sample of all mutants of cosmic-ray (numbers, comparisons, arithmetic, truth
values), spread over the targets below, and works in a copy of the tree. Those that survive are
printed with their lines: each is a constant or a condition that no test of its module holds.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkerOutcome, WorkItem, WorkResult

TOP = Path(__file__).parents[1]
OPERATORS = re.compile(
    r"core/(NumberReplacer|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr"
    r"|ReplaceOrWithAnd|AddNot|ReplaceComparisonOperator_(?!.*Is)\w+"
    r"|ReplaceBinaryOperator_(Add|Sub|Mul|Div|FloorDiv|Mod)_(Add|Sub|Mul|Div|FloorDiv|Mod))"
)


class Target(NamedTuple):
    """Sources, the tests that should notice, and their share of a sample."""

    sources: str
    tests: tuple[str, ...]
    share: float


TARGETS = (
    Target("costmodel/cpu", ("tests/cpu",), 0.4),
    Target("costmodel/mm", ("tests/mm", "tests/checking"), 0.4),
    Target("costmodel/statistics.py", ("tests/test_statistics.py",), 0.1),
    Target("costmodel/simulation/noise.py", ("tests/simulation",), 0.1),
)
CONFIG = """\
[cosmic-ray]
module-path = ["{sources}"]
timeout = {timeout}
excluded-modules = []
test-command = "{python} -m pytest -x -q -n0 -p no:cacheprovider {tests}"
[cosmic-ray.distributor]
name = "local"
"""


def main() -> int:
    """Mutate, and print the score of each target and every survivor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=400, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one mutant")
    parser.add_argument("--only", default="", help="a target, such as costmodel/mm")
    args = parser.parse_args()
    # The core is compiled anew for each mutant unless numba is off: the tests are small.
    os.environ["NUMBA_DISABLE_JIT"] = "1"
    os.chdir(_copy())
    for target in TARGETS:
        if args.only in ("", target.sources):
            share = 1.0 if args.only else target.share
            _mutate(target, round(args.mutants * share), args.seed, args.timeout)
    return 0


def _copy() -> Path:
    """Copy the tree: mutants change files in place."""
    copy = TOP / "out" / "mutate"
    shutil.rmtree(copy, ignore_errors=True)
    skipped = shutil.ignore_patterns(".venv", ".git", "out", "__pycache__", ".hypothesis")
    shutil.copytree(TOP, copy, ignore=skipped)
    os.environ["PYTHONPATH"] = str(copy)
    return copy


def _mutate(target: Target, mutants: int, seed: int, timeout: float) -> None:
    name = target.sources.replace("/", "-")
    config, session = Path(f"{name}.toml"), Path(f"{name}.sqlite")
    tests = " ".join(target.tests)
    config.write_text(
        CONFIG.format(sources=target.sources, timeout=timeout, python=sys.executable, tests=tests)
    )
    _cosmic_ray("init", str(config), str(session))
    with use_db(str(session)) as db:
        everything = _sample(db, mutants, seed)
    _cosmic_ray("baseline", str(config))
    _cosmic_ray("exec", str(config), str(session))
    with use_db(str(session), WorkDB.Mode.open) as db:
        _report(target, db, everything)


def _cosmic_ray(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "cosmic_ray.cli", *words], check=True)


def _sample(db: WorkDB, mutants: int, seed: int) -> int:
    """Mark all work as skipped but for a sample; return how many mutants there were."""
    items = sorted(db.work_items, key=lambda item: str(item.mutations))
    wanted = [item for item in items if OPERATORS.fullmatch(item.mutations[0].operator_name)]
    kept = random.Random(seed).sample(wanted, min(mutants, len(wanted)))
    ids = {item.job_id for item in kept}
    skipped = WorkResult(WorkerOutcome.SKIPPED)
    for item in items:
        if item.job_id not in ids:
            db.set_result(item.job_id, skipped)
    return len(wanted)


def _report(target: Target, db: WorkDB, everything: int) -> None:
    items: dict[str, WorkItem] = {item.job_id: item for item in db.work_items}
    done = [(job, r) for job, r in db.results if r.worker_outcome is WorkerOutcome.NORMAL]
    alive = [(job, r) for job, r in done if r.test_outcome is TestOutcome.SURVIVED]
    killed = len(done) - len(alive)
    print(
        f"{target.sources}: {killed} of {len(done)} noticed (of {everything} mutants)", flush=True
    )
    for job, result in alive:
        mutation = items[job].mutations[0]
        lines = (result.diff or "").splitlines()
        changed = [line for line in lines if re.match(r"[-+](?![-+])", line)]
        print(f"  {mutation.module_path}:{mutation.start_pos[0]}")
        print("\n".join(f"    {line}" for line in changed))


if __name__ == "__main__":
    sys.exit(main())
