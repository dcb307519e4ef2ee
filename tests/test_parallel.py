"""Tasks over processes: same results, errors come through, nothing is left behind."""

import multiprocessing
import os

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
