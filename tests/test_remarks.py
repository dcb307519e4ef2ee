"""Little is known about a machine: counted over the numbers that the operation uses."""

import pytest

from costmodel.config.machine import load_machine
from costmodel.config.sharing import ONLY_MANY_CPUS
from costmodel.operations.registry import operation_named, operation_names
from costmodel.operations.shared.life import LIFE_KEYS
from costmodel.remarks import caution, inferred, used


@pytest.mark.parametrize("operation", operation_names())
def test_a_machine_that_was_never_measured_needs_one(operation: str) -> None:
    machine = load_machine("graviton3")
    keys, total = inferred(machine, operation), len(used(machine, operation))
    text = caution(machine, operation)
    assert text.startswith(f"caution: {len(keys)} of {total} numbers of graviton3 that {operation}")
    assert keys[0] in text


@pytest.mark.parametrize("operation", operation_names())
@pytest.mark.parametrize("name", ["xeon-4210r", "ampere-altra", "apple-m2-vm"])
def test_the_machines_of_the_thread_need_none(name: str, operation: str) -> None:
    assert caution(load_machine(name), operation) == ""


def test_numbers_of_another_operation_do_not_count() -> None:
    machine = load_machine("xeon-4210r")
    fork, zap = (set(used(machine, operation)) for operation in ("fork", "zap"))
    alone = {key for key in machine.parameters if not key.startswith(ONLY_MANY_CPUS)}
    assert fork | zap | set(LIFE_KEYS) == alone
    unused = {name: set(operation_named(name).words.unused_keys) for name in ("fork", "zap")}
    assert fork - zap == unused["zap"] - unused["fork"]
    assert zap - fork == unused["fork"] - unused["zap"]
    assert "kernel.fork_fixed_us" not in inferred(machine, "zap")
