"""The package's own functions, as scripts and notebooks use them."""

from __future__ import annotations

import gc
import inspect
import json
import os
import pydoc
import random
import resource
import signal
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import costmodel
from costmodel import ConfigError
from costmodel.cli.main import main

SMALL = "2 MiB"
FROK: Any = "frok"
WRONG: Any = "four"


def test_price_is_what_one_strategy_costs() -> None:
    cost = costmodel.price("ampere-altra", "contpte-per-pte", order=9, memory=SMALL)
    assert cost.ptes == 512
    assert sum(cost.stack_ns_per_pte.values()) == pytest.approx(cost.ns_per_pte)
    assert cost.micro_ops_per_pte["tlbi"] == pytest.approx(3)  # three converts of 16 per block


def test_a_study_prints_as_a_table_and_draws_itself() -> None:
    study = costmodel.study(
        machines=["xeon-4210r"],
        strategies=["folio-batch-v6.9"],
        orders=[0, 9, {0: "50%", 4: 0.5}],
        noise=False,
        memory=SMALL,
    )
    text = str(study)
    assert "| v6.7 (baseline)" in text and "| folio-batch-v6.9" in text
    assert max(map(len, text.splitlines())) <= 76
    assert study["xeon-4210r", "v6.7", 9].is_baseline
    with pytest.raises(KeyError):
        study["xeon-4210r", "v6.7", 4]
    mixed = study["xeon-4210r", "v6.7", {4: "50%", 0: "50%"}].result.cell
    assert mixed.workload.folio_orders == {0: 0.5, 4: 0.5}
    with pytest.raises(KeyError):
        study["xeon-4210r", "v6.7", {0: "40%", 4: "60%"}]
    assert study.picture("stack").png().startswith(b"\x89PNG")
    assert "folio-batch-v6.9" in study.chart()


def test_table_takes_what_study_takes() -> None:
    text = costmodel.table(machines=["xeon-4210r"], strategies=["v6.7"], noise=False, memory=SMALL)
    assert "| v6.7 (baseline)" in text


def test_arguments_replace_what_a_scenario_says() -> None:
    study = costmodel.study(
        "lkml-fork",
        machines=["ampere-altra"],
        strategies=["folio-batch-v6.9"],
        orders=[4],
        noise=False,
        memory="4 MiB",
        title="mine",
    )
    cells = [comparison.result.cell for comparison in study.comparisons]
    assert study.title == "mine"
    assert {(c.machine.name, c.workload.layout, c.workload.memory_bytes) for c in cells} == {
        ("ampere-altra", "order-4", 4 << 20)
    }


def test_a_machine_that_does_not_exist() -> None:
    ranged = costmodel.machine("ampere-altra", rename="ranged", changes={"tlbi.range": True})
    assert ranged.name == ranged.title == "ranged"
    before, after = (
        costmodel.price(machine, "contpte-per-pte", order=4, memory=SMALL)
        for machine in ("ampere-altra", ranged)
    )
    assert after.ns_per_pte < before.ns_per_pte
    assert after.micro_ops_per_pte["tlbi"] < before.micro_ops_per_pte["tlbi"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: costmodel.machine("ampere-altro"), "did you mean 'ampere-altra'"),
        (lambda: costmodel.machine("ampere-altra", changes={"tlbi.rnage": 1}), "tlbi.rnage"),
        (lambda: costmodel.price("xeon-4210r", "contpte-per-pte"), "arm64 only"),
        (lambda: costmodel.strategy_names(FROK), "unknown operation"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", operation=FROK), "unknown operation"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", order=10), "^order: .* 0 or 2 to 9"),
        (lambda: costmodel.price("xeon-4210r", "v7"), "^strategy: unknown strategy[^\n]*$"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", overrides={"memory": 3}), "s: memory: "),
        (lambda: costmodel.price("xeon-4210r", "v6.7", order=WRONG), "must be an order"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", order=4.0), "must be an order"),  # type: ignore[arg-type]
        (lambda: costmodel.price(None, "v6.7"), "machine: must be a machine"),  # type: ignore[arg-type]
        (lambda: costmodel.price("xeon-4210r", None), "must be text"),  # type: ignore[arg-type]
        (lambda: costmodel.price("xeon-4210r", b"v6.7"), r"must be text \(got b'v6.7', a bytes"),  # type: ignore[arg-type]
        (lambda: costmodel.price("xeon-4210r", len), "got <built-in function len>"),  # type: ignore[arg-type]
        (lambda: costmodel.price("xeon-4210r", lambda: 0), "<lambda>>, a function"),  # type: ignore[arg-type]
        (lambda: costmodel.price("xeon-4210r", "v6.7", cpus=0), "cpus: must be at least 1"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", cpus=99), "must be at most 10, the CPUs"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", noise=1), "noise: must be true or"),  # type: ignore[arg-type]
        (lambda: costmodel.price("xeon-4210r", "v6.7", overrides={"x": 1}), "x: unknown key"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", overrides={"machines": 1}), "cannot be"),
        (lambda: costmodel.price("xeon-4210r", "v6.7", overrides=[1]), "must be a mapping"),  # type: ignore[arg-type]
        (lambda: costmodel.study(strategies="v6.70"), "did you mean 'v6.7'"),
        (lambda: costmodel.study(strategies=[]), "strategies: must not be empty"),
        (lambda: costmodel.study(orders=WRONG), "must be an order"),
        (lambda: costmodel.study(machines=[]), "machines: must not be empty"),
        (lambda: costmodel.study(machines=["xeon-4210r"] * 2), "two machines of one name"),
        (lambda: costmodel.study(jobs=0), "jobs: must be an integer of at least 1"),
        (lambda: costmodel.study(17), "scenario: must be a name or a path"),  # type: ignore[arg-type]
        (lambda: costmodel.study(title="a\x1b[31mb"), "one line of printable text"),
        (lambda: costmodel.machine("ampere-altra", rename="a b"), "rename: must be lower-case"),
        (lambda: costmodel.window("xeon-4210r", "v6.7", ptes=0), "ptes: must be an integer"),
        (lambda: costmodel.check("v6.7", layouts=-1), "layouts: must be an integer"),
        (lambda: costmodel.check(3), "strategy: must be a name"),  # type: ignore[arg-type]
    ],
)
def test_what_is_wrong_is_said(call: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call()  # type: ignore[operator]


def test_zap_has_strategies_of_its_own() -> None:
    cost = costmodel.price(
        "xeon-4210r", costmodel.strategy_names("zap")[0], operation="zap", memory=SMALL
    )
    assert cost.ns_per_pte > 0


SAME_STORM = {"strategies": ["contpte-per-pte"], "orders": [9], "memory": "4 MiB", "noise": False}


def test_nothing_that_is_said_is_dropped() -> None:
    """What a study, a price and the command line make of one question is one number."""
    asked: Any = {"order": 9, "memory": "4 MiB"}
    ranged = {"ampere-altra.tlbi.range": True}
    usual = costmodel.price("ampere-altra", "contpte-per-pte", **asked)
    changed = costmodel.price("ampere-altra", "contpte-per-pte", overrides=ranged, **asked)
    assert changed.ns_per_pte < usual.ns_per_pte
    study = costmodel.study(machines="ampere-altra", overrides=ranged, **SAME_STORM)  # type: ignore[arg-type]
    assert study["ampere-altra", "contpte-per-pte", 9].result.exact_ps == changed.exact_ps
    assert "Ampere Altra (tlbi.range=true)" in str(study)
    with pytest.raises(ConfigError, match="contpte"):
        costmodel.study(machines="ampere-altra", contpte=False, **SAME_STORM)  # type: ignore[arg-type]
    without: Any = {"machines": "ampere-altra", "contpte": False, "memory": SMALL, "noise": False}
    assert "contpte off" in str(costmodel.study(strategies="v6.7", **without))


def test_overrides_of_a_scenario_hold_for_the_machines_that_are_given(tmp_path: Path) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(
        "title: storm\noperation: fork\nmemory: 2 MiB\nmachines: [ampere-altra, xeon-4210r]\n"
        "folio_orders: [9]\nbaseline: v6.7\nstrategies: [contpte-per-pte]\n"
        "overrides: {ampere-altra.tlbi.range: true}\n"
    )
    from_file = costmodel.study(file, noise=False)
    given = costmodel.study(file, machines=["ampere-altra"], noise=False)
    place = "ampere-altra", "contpte-per-pte", 9
    assert given[place].result.exact_ps == from_file[place].result.exact_ps
    xeon = costmodel.study(file, machines="xeon-4210r", strategies="v6.7", noise=False)
    assert [c.result.cell.machine.name for c in xeon.comparisons] == ["xeon-4210r"]


def test_a_price_prints_as_one_line() -> None:
    price = costmodel.price("ampere-altra", "v6.7", order=9, memory=SMALL, contpte=False)
    text = str(price)
    assert repr(price) == f"<{text}>"
    assert text.startswith("v6.7 on Ampere Altra: ")
    assert text.endswith(
        " ns per PTE (fork, 2 MiB, writable, order-9, contpte off; build gcc12-booted)"
    )


def test_what_a_prompt_shows_is_short() -> None:
    study = costmodel.study(
        machines="xeon-4210r", strategies="v6.8", orders=[0, 9], memory=SMALL, noise=False
    )
    assert repr(study) == "<Study a quick question: 4 results on xeon-4210r>"
    changed = costmodel.machine("xeon-4210r", changes={"core.width": 5})
    shown = "<Machine xeon-4210r: Xeon Silver 4210R, x86_64, 1 number changed>"
    assert repr(changed) == str(changed) == shown
    assert len(repr(costmodel.cell("xeon-4210r", "v6.7"))) < 600


def test_help_shows_the_functions() -> None:
    text = pydoc.plain(pydoc.render_doc(costmodel))
    for name in costmodel.__all__:
        assert f"    {name}(" in text or f"class {name}(" in text or f"{name} = " in text
    functions = text[text.index("FUNCTIONS") :]
    assert "memory: str | int | None = None,\n" in functions
    assert max(map(len, functions.splitlines())) <= 104  # the source has up to 100, indented
    for function in (costmodel.study, costmodel.price, costmodel.explain, costmodel.table):
        kinds = {p.kind for p in inspect.signature(function).parameters.values()}
        assert kinds <= {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    assert str(inspect.signature(costmodel.study)).endswith(" -> Study")
    assert str(inspect.signature(costmodel.table)).endswith(" -> str")


def test_the_default_question_is_that_of_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    result = costmodel.price("ampere-altra", "v6.7")
    words = ["run", "--machine", "ampere-altra", "--strategy", "v6.7", "--no-noise", "--json", "-"]
    assert main(words) == 0
    (cell,) = json.loads(capsys.readouterr().out)["cells"]
    assert cell["ns_per_pte"] == result.ns_per_pte
    text = costmodel.explain("ampere-altra", "v6.7", vs="v6.7")
    assert f"{result.ns_per_pte:.2f}" in text


def test_the_package_is_light_until_it_is_used() -> None:
    heavy = "{'numpy', 'pydantic', 'matplotlib', 'numba'} & set(sys.modules)"
    code = f"import sys, costmodel; print(sorted({heavy}), 'price' in dir(costmodel))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "[]"


def test_the_package_has_no_other_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'prize'"):
        _ = costmodel.prize  # type: ignore[attr-defined]


def test_a_process_that_asks_stays_as_it_is(tmp_path: Path) -> None:
    def state() -> tuple[object, ...]:
        handlers = tuple(signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM))
        limits = resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_DATA)
        collector = gc.get_freeze_count(), gc.isenabled(), gc.get_threshold()
        numbers = np.geterr(), random.getstate(), tuple(np.random.get_state())[2]
        return handlers, limits, collector, numbers, dict(os.environ), warnings.filters[:]

    before = state()
    costmodel.price("epyc-rome", "v6.7")
    costmodel.study("lkml-fork-sizes", jobs=2)
    costmodel.sweep(
        machines="epyc-rome", over={"caches.dram.latency_ns": [90, 110]}, into=tmp_path, jobs=2
    )
    assert state() == before


def test_explain_says_what_makes_the_difference() -> None:
    text = costmodel.explain("ampere-altra", "contpte-per-pte", order=4, memory=SMALL)
    assert "contpte-per-pte against v6.7" in text and "tlbi" in text
    assert max(map(len, text.splitlines())) <= 76


def test_check_says_what_is_broken() -> None:
    assert costmodel.check("folio-batch-v6.12", layouts=5).startswith("folio-batch-v6.12: ok")
    assert "BROKEN" in costmodel.check("folio-batch-off-by-one", layouts=5)


def test_every_function_answers_about_zap() -> None:
    cost = costmodel.price("xeon-4210r", "v6.7", operation="zap", state="munmap", memory=SMALL)
    assert set(cost.segments_ns_per_pte) == {"unmap", "release", "around"}
    why = costmodel.explain(
        "xeon-4210r", "folio-batch-v6.9", operation="zap", state="munmap", memory=SMALL
    )
    assert "zap, 2 MiB, munmap" in why and "release of pages" in why
    found = costmodel.check("contpte-arch-batch", layouts=3, operation="zap")
    assert found.startswith("zap contpte-arch-batch: ok")


CHEAP = """\
from costmodel.strategies import fork as k


def cheap(fork):
    return k.dropping(k.v6_12(fork), "get")
"""


def test_what_is_printed_alone_carries_its_mark(tmp_path: Path) -> None:
    """A price that should not be taken at its word says so, as a table would."""
    plain = costmodel.price("xeon-4210r", "folio-batch-v6.12", memory=SMALL)
    assert plain.cautions == () and str(plain).count("\n") == 0

    broken = costmodel.price("xeon-4210r", "folio-batch-off-by-one", memory=SMALL)
    assert "is broken: its batches run on" in " ".join(str(broken).split())

    (tmp_path / "mine.py").write_text(CHEAP)
    mine = f"{tmp_path}/mine.py:cheap"
    idle = {"kernel.unmap_call_ns": 3.0}
    cheap = costmodel.price("xeon-4210r", mine, memory=SMALL, overrides=idle)
    assert "is not priced for what it does" in cheap.cautions[0]
    assert cheap.cautions[1] == "No time here depends on: kernel.unmap_call_ns=3."

    why = costmodel.explain("xeon-4210r", mine, memory=SMALL)
    assert "is not priced for what it does" in " ".join(why.split())


@pytest.mark.parametrize("operation", ["fork", "zap", "mprotect", "mremap", "spawn"])
def test_each_operation_has_its_default_baseline(operation: str) -> None:
    first, second = costmodel.strategy_names(operation)[:2]
    asked: dict[str, Any] = {"operation": operation, "memory": SMALL}
    found = costmodel.study(machines="xeon-4210r", strategies=first, noise=False, **asked)
    assert [r.result.cell.strategy for r in found.comparisons] == [first]
    assert costmodel.explain("xeon-4210r", second, **asked).startswith(f"{second} against {first}")
