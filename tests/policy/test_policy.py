"""What docs/policy.md promises: names, options and files of version 0.1 are still good."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

import pytest

import costmodel
from costmodel.cli.main import parser
from costmodel.config.machine import load_machine
from costmodel.results.reading import read_results
from costmodel.results.text.mail import mail
from costmodel.strategies import fork

HERE = Path(__file__).parent
NAMES = json.loads((HERE / "names-0.1.json").read_text())
"""What version 0.1 exported, and the options of its commands."""


@pytest.mark.filterwarnings("ignore:.*is now called:FutureWarning")
@pytest.mark.parametrize("module", ["costmodel", "costmodel.strategies.fork"])
def test_exported_names_stay(module: str) -> None:
    there = importlib.import_module(module)
    assert [name for name in NAMES[module] if not hasattr(there, name)] == []


def test_what_was_renamed_still_works_and_warns_at_the_line_that_uses_it() -> None:
    with pytest.warns(FutureWarning, match="'Flavour' is now called 'Subkind'"):
        old: Any = getattr(fork, "Flavour")  # noqa: B009 (a type checker refuses it)
    assert old is fork.Subkind
    with pytest.warns(FutureWarning, match="'flavour' is now called 'subkind'") as warned:
        atomic = fork.rmw(fork.Target.PAGE, 48, flavour=fork.Subkind.RMW_VALUE)
        flush = fork.tlbi(flavour=fork.Subkind.TLBI_ASID)
        assert atomic.flavour is atomic.subkind
    assert [warning.filename for warning in warned] == [__file__] * 3
    assert atomic == fork.rmw(fork.Target.PAGE, 48, subkind=fork.Subkind.RMW_VALUE)
    assert flush == fork.tlbi(fork.Subkind.TLBI_ASID)


def test_options_stay() -> None:
    actions = parser()._actions
    (commands,) = (a.choices for a in actions if isinstance(a, argparse._SubParsersAction))
    for command, options in NAMES["options"].items():
        known = {
            option for action in commands[command]._actions for option in action.option_strings
        }
        assert [option for option in options if option not in known] == [], command


@pytest.mark.filterwarnings("ignore:.*is no longer read:FutureWarning")
@pytest.mark.parametrize("name", ["ampere-altra", "xeon-4210r"])
def test_machine_files_keep_working(name: str) -> None:
    """A key that came later has a default: the file of before gives a price."""
    file = HERE / f"{name}-0.1.yaml"
    assert load_machine(str(file)).title == load_machine(name).title
    assert costmodel.price(str(file), "folio-batch-v6.9", memory="2 MiB").ns_per_pte > 0


def test_result_files_stay_readable() -> None:
    results = read_results(HERE / "result-0.1.json")
    table = mail(results)
    assert "| contpte-per-pte    | 3652.2% |    0.2% |" in table
    assert results.title is None and results.case in table
    assert results.first.machine_title is None and "| ampere-altra " in table


def test_nothing_is_exported_that_is_not_there() -> None:
    assert [name for name in costmodel.__all__ if not hasattr(costmodel, name)] == []
