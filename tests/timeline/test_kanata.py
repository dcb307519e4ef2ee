"""The log obeys the rules of the Kanata 0004 format (docs/kanata-log-format.md of Konata)."""

from __future__ import annotations

from costmodel.timeline.kanata import STAGES, kanata
from costmodel.timeline.times import Timeline
from costmodel.units import TICKS_PER_CYCLE

ARGUMENTS = {"C": 1, "I": 3, "L": 3, "S": 3, "E": 3, "R": 3, "W": 3}


def commands(timeline: Timeline) -> list[tuple[int, list[str]]]:
    """Return every command with its cycle, as a viewer reads the file."""
    text = kanata(timeline)
    assert text.endswith("\n")
    header, start, *lines = text.splitlines()
    assert header == "Kanata\t0004"
    assert start == "C=\t0"
    read, cycle = [], 0
    for line in lines:
        name, *arguments = line.split("\t")
        assert len(arguments) == ARGUMENTS[name], line
        if name == "C":
            assert int(arguments[0]) > 0
            cycle += int(arguments[0])
        else:
            read.append((cycle, [name, *arguments]))
    return read


def test_an_instruction_is_declared_once_and_before_its_use(shown: Timeline) -> None:
    declared, retired = 0, set()
    for _, (name, number, *_) in commands(shown):
        if name == "I":
            assert int(number) == declared  # numbers count up from 0 in the order of the file
            declared += 1
        else:
            assert int(number) < declared
            assert number not in retired  # nothing follows a retirement
        if name == "R":
            retired.add(number)
    assert declared == len(retired) == len(shown.micro_ops)


def test_stages_start_and_end_in_turn(shown: Timeline) -> None:
    open_stage: dict[str, str | None] = {}
    for _, (name, number, *rest) in commands(shown):
        if name == "S":
            assert rest[0] == "0" and rest[1] in STAGES
            assert open_stage.get(number) is None
            open_stage[number] = rest[1]
        elif name == "E":
            assert open_stage[number] == rest[1]
            open_stage[number] = None
        elif name == "R":
            assert open_stage[number] is None


def test_cycles_are_those_of_the_timeline(shown: Timeline) -> None:
    seen = commands(shown)
    born = {int(command[1]): cycle for cycle, command in seen if command[0] == "I"}
    retired = {int(command[1]): cycle for cycle, command in seen if command[0] == "R"}
    for number, op in enumerate(shown.micro_ops):
        # Cycles of the log are whole: what happens within one is shown at the next.
        assert born[number] == -(-op.dispatch // TICKS_PER_CYCLE)
        assert retired[number] == -(-op.retire // TICKS_PER_CYCLE)


def test_retirement_is_in_order(shown: Timeline) -> None:
    order = [int(command[2]) for _, command in commands(shown) if command[0] == "R"]
    assert order == list(range(len(shown.micro_ops)))


def test_a_wake_up_names_consumer_and_older_producer(shown: Timeline) -> None:
    wakes = [command for _, command in commands(shown) if command[0] == "W"]
    assert wakes
    for _, consumer, producer, kind in wakes:
        assert int(producer) < int(consumer) and kind == "0"


def test_labels_have_no_tabs_and_a_known_place(shown: Timeline) -> None:
    for _, command in commands(shown):
        if command[0] == "L":
            assert command[2] in ("0", "1") and command[3]
