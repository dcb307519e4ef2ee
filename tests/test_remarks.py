"""Little is known about a machine: counted over the numbers that the operation uses."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from costmodel import api
from costmodel.calibration.predict import cell_of
from costmodel.calibration.targets import reported
from costmodel.cli.main import parser
from costmodel.config.crowd import Crowd
from costmodel.config.machine import load_machine
from costmodel.config.resources import directory
from costmodel.config.sharing import ONLY_MANY_CPUS
from costmodel.operations.registry import operation_named, operation_names
from costmodel.operations.shared.process import LIFE_KEYS
from costmodel.remarks import (
    caution,
    decided_by,
    idle_remarks,
    inferred,
    options_of,
    remarks,
    remarks_of,
    used,
)
from costmodel.settings import Setting
from costmodel.uncertainty.choices import doubtful_choices

UNMAP = {"operation": "zap", "state": "munmap"}


@pytest.mark.parametrize("operation", operation_names())
def test_a_machine_that_was_never_measured_needs_one(operation: str) -> None:
    machine = load_machine("ampereone")
    keys, total = inferred(machine, operation), len(used(machine, operation))
    text = caution(machine, operation)
    assert text.startswith(f"caution: {len(keys)} of {total} numbers of ampereone that {operation}")
    assert keys[0] in text


@pytest.mark.parametrize("operation", operation_names())
@pytest.mark.parametrize("name", ["xeon-4210r", "ampere-altra", "apple-m2-vm"])
def test_of_the_machines_of_the_thread_it_names_choices_alone(name: str, operation: str) -> None:
    """Fewer than half of their numbers are inferred; no source tells how their caches replace."""
    choices = doubtful_choices(load_machine(name))
    assert caution(load_machine(name), operation) == (
        f"caution: {', '.join(choices)} of {name} are inferred: intervals hold the other choice too"
    )


def test_without_a_choice_to_doubt_there_is_none() -> None:
    machine = load_machine("xeon-4210r")
    known = {key: machine.parameters[key].value for key in doubtful_choices(machine)}
    assert known and caution(machine.with_values(known), "fork") == ""


@pytest.mark.parametrize(
    ("machine", "said"),
    [
        ("apple-m3", "Absolute mprotect times of this machine were compared with reports of whole"),
        ("ampere-altra", "No absolute mprotect time of this machine was ever compared"),
    ],
)
def test_a_machine_says_whether_only_reports_are_about_it(machine: str, said: str) -> None:
    (asked,) = (number.case for number in reported() if number.id == "T28a/1")
    found = remarks(cell_of(asked, load_machine(machine)))
    assert any(text.startswith(said) for text in found)


@pytest.mark.parametrize(
    ("machine", "page"), [("epyc-milan", "docs/mprotect.md"), ("epyc-zen5", "docs/measure.md")]
)
def test_a_machine_that_was_measured_as_a_guest_says_so(machine: str, page: str) -> None:
    (said, *_) = remarks(api.cell(machine, "v6.12", operation="mprotect"))
    assert f"on such a machine, or on a guest of it, were compared ({page}" in said


def test_a_file_of_ones_own_says_what_was_compared_until_a_number_changes(tmp_path: Path) -> None:
    text = (directory("machines") / "epyc-rome.yaml").read_text()
    path = tmp_path / "mine.yaml"
    named = text.replace("name: epyc-rome", "name: mine")
    path.write_text(named.replace("isa: x86_64", "isa: x86_64\ncompared: {fork: my notes}"))
    machine = load_machine(str(path))
    (said, *_) = remarks(api.cell(machine, "v6.7"))
    assert "were compared (my notes says how far off" in said
    for other in (machine.with_value("core.width", 4), load_machine("epyc-rome")):
        assert not any("were compared (my" in each for each in remarks(api.cell(other, "v6.7")))


def test_a_kernel_without_mitigations_is_said_to_be_one() -> None:
    off = api.cell("epyc-milan", "v6.7", operation="zap", overrides={"mitigations": "off"})
    (changed, compared, *_) = remarks(off)
    assert "mitigations.returns_mispredict=false (file: true)" in changed
    assert compared.startswith("No absolute zap time of this machine was ever compared")
    assert options_of(off.machine, off.workload)[-2:] == ["--set", "mitigations=off"]
    never = api.cell("xeon-4210r", "v6.7", overrides={"mitigations": "off"})
    assert not never.machine.changes


def test_a_setting_that_says_what_holds_anyway_is_no_number_without_effect() -> None:
    same = Setting("core.width", 4, 4, of_machine=True)
    without = Setting("kernel.tick_hz", 100, 250, of_machine=True)
    assert list(idle_remarks([same, without])) == [
        "So already: core.width=4.", "No time here depends on: kernel.tick_hz=100.",
    ]  # fmt: skip


def test_a_machine_of_which_nothing_was_measured_says_so() -> None:
    (said, *_) = remarks(api.cell("epyc-rome", "v6.12", operation="mprotect"))
    assert said.startswith("No absolute mprotect time of this machine was ever compared")


def test_a_kind_that_nobody_measured_is_named_where_another_was() -> None:
    (said, *_) = remarks(api.cell("xeon-4210r", "v6.7", operation="zap", state="exit"))
    assert said == (
        "Absolute zap times of this machine were compared with measurements, but none of this "
        "kind: zap, exit."
    )
    measured = remarks(api.cell("xeon-4210r", "v6.7", operation="zap", state="munmap"))
    assert not any("were compared" in each for each in measured)


def test_every_kind_of_a_question_is_looked_at() -> None:
    cells = [api.cell("xeon-4210r", "v6.7", order=9, cpus=cpus) for cpus in (1, 2, 4)]
    assert not any("were compared" in text for text in remarks_of(cells[:1]))
    (said, *_) = remarks_of(cells)
    assert said == (
        "Absolute fork times of this machine were compared with measurements, but none of these "
        "kinds: fork, writable, 2 CPUs at once; fork, writable, 4 CPUs at once."
    )


@pytest.mark.parametrize("machine", ["apple-m3", "core-i7-14700"])
def test_a_kind_of_which_not_even_a_report_is_says_that_the_others_are_reports(
    machine: str,
) -> None:
    (said, *_) = remarks(api.cell(machine, "v6.12", operation="mprotect", state="to-writable"))
    assert said == (
        "Absolute mprotect times of this machine were compared with reports of whole runs alone, "
        "none of this kind: mprotect, to-writable."
    )


def test_numbers_of_another_operation_do_not_count() -> None:
    machine = load_machine("xeon-4210r")
    fork, zap = (set(used(machine, operation)) for operation in ("fork", "zap"))
    alone = {
        key
        for key, p in machine.parameters.items()
        if not key.startswith(ONLY_MANY_CPUS)
        and not (key.startswith("core.") and "no such limit" in p.source)
    }
    assert fork | zap | set(LIFE_KEYS) == alone
    unused = {name: set(operation_named(name).words.unused_keys) for name in ("fork", "zap")}
    assert fork - zap == unused["zap"] - unused["fork"]
    assert zap - fork == unused["fork"] - unused["zap"]
    assert "kernel.fork_fixed_us" not in inferred(machine, "zap")


def test_prices_of_sharing_count_where_several_cpus_are_at_work() -> None:
    machine = load_machine("xeon-4210r")
    processes, threads = Crowd(cpus=4), Crowd(threads=4)
    alone, shared, of_threads = (
        set(inferred(machine, "zap", crowd)) for crowd in (Crowd(), processes, threads)
    )
    assert not any(key.startswith(ONLY_MANY_CPUS) for key in alone)
    assert {"locks.zone_page_ns", "locks.lru_folio_ns"} <= shared - alone
    assert "shootdown.delivery_ns" in of_threads - shared, "processes send no interrupts"
    assert "locks.vma_locks" not in of_threads, "how the kernel is, not how long it takes"


def test_the_caution_about_several_cpus_says_so() -> None:
    text = caution(load_machine("graviton3"), "zap", Crowd(cpus=4))
    assert "numbers of graviton3 that zap on several CPUs uses are inferred" in text


DEPTH = "caches.prefetch.depth_lines"


def decided(machine: str, strategy: str, **question: Any) -> str:
    study = api.study(machines=machine, strategies=strategy, noise=False, **question)
    return " ".join(decided_by(study.comparisons))


def test_a_wide_interval_is_due_to_the_number_that_decides_most_of_it() -> None:
    """At a depth of two lines the ratio is 1.7 times as large: no other number moves it by 10 %."""
    text = decided("epyc-milan", "folio-batch-v6.9", orders=9, **UNMAP)
    assert f"due to {DEPTH} (16, inferred, 2 to 64 possible)" in text


LINE_CHANGE = "atomics.line_change_cycles"


def test_chance_does_not_hide_the_number_that_decides() -> None:
    """By Sobol it has 68 % of the variance; others follow the answer about as well by chance."""
    text = decided("ampere-altra", "contpte-per-pte", orders=9)
    number = load_machine("ampere-altra").parameters[LINE_CHANGE]
    assert f"due to {LINE_CHANGE} ({number.value:.3g} cycles, fitted, " in text
    assert "costmodel sensitivity ampere-altra contpte-per-pte --vs v6.7 --order 9 says" in text
    known = {f"ampere-altra.{LINE_CHANGE}": 13}
    text = decided("ampere-altra", "contpte-per-pte", orders=9, overrides=known)
    assert f"due to {LINE_CHANGE}" not in text


def test_a_number_that_the_user_set_is_known() -> None:
    number = {f"epyc-milan.{DEPTH}": 16}
    text = decided("epyc-milan", "folio-batch-v6.9", orders=9, overrides=number, **UNMAP)
    assert DEPTH not in text


def test_nothing_is_said_of_narrow_intervals() -> None:
    assert decided("xeon-4210r", "folio-batch-v6.9", orders=0) == ""


def test_the_command_that_is_named_asks_the_same_question() -> None:
    text = decided("epyc-milan", "folio-batch-v6.9", orders=9, **UNMAP)
    assert "folio-batch-v6.9 --vs v6.7 --operation zap --state munmap --order 9 says" in text


def test_the_command_has_all_that_is_not_default() -> None:
    text = decided(
        "epyc-milan",
        "folio-batch-v6.9",
        orders={0: "10%", 9: "90%"},
        memory="512 MiB",
        cpus=2,
        overrides={"epyc-milan.core.clock_ghz": 2.5},
        **UNMAP,
    )
    command = text.partition("; ")[2].removesuffix(" says how much of it")
    args = parser().parse_args(shlex.split(command)[1:])
    assert (args.machine, args.strategy, args.vs) == ("epyc-milan", "folio-batch-v6.9", "v6.7")
    assert "--memory '512 MiB' --set core.clock_ghz=2.5 --set cpus=2" in command
    assert "--order '{0: 10%, 9: 90%}'" in command
