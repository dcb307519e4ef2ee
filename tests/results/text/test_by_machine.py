"""One line for each machine: in order, with all that must stand beside them."""

from __future__ import annotations

from costmodel.results.text.by_machine import by_machine
from tests.results.made import PTES, cell, document, results_of

NS = {"ampere-altra": (20.0, 18.0), "apple-m2-vm": (12.0, 6.0), "xeon-4210r": (50.0, 52.0)}


def text_of(**more: object) -> str:
    cells = [
        cell(name, ns * PTES / 1e9, base_seconds=pair[0] * PTES / 1e9, machine=machine)
        | {"baseline_seconds": pair[0] * PTES / 1e9}
        for machine, pair in NS.items()
        for name, ns in zip(("v6.7", "folio-batch-v6.9"), pair, strict=True)
    ]
    return by_machine(results_of(document(*cells) | more))


def test_the_largest_gain_comes_first() -> None:
    lines = text_of().splitlines()
    at = lines.index("folio-batch-v6.9 against v6.7, order-9 (2 MiB)")
    assert [line.split()[0] for line in lines[at + 2 : at + 5]] == [
        "apple-m2-vm", "ampere-altra", "xeon-4210r",
    ]  # fmt: skip
    assert lines[at + 2].split()[1:] == ["-50.0%", "-56.0", "..", "-43.0%", "6.00", "12.00"]
    assert all(len(line) <= 76 for line in lines)


def test_a_baseline_with_a_long_name_is_cut() -> None:
    name = "contpte-folio-batch-v6.12"
    cells = [
        cell(strategy, seconds, base_seconds=0.005) | {"baseline": name, "baseline_seconds": 0.005}
        for strategy, seconds in ((name, 0.005), ("v6.7", 0.006))
    ]
    lines = by_machine(results_of(document(*cells))).splitlines()
    (head,) = (line for line in lines if line.startswith("machine "))
    assert "ns/PTE " in head and name not in head and all(len(line) <= 76 for line in lines)


def test_a_sentence_about_several_machines_stands_once() -> None:
    of = {
        "ampere-altra": ["No time was compared.", "Mine."],
        "xeon-4210r": ["No time was compared."],
    }
    left = {"machine": "xeon-4210r", "strategies": ["contpte-v1"], "reason": "arm64 only"}
    text = text_of(machine_remarks=of, left_out=[left])
    assert "ampere-altra, xeon-4210r: No time was compared." in text
    assert "\nampere-altra: Mine.\n" in text
    assert "xeon-4210r: left out, arm64 only: contpte-v1." in text
