"""Kernels of arm64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from costmodel.measure.kernels.loop_body import LINES_BYTES, RING_START, Instructions, on_lines

NAME: Final = "arm64"

STAMP: Final = "isb\nmrs x0, cntvct_el0\nisb\n"
"""Puts the virtual counter into x0, after all that stands before and before what follows."""

CHAIN_ADDS: Final = 65536
"""Dependent additions of one cycle each: the clock beside every sample. The counter may tick at
25 MHz only, so they are many."""

_CHAIN = """\
mov x3, xzr
mov w10, #1024
.p2align 6
1:
.rept 64
add x0, x0, x3
.endr
subs w10, w10, #1
b.ne 1b
"""
_STORE_STAMP = "ldr x11, [sp, #8]\nstr x0, [x11, #{}]\n"
_SAVED = [(19, 20), (21, 22), (23, 24), (25, 26), (27, 28), (29, 30)]

# driver(kernel, n, data, state, samples, out): four stamps of each sample go to out, 32 bytes.
DRIVER: Final = "\n".join(
    [
        *(f"stp x{a}, x{b}, [sp, #-16]!" for a, b in _SAVED),
        "sub sp, sp, #64",
        # Stack: 8 out, 16 samples, 24 state, 32 data, 40 n, 48 kernel.
        "stp x5, x4, [sp, #8]\nstp x3, x2, [sp, #24]\nstp x1, x0, [sp, #40]",
        ".p2align 6\n2:",
        STAMP + _STORE_STAMP.format(0),
        _CHAIN + STAMP + _STORE_STAMP.format(8),
        "ldp x2, x1, [sp, #24]\nldp x0, x9, [sp, #40]\nblr x9",
        STAMP + _STORE_STAMP.format(16),
        _CHAIN + STAMP + _STORE_STAMP.format(24),
        "ldp x5, x4, [sp, #8]\nadd x5, x5, #32\nsubs x4, x4, #1\nstp x5, x4, [sp, #8]\nb.ne 2b",
        "add sp, sp, #64",
        *(f"ldp x{a}, x{b}, [sp], #16" for a, b in reversed(_SAVED)),
        "ret",
    ]
)

READ_STAMP: Final = STAMP + "ret\n"


def counted(body: str, *, before: str = "", after: str = "") -> str:
    """Return a kernel that executes a body n times."""
    return f"{before}\n.p2align 6\n1:\n{body}\nsubs x0, x0, #1\nb.ne 1b\n{after}\nret\n"


def _constant(register: str, value: int) -> str:
    first = f"movz {register}, #{value & 0xFFFF}\n"
    return first + "".join(
        f"movk {register}, #{value >> shift & 0xFFFF}, lsl #{shift}\n" for shift in (16, 32, 48)
    )


_SEEDS = _constant("x14", 0x9E3779B97F4A7C15) + _constant("x15", 0xBF58476D1CE4E5B9)
_HASH = "mul x9, x19, x14\neor x9, x9, x9, lsr #29\nmul x9, x9, x15\neor x9, x9, x9, lsr #32\n"
# Words of the state: 0 position, 8 mask of line numbers or bytes of the region, 16 a choice.
_RANDOM = {
    "before": _SEEDS + "ldp x19, x20, [x2]\nmov x4, xzr\n",
    "after": "str x19, [x2]\n",
}
_RANDOM_LINE = "add x19, x19, #1\n" + _HASH + "and x9, x9, x20\nadd x9, x1, x9, lsl #6\n"
_STREAM = {"before": "ldp x19, x20, [x2]\nmov x4, xzr\n", "after": "str x19, [x2]\n"}
_NEXT_LINE = "add x9, x1, x19\nadd x19, x19, #64\nand x19, x19, x20\n"
_NEXT_LINES = f"add x9, x1, x19\nadd x19, x19, #{LINES_BYTES}\nand x19, x19, x20\n"
_CHASE = {"before": "ldr x9, [x2]\n", "after": "str x9, [x2]\n"}
_USE = "ldr x5, [x9]\nadd x4, x4, x5\n"
_UPDATE = "ldr x5, [x9]\nadd x5, x5, #1\nstr x5, [x9]\n"
_ATOMIC = "stadd xzr, [x9]\n"


def _rows(one: str, times: int) -> str:
    return "\n".join(one for _ in range(times))


def _compare(pair: str) -> str:
    """Return compares and branches among so many additions that integer ports are the limit."""
    adds = "".join(f"add x{number}, x{number}, x0\n" for number in range(9, 17))
    return _rows(pair + "\n" + adds, 8) + "\n2:"


def _mispredict() -> str:
    """Return 64 branches on bits of a random word; word 16 of the state masks the bits."""
    branches = "".join(f"tbnz x9, #{bit}, 3f\nnop\n3:\n" for bit in range(64))
    return counted(
        "add x19, x19, #1\n" + _HASH + "and x9, x9, x20\n" + branches,
        before=_SEEDS + "ldr x19, [x2]\nldr x20, [x2, #16]\n",
        after="str x19, [x2]\n",
    )


_SAVE_LINK = {"before": "mov x19, x30\nadr x11, 5f", "after": "mov x30, x19"}


def _called(call: str) -> str:
    return counted(_rows(call, 8), **_SAVE_LINK) + ".p2align 6\n5: ret\n"


def _gaps() -> str:
    """Return a spin of n counter ticks: every two readings further apart than word 8 of the state
    are written to ``data``, up to word 16 of them; word 0 counts them."""
    stamp = "isb\nmrs {}, cntvct_el0\n"
    return f"""\
mov x8, xzr
ldp x10, x11, [x2, #8]
{stamp.format("x9")}
add x12, x9, x0
1:
{stamp.format("x13")}
sub x14, x13, x9
cmp x14, x10
b.ls 2f
cmp x8, x11
b.hs 2f
stp x9, x13, [x1], #16
add x8, x8, #1
{stamp.format("x13")}
2: mov x9, x13
cmp x9, x12
b.lo 1b
str x8, [x2]
ret
"""


KERNELS: Final[Mapping[str, str]] = {
    "nothing": "ret\n",
    "nops": counted(_rows("nop", 125)),
    "chase": counted(_rows("ldr x9, [x9]", 8), **_CHASE),
    "random loads": counted(_RANDOM_LINE + _USE, **_RANDOM),
    "random locks": counted(_RANDOM_LINE + _ATOMIC, **_RANDOM),
    "random updates": counted(_RANDOM_LINE + _UPDATE, **_RANDOM),
    "stream of loads": counted(_NEXT_LINE + _USE, **_STREAM),
    "stream of locks": counted(_NEXT_LINE + _ATOMIC, **_STREAM),
    "stream of updates": counted(_NEXT_LINE + _UPDATE, **_STREAM),
    "lines read": counted(_NEXT_LINES + on_lines("ldr x5, [x9, #{0}]"), **_STREAM),
    "lines changed": counted(
        _NEXT_LINES + on_lines("ldr x5, [x9, #{0}]\nadd x5, x5, #1\nstr x5, [x9, #{0}]"), **_STREAM
    ),
    "clear pages": counted(
        "add x9, x1, x19\nmov x10, x21\n2:\ndc zva, x9\nadd x9, x9, x22\nsubs x10, x10, #1\n"
        "b.ne 2b\nadd x19, x19, #4096\nand x19, x19, x20",
        # DCZID_EL0 holds the logarithm of the words that one instruction clears.
        before="ldp x19, x20, [x2]\nmrs x9, dczid_el0\nand x9, x9, #15\nmov x22, #4\n"
        "lsl x22, x22, x9\nmov x10, #4096\nudiv x21, x10, x22",
        after="str x19, [x2]",
    ),
    "mispredict": _mispredict(),
    "history": counted("mov x9, x20\n2:\nsubs x9, x9, #1\nb.ne 2b", before="ldr x20, [x2, #16]"),
    "compare and branch": counted(_compare("cmp x0, xzr\nb.eq 2f\nnop")),
    "compare, branch apart": counted(_compare("cmp x0, xzr\nnop\nb.eq 2f")),
    "call and return": _called("bl 5f"),
    "indirect call and return": _called("blr x11"),
    "forward any base": counted(_rows("ldr x9, [x1]\nadd x9, x9, xzr\nstr x9, [x1]", 8)),
    "forward stack": counted(
        _rows("ldr x9, [sp]\nadd x9, x9, xzr\nstr x9, [sp]", 8),
        before="sub sp, sp, #16",
        after="add sp, sp, #16",
    ),
    "forward two bases": counted(
        _rows("ldr x9, [x10]\nadd x9, x9, xzr\nstr x9, [x1]", 8), before="mov x10, x1"
    ),
    "forward through address": counted(
        _rows("str x9, [x1, x9]\nldr x9, [x1, x9]", 8), before="mov x9, xzr"
    ),
    "forward fails": counted(
        _rows("strb w9, [x1]\nldr x9, [x1]", 8), before="str xzr, [x1]\nmov x9, xzr"
    ),
    "full barrier": counted(_rows("dmb ish", 4)),
    "store barrier": counted(_rows("dmb ishst", 4)),
    "completion barrier": counted(_rows("dsb ish", 4)),
    "instruction barrier": counted(_rows("isb", 4)),
    "exchange add": counted(_rows("ldadd x3, x3, [x1]", 4), before="str xzr, [x1]\nmov x3, xzr"),
    "exchange add, acquire": counted(
        _rows("ldadda x3, x3, [x1]", 4), before="str xzr, [x1]\nmov x3, xzr"
    ),
    "exchange": counted(_rows("swp x3, x3, [x1]", 4), before="mov x3, xzr"),
    "compare and swap": counted(_rows("cas x3, x4, [x1]", 4), before="mov x4, xzr"),
    "compare and swap, acquire": counted(_rows("casa x3, x4, [x1]", 4), before="mov x4, xzr"),
    "pause": counted(_rows("yield", 4)),
    "gaps": _gaps(),
}
"""Hand-written kernels by name; how often each body does its work stands with the experiments."""

_HOMES = ("x4", "x5")
BETWEEN_MISSES: Final[Mapping[str, str]] = {
    "no-operations": "nop",
    "stores": "str xzr, [sp, #-16]",
    "additions": "add x8, x3, #1",
    "jumps": "b 3f\n.p2align 6\n3:",
    "calls": "bl 5f",
}


def misses(between: str) -> str:
    """Return two chains of loads with the same instructions behind each load."""
    other = "sub x10, x9, x1\nldr x11, [x2, #8]\neor x10, x10, x11\nadd x10, x10, x1\n"
    body = f"ldr x9, [x9]\n{between}\nldr x10, [x10]\n{between}"
    before = _SAVE_LINK["before"] + "\n" + _CHASE["before"] + other
    after = _CHASE["after"] + _SAVE_LINK["after"]
    return counted(body, before=before, after=after) + ".p2align 6\n5: ret\n"


_ROTATING = tuple(f"x{number}" for number in range(9, 17))

INSTRUCTIONS: Final = Instructions(
    homes=_HOMES,
    spare=("x7", "x8"),
    rotating=_ROTATING,
    zero_register="xzr",
    add="add {d}, {d}, x3",
    mul="mul {d}, {d}, x2",
    free_mul="mul {d}, x2, x3",
    move="mov {d}, {s}",
    immediate="mov {d}, #5",
    zero="mov {d}, #0",
    chase="ldr {d}, [{d}]",
    pointer="add x9, x1, #{to}\nstr x9, [x1, #{at}]",
    load="ldr {d}, [x1, #{o}]",
    store="str {d}, [x1, #{o}]",
    lock="stadd x3, [{address}]",
    branch="cbnz x3, 9f",
    jump="b {label}f\n.p2align 6\n{label}:",
    call="bl {label}f",
    kernel="str x30, [sp, #-16]!\n{ring}\nmov x2, #1\nmov x3, xzr\n"
    + "".join(f"add {home}, x1, #{RING_START}\n" for home in _HOMES)
    + "".join(f"mov {register}, xzr\n" for register in _ROTATING)
    + "".join(f"add x{19 + line}, x1, #{2176 + 64 * line}\n" for line in range(8))
    + ".p2align 6\n1:\n{body}\nsub x0, x0, #1\ncmp x0, #0\nb.ne 1b\nb 9f\n"
    + "{functions}\n9: ldr x30, [sp], #16\nret\n",
    lock_registers=tuple(f"x{19 + line}" for line in range(8)),
)
"""How loops are written; x0 counts down, x1 is the data, x3 is zero, x19 to x26 hold the addresses
of eight lines for atomics, which take no offset."""
