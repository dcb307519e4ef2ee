"""How x86-64 instructions are split into micro-ops (docs/recordings.md)."""

from __future__ import annotations

import pytest

pytest.importorskip("capstone", reason="needs costmodel[record]")

from costmodel.emulation.decode_x86 import X86Decoder
from costmodel.emulation.micro import FLAGS, LOADED, UnknownInstructionError

DECODER = X86Decoder()


def split(code: str) -> list[tuple[str, str]]:
    return [(m.kind, m.op) for m in DECODER.decode(bytes.fromhex(code), 0)[1]]


@pytest.mark.parametrize(
    ("code", "rows"),
    [
        ("4889c8", [("alu", "mov")]),  # mov rax, rcx
        ("488b01", [("load", "mov")]),  # mov rax, [rcx]
        ("488901", [("store", "mov")]),  # mov [rcx], rax
        ("480301", [("load", "add_load"), ("alu", "add")]),  # add rax, [rcx]
        ("480101", [("load", "add_load"), ("alu", "add"), ("store", "add_store")]),
        ("483901", [("load", "cmp_load"), ("alu", "cmp")]),  # cmp [rcx], rax
        ("31c0", [("alu", "zero_idiom")]),  # xor eax, eax
        ("b801000000", [("alu", "mov_imm")]),
        ("f0ff4134", [("rmw", "lock_inc")]),  # lock inc dword [rcx+0x34]
        ("f0480fb111", [("rmw", "lock_cmpxchg")]),
        (  # cmpxchg byte ptr gs:[r8], sil: this_cpu_try_cmpxchg()
            "65410fb030",
            [
                ("load", "cmpxchg_load"),
                ("alu", "cmp"),
                ("alu", "cmpxchg"),
                ("store", "cmpxchg_store"),
            ],
        ),
        ("480fc111", [("load", "xadd_load"), ("alu", "xadd"), ("store", "xadd_store")]),
        ("e800000000", [("store", "call_push"), ("call", "call")]),
        ("c3", [("load", "ret_pop"), ("ret", "ret")]),
        ("7405", [("branch", "je")]),
        ("0f1f4000", [("nop", "nop")]),
        ("0f0d09", [("load", "prefetchw")]),  # prefetchw [rcx]
        ("0f1808", [("load", "prefetcht0")]),  # prefetcht0 [rax]
        ("f30f1efa", [("nop", "nop")]),  # endbr64
        ("9c", [("system", "pushf"), ("store", "push")]),
    ],
)
def test_rows(code: str, rows: list[tuple[str, str]]) -> None:
    assert split(code) == rows


def test_a_compare_and_swap_reads_and_writes_the_accumulator() -> None:
    (micro,) = DECODER.decode(bytes.fromhex("f0480fb111"), 0)[1]
    assert micro.data == ("rdx", "rax")
    assert micro.writes == ("rax", FLAGS)


def test_a_zero_idiom_waits_for_nothing_and_an_8_bit_result_for_its_register() -> None:
    (zero,) = DECODER.decode(bytes.fromhex("31c0"), 0)[1]
    (merged,) = DECODER.decode(bytes.fromhex("0f94c0"), 0)[1]  # sete al
    assert zero.data == ()
    assert merged.data == ("rax",) and merged.reads_flags


def test_stack_pointers_come_from_a_stack_engine() -> None:
    for code in ("50", "58", "c3", "e800000000"):
        assert all("rsp" not in micro.writes for micro in DECODER.decode(bytes.fromhex(code), 0)[1])


def test_what_the_rules_do_not_know_is_named() -> None:
    with pytest.raises(UnknownInstructionError, match="cpuid"):
        split("0fa2")


@pytest.mark.parametrize("code", ["482b4424 08", "480301", "483b01"])  # sub, add, cmp with memory
def test_what_was_loaded_is_the_first_input_of_arithmetic(code: str) -> None:
    micro = DECODER.decode(bytes.fromhex(code), 0)[1][1]
    assert micro.data == (LOADED, "rax")
