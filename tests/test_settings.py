"""What is not default is said, and what is default is not."""

from __future__ import annotations

import pytest

from costmodel.config.machine import load_machine
from costmodel.config.workload import Workload, frames_of
from costmodel.settings import machine_title, settings_of_machine, settings_of_workload, texts, what

ALTRA = load_machine("ampere-altra")


def workload(operation: str = "fork", **changes: object) -> Workload:
    data = {
        "operation": operation,
        "memory_bytes": 1 << 30,
        "folio_orders": {0: 1.0},
        "state": {"fork": "writable", "zap": "munmap"}[operation],
        "frames": frames_of(operation),
        **changes,
    }
    return Workload.model_validate(data)


@pytest.mark.parametrize("operation", ["fork", "zap"])
def test_what_is_default_is_no_setting(operation: str) -> None:
    assert texts(ALTRA, workload(operation)) == []


@pytest.mark.parametrize(
    ("operation", "changes", "text"),
    [
        ("fork", {"frames": "scattered"}, "scattered frames"),
        ("zap", {"frames": "contiguous"}, "contiguous frames"),
        ("fork", {"contpte": False}, "contpte off"),
        ("fork", {"contpte": True}, "contpte on"),
        ("fork", {"cpus": 8}, "8 CPUs at once"),
    ],
)
def test_every_other_key_is_said(operation: str, changes: dict[str, object], text: str) -> None:
    asked = workload(operation, **changes)
    assert texts(ALTRA, asked) == [text]
    assert text in what(asked)
    (setting,) = settings_of_workload(asked)
    assert setting.undone(ALTRA, asked) == (ALTRA, workload(operation))


def test_every_key_of_a_workload_is_said_somewhere() -> None:
    """A key that is added later is a setting of its own without a change here."""
    said = {"operation", "memory_bytes", "folio_orders", "state"}
    values: dict[str, object] = {"frames": "scattered", "contpte": False, "cpus": 2}
    keys = [key for key in Workload.model_fields if key not in said and key in values]
    asked = workload("fork", **{key: values[key] for key in keys})
    assert [setting.key for setting in settings_of_workload(asked)] == keys


def test_where_an_unmap_finds_its_frames_is_always_said() -> None:
    assert what(workload("zap")) == "zap, 1 GiB, munmap, scattered frames"
    assert what(workload("fork"), layout=True) == "fork, 1 GiB, writable, order-0"
    assert what(workload("fork", cpus=2), "cpus") == "fork, 1 GiB, writable"


def test_a_changed_machine_is_called_so() -> None:
    ranged = ALTRA.with_value("tlbi.range", True)
    assert machine_title(ALTRA, room=32) == "Ampere Altra"
    assert machine_title(ranged, room=32) == "Ampere Altra (tlbi.range=true)"
    several = ranged.with_value("core.width", 8).with_value("tlbi.issue_ns", 2.5)
    assert machine_title(several, room=32) == "Ampere Altra (3 numbers changed)"
    assert machine_title(several, room=30) == "Ampere Altra (changed)"
    changes = [setting.change for setting in settings_of_machine(several)]
    assert changes[0] == "tlbi.range=true (file: false)"
    assert ALTRA.changes == {}
    restored = several.restored("core.width").restored("tlbi.issue_ns").restored("tlbi.range")
    assert restored == ALTRA


def test_a_number_changed_twice_knows_what_the_file_has() -> None:
    twice = ALTRA.with_value("core.width", 6).with_value("core.width", 8)
    assert twice.changes == {"core.width": (ALTRA.core.width.value, 8)}
