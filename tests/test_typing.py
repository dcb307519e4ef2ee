"""What a type checker tells users: mypy reads this file in `make lint`, a wrong call is an error.

An ignored error that does not occur is an error too, so each call that is marked must be refused.
"""

from __future__ import annotations

from typing import assert_type

import costmodel
from costmodel.config.machine import Machine
from costmodel.experiment import Comparison
from costmodel.results.document import ResultFile
from costmodel.studies import Price, Study


def right_calls() -> None:
    """Never run: these have types."""
    result = costmodel.price("ampere-altra", "folio-batch-v6.9", order=9, memory="64 MiB")
    assert_type(result, Price)
    assert_type(result.ns_per_pte, float)
    assert_type(costmodel.machine("ampere-altra"), Machine)
    study = costmodel.study("lkml-fork", strategies=["v6.7"], orders=[0, 9], jobs=2)
    assert_type(study, Study)
    assert_type(study["ampere-altra", "v6.7", 0], Comparison)
    assert_type(study.results, ResultFile)
    assert_type(costmodel.table("lkml-fork"), str)


def wrong_calls() -> None:
    """Never run: these are refused."""
    costmodel.price("ampere-altra", 6.7)  # type: ignore[arg-type]
    costmodel.price("ampere-altra", "v6.7", order="nine")  # type: ignore[arg-type]
    costmodel.price("ampere-altra")  # type: ignore[call-arg]
    costmodel.study("lkml-fork", noise="off")  # type: ignore[arg-type]
    costmodel.study("lkml-fork", strategy="v6.7")  # type: ignore[call-arg]
    costmodel.study("lkml-fork").picture("pie")  # type: ignore[arg-type]
    costmodel.prize("ampere-altra", "v6.7")  # type: ignore[attr-defined]


def test_the_marker_of_typed_packages_is_there() -> None:
    from importlib.resources import files

    assert (files("costmodel") / "py.typed").is_file()
