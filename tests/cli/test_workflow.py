"""The workflow of docs/compare.md: its own commands, run in a repository with a branch."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DOCS = Path(__file__).parents[2] / "docs"
WORKFLOW = re.compile(r'^```yaml title="\.github/workflows/cost\.yml"\n(.*?)^```$', re.M | re.S)
STRATEGY = """\
from costmodel.strategies import fork as k


@k.built_on("v6.12.117")
def copy(fork):
    how = k.Batching(counts_large=True)
    for pair in fork.tables():
        yield from k.new_table(fork, pair)
        progress, slot = k.Progress(), pair.first
        while slot < pair.end:
            entry = yield from k.read(fork, pair, slot, progress)
            for _ in range(MORE):
                yield k.rmw(k.Target.PAGE, 64 * entry.head)
            count = 1
            if entry.folio is None:
                yield from k.copy_unusual(fork, pair, slot, progress)
            elif entry.folio.order == 0:
                yield from k.copy_single(fork, pair, entry)
            else:
                count = yield from k.scan(pair, entry, how)
                count = yield from k.copy_batch(fork, pair, entry, count, how)
            if entry.folio is not None:
                progress.done += k.COPIED * count
            slot += count
"""


def git(top: Path, *words: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(
        ["git", *who, *words], cwd=top, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.mark.parametrize(("more", "code"), [(0, 0), (2, 1)])
def test_the_workflow_fails_for_a_branch_that_costs_more(
    tmp_path: Path, more: int, code: int
) -> None:
    found = WORKFLOW.search((DOCS / "compare.md").read_text())
    assert found is not None
    workflow = yaml.safe_load(found[1])
    steps = {
        step["name"]: step["run"] for step in workflow["jobs"]["cost"]["steps"] if "run" in step
    }
    top, tools = tmp_path / "clone", tmp_path / "tools"
    top.mkdir()
    tools.mkdir()
    command = tools / "costmodel"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m costmodel "$@"\n')
    command.chmod(0o755)
    git(top, "init", "-q", "-b", "main")
    strategy = top / "my_patch.py"
    strategy.write_text(STRATEGY.replace("MORE", "0"))
    git(top, "add", ".")
    git(top, "commit", "-qm", "one")
    base = git(top, "rev-parse", "HEAD")
    git(top, "checkout", "-qb", "branch")
    strategy.write_text(STRATEGY.replace("MORE", str(more)) + "# the branch\n")
    git(top, "commit", "-qam", "two")
    summary = tmp_path / "summary.md"
    env = os.environ | workflow["env"] | {"GITHUB_STEP_SUMMARY": str(summary), "BASE": base}
    env["PATH"] = f"{tools}:{env['PATH']}"
    env["PYTHONPATH"] = str(DOCS.parent)
    env["QUESTION"] += " --memory 4MiB"  # soon answered
    codes = [
        subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", steps[name]],
            cwd=top, env=env, check=False, stdout=subprocess.DEVNULL,
        ).returncode
        for name in ("price what the branch starts from", "price the branch", "compare")
    ]  # fmt: skip
    assert codes == [0, 0, code]
    assert "my\\_patch.py:copy" in summary.read_text()
