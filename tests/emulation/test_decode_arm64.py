"""How arm64 instructions are split into micro-ops (docs/recordings.md)."""

from __future__ import annotations

import pytest

pytest.importorskip("capstone", reason="needs costmodel[record]")

from costmodel.emulation.decode_arm64 import Arm64Decoder
from costmodel.emulation.micro import FLAGS, Micro

DECODER = Arm64Decoder()


def split(word: int) -> tuple[Micro, ...]:
    return DECODER.decode(word.to_bytes(4, "little"), 0)[1]


@pytest.mark.parametrize(
    ("word", "rows"),
    [
        (0xAA0103E0, [("alu", "mov")]),  # mov x0, x1
        (0xD2800020, [("alu", "mov_imm")]),  # mov x0, #1
        (0xF9400020, [("load", "ldr")]),  # ldr x0, [x1]
        (0xF9000020, [("store", "str")]),  # str x0, [x1]
        (0xF9800031, [("load", "prfm")]),  # prfm pstl1strm, [x1]
        (0xF8A26830, [("load", "prfm")]),  # prfm pstl1keep, [x1, x2]
        (0xA9BF7BFD, [("store", "stp"), ("alu", "addr_wb")]),  # stp x29, x30, [sp, #-16]!
        (0xA8C17BFD, [("load", "ldp"), ("alu", "addr_wb")]),  # ldp x29, x30, [sp], #16
        (0x94000000, [("call", "bl")]),
        (0xD65F03C0, [("ret", "ret")]),
        (0x54000040, [("branch", "b_eq")]),
        (0xB4000040, [("branch", "cbz")]),
        (0xD503201F, [("nop", "nop")]),
        (0xD503233F, [("nop", "hint_paciasp")]),
        (0xD5033BBF, [("dmb", "dmb_ish")]),
        (0xD5384100, [("system", "mrs_sp_el0")]),
    ],
)
def test_rows(word: int, rows: list[tuple[str, str]]) -> None:
    assert [(micro.kind, micro.op) for micro in split(word)] == rows


def test_a_store_atomic_gives_no_result() -> None:
    (stadd,) = split(0xB820003F | 1 << 16)  # stadd w1, [x1]
    (ldadd,) = split(0xB8210020)  # ldadd w1, w0, [x1]
    assert (stadd.op, stadd.writes) == ("stadd", ())
    assert (ldadd.op, ldadd.writes) == ("ldadd", ("x0",))


def test_a_compare_and_swap_gets_the_old_value() -> None:
    (cas,) = split(0xC8A07C41)  # cas x0, x1, [x2]
    assert (cas.op, cas.address, cas.data, cas.writes) == ("cas", ("x2",), ("x0", "x1"), ("x0",))


def test_the_zero_register_is_no_input() -> None:
    (store,) = split(0xF900003F)  # str xzr, [x1]
    assert store.data == ()


def test_a_select_waits_for_the_flags() -> None:
    (select,) = split(0x9A810000)  # csel x0, x0, x1, eq
    (test,) = split(0xF240001F)  # tst x0, #1
    assert select.reads_flags and test.writes == (FLAGS,)


def test_a_pair_of_exclusives_is_a_load_and_a_store_that_says_whether_it_took_place() -> None:
    (load,) = split(0xC85F7C20)  # ldxr x0, [x1]
    (store,) = split(0xC802FC20)  # stlxr w2, x0, [x1]
    assert (load.kind, load.op, load.address, load.writes) == ("load", "ldxr", ("x1",), ("x0",))
    assert (store.kind, store.op, store.data) == ("store", "stlxr", ("x0",))
    assert store.writes == ("x2",)
