"""Loops become instructions: as many as stated, hanging together as stated."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.measure.kernels import arm64, x86_64
from costmodel.measure.kernels.loop_body import CannotWrite, Instructions, LoopBody, Operations

KINDS = ("add", "mul", "move", "immediate", "zero", "load", "store", "lock", "branch", "jump")
FORMS: dict[str, tuple[str, ...]] = {
    "load": ("independent", "chain", "forward"),
    "store": ("same-line", "new-line", "forward"),
}
FORMS |= {"lock": ("same-line", "new-line"), "add": ("independent", "chain", "chain-2")}


@st.composite
def groups(draw: st.DrawFn) -> tuple[str, int, str]:
    kind = draw(st.sampled_from(KINDS))
    return kind, draw(st.integers(0, 20)), draw(st.sampled_from(FORMS.get(kind, ("independent",))))


def body(operations: Operations, repeat: int = 1) -> list[str]:
    """Return the instructions between the loop's start and its counter."""
    lines = LoopBody(x86_64.INSTRUCTIONS).text(operations, repeat).splitlines()
    inside = lines[lines.index("1:") + 1 : lines.index("sub $1, %rdi")]
    return [line for line in inside if line and not re.match(r"\.|\d+:", line)]


@given(st.lists(groups(), max_size=6), st.integers(1, 3))
def test_a_body_has_as_many_instructions_as_stated(
    operations: list[tuple[str, int, str]], repeat: int
) -> None:
    chains = {form for _, _, form in operations if form.startswith(("chain", "forward"))}
    if len(chains) > 2:
        with pytest.raises(CannotWrite, match="more than 2 chains"):
            body(operations, repeat)
        return
    assert len(body(operations, repeat)) == repeat * sum(count for _, count, _ in operations)


def test_a_chain_goes_through_one_register() -> None:
    assert body([("load", 1, "chain"), ("add", 1, "chain")]) == [
        "mov (%rax), %rax",
        "add %rbx, %rax",
    ]


def test_a_second_chain_has_a_register_of_its_own() -> None:
    first, second = body([("add", 1, "chain"), ("add", 1, "chain-2")])
    assert first != second


@pytest.mark.parametrize("count", range(1, 8))
def test_chained_moves_come_back_to_where_they_began(count: int) -> None:
    value = "%rax"
    for line in body([("move", count, "chain")]):
        source, target = line.removeprefix("mov ").split(", ")
        assert source == value
        value = target
    assert value == "%rax"


def test_independent_additions_rotate_over_eight_registers() -> None:
    assert len(set(body([("add", 16, "independent")]))) == 8


def test_locks_on_new_lines_are_lines_apart_and_on_one_line_are_not() -> None:
    apart, together = (
        [int(line.split()[-1].split("(")[0]) // 64 for line in body([("lock", 4, form)])]
        for form in ("new-line", "same-line")
    )
    assert len(set(apart)) == 4 and len(set(together)) == 1


def test_loads_and_stores_and_locks_do_not_meet() -> None:
    lines = body(
        [("load", 300, "independent"), ("store", 60, "new-line"), ("lock", 60, "new-line")]
    )
    found: dict[str, set[int]] = {}
    for line in lines:
        kind = "lock" if "lock" in line else "load" if line.endswith("%rbp") else "store"
        match = re.search(r"(\d+)\(%rsi\)", line)
        assert match is not None
        found.setdefault(kind, set()).add(int(match[1]) // 64)
    assert not found["load"] & found["store"]
    assert not found["store"] & found["lock"]
    assert max(found["lock"]) < 4096 // 64


def test_what_stands_between_call_and_return_is_the_functions_body() -> None:
    operations = [("call", 1, ""), ("add", 2, "chain"), ("return", 1, "")]
    text = LoopBody(x86_64.INSTRUCTIONS).text(operations)
    label = re.search(r"call (\d+)f", text)
    assert label is not None
    function = text.partition(f"\n{label[1]}:\n")[2].splitlines()
    assert function == ["add %rbx, %rax", "add %rbx, %rax", "ret", "9: ret"]


@pytest.mark.parametrize("isa", [x86_64.INSTRUCTIONS, arm64.INSTRUCTIONS], ids=["x86", "arm64"])
def test_a_branch_inside_a_function_finds_its_label_behind_it(isa: Instructions) -> None:
    operations = [("call", 1, ""), ("branch", 1, ""), ("return", 1, "")]
    text = LoopBody(isa).text(operations)
    assert "\n9:" in text.partition("9f\nret")[2]


def test_nested_calls_go_forward() -> None:
    text = LoopBody(x86_64.INSTRUCTIONS).text([("call", 3, ""), ("return", 3, "")])
    for label in re.findall(r"call (\d+)f", text):
        assert f"\n{label}:\n" in text.partition(f"call {label}f")[2]


@pytest.mark.parametrize(
    ("operations", "reason"),
    [
        ([("call", 1, "")], "a call has no return"),
        ([("return", 1, "")], "a return has no call"),
        ([("divide", 1, "chain")], "no instruction is known for 'divide'"),
    ],
)
def test_what_cannot_be_written_says_why(operations: Operations, reason: str) -> None:
    with pytest.raises(CannotWrite, match=reason):
        body(operations)


def test_both_instruction_sets_write_the_same_loops() -> None:
    operations = [(kind, 3, FORMS.get(kind, ("independent",))[0]) for kind in KINDS]
    for isa in (x86_64, arm64):
        assert LoopBody(isa.INSTRUCTIONS).text(operations)
