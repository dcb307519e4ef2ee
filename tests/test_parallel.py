"""Tasks over processes: same results, errors come through, nothing is left behind."""

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

import pytest

from costmodel.parallel import in_processes


def square(number: int) -> int:
    return number * number


def process_id(_: int) -> int:
    return os.getpid()


def refuse(number: int) -> int:
    raise ValueError(f"'number' must be even (got {number})")


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_results_come_in_order_for_any_number_of_processes(jobs: int) -> None:
    assert in_processes(square, range(7), jobs=jobs) == [n * n for n in range(7)]


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_workers_may_start_in_any_way(method: str, tmp_path: Path) -> None:
    """Python changes its own choice; what is sent to workers can be sent in every way."""
    script = tmp_path / "script.py"
    script.write_text(
        "import multiprocessing\nfrom costmodel import parallel\n"
        "if __name__ == '__main__':\n"
        f"    parallel.context = lambda: multiprocessing.get_context({method!r})\n"
        "    print(parallel.in_processes(abs, range(-3, 0), jobs=2))\n"
    )
    words = [sys.executable, str(script)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("[3, 2, 1]\n", "")


def test_one_job_stays_in_this_process() -> None:
    assert set(in_processes(process_id, range(3), jobs=1)) == {os.getpid()}
    assert os.getpid() not in in_processes(process_id, range(3), jobs=2)


def test_an_error_ends_the_workers_and_comes_through() -> None:
    before = set(multiprocessing.active_children())
    with pytest.raises(ValueError, match="must be even"):
        in_processes(refuse, range(3), jobs=2)
    for child in set(multiprocessing.active_children()) - before:
        child.join(timeout=5)
    assert set(multiprocessing.active_children()) <= before
