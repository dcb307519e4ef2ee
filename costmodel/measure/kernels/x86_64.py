"""Kernels of x86-64, in AT&T syntax."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from costmodel.measure.kernels.loop_body import LINES_BYTES, RING_START, Instructions, on_lines

NAME: Final = "x86_64"

STAMP: Final = """\
lfence
rdtsc
lfence
shl $32, %rdx
or %rdx, %rax
"""
"""Puts the time stamp counter into rax, after all that stands before and before what follows."""

CHAIN_ADDS: Final = 32768
"""Dependent additions of one cycle each: the clock beside every sample. Some counters move in steps
of 10 ns, so they take a thousand of these."""

_CHAIN = """\
xor %ecx, %ecx
mov $512, %r10d
.p2align 6
1:
.rept 64
add %rcx, %rax
.endr
dec %r10d
jnz 1b
"""
_STORE_STAMP = "mov 0x8(%rsp), %r11\nmov %rax, {}(%r11)\n"

# driver(kernel, n, data, state, samples, out): four stamps of each sample go to out, 32 bytes.
DRIVER: Final = "\n".join(
    [
        "push %rbx\npush %rbp\npush %r12\npush %r13\npush %r14\npush %r15",
        "push %rdi\npush %rsi\npush %rdx\npush %rcx\npush %r8\npush %r9\npush $0",
        # Stack: 0 spare, 8 out, 16 samples, 24 state, 32 data, 40 n, 48 kernel.
        ".p2align 6\n2:",
        STAMP + _STORE_STAMP.format(0),
        _CHAIN + STAMP + _STORE_STAMP.format(8),
        "mov 40(%rsp), %rdi\nmov 32(%rsp), %rsi\nmov 24(%rsp), %rdx\ncall *48(%rsp)",
        STAMP + _STORE_STAMP.format(16),
        _CHAIN + STAMP + _STORE_STAMP.format(24),
        "addq $32, 8(%rsp)\ndecq 16(%rsp)\njnz 2b",
        "add $56, %rsp",
        "pop %r15\npop %r14\npop %r13\npop %r12\npop %rbp\npop %rbx\nret",
    ]
)

READ_STAMP: Final = STAMP + "ret\n"


def counted(body: str, *, before: str = "", after: str = "") -> str:
    """Return a kernel that executes a body n times."""
    return f"{before}\n.p2align 6\n1:\n{body}\ndec %rdi\njnz 1b\n{after}\nret\n"


def _hash(register: str) -> str:
    """Return instructions that scramble a register, for addresses that nothing can predict."""
    return f"""\
imul %r14, {register}
mov {register}, %r13
shr $29, %r13
xor %r13, {register}
imul %r15, {register}
mov {register}, %r13
shr $32, %r13
xor %r13, {register}
"""


_SEEDS = """\
movabs $0x9E3779B97F4A7C15, %r14
movabs $0xBF58476D1CE4E5B9, %r15
"""
# Words of the state: 0 position, 8 mask of line numbers or bytes of the region, 16 a choice.
_RANDOM = {
    "before": _SEEDS + "mov (%rdx), %rbx\nmov 8(%rdx), %rbp\nxor %ecx, %ecx\n",
    "after": "mov %rbx, (%rdx)\n",
}
_RANDOM_LINE = (
    "inc %rbx\nmov %rbx, %rax\n" + _hash("%rax") + "and %rbp, %rax\nshl $6, %rax\nadd %rsi, %rax\n"
)
_STREAM = {
    "before": "mov (%rdx), %rbx\nmov 8(%rdx), %rbp\nxor %ecx, %ecx\n",
    "after": "mov %rbx, (%rdx)\n",
}
_NEXT_LINE = "lea (%rsi,%rbx), %rax\nadd $64, %rbx\nand %rbp, %rbx\n"
_NEXT_LINES = f"lea (%rsi,%rbx), %rax\nadd ${LINES_BYTES}, %rbx\nand %rbp, %rbx\n"
_CHASE = {"before": "mov (%rdx), %rax\n", "after": "mov %rax, (%rdx)\n"}


def _mispredict() -> str:
    """Return 64 branches on bits of a random word; word 16 of the state masks the bits."""
    branches = "".join("shr $1, %rax\njc 3f\nnop\n3:\n" for _ in range(64))
    return counted(
        "inc %rbx\nmov %rbx, %rax\n" + _hash("%rax") + "and %rbp, %rax\n" + branches,
        before=_SEEDS + "mov (%rdx), %rbx\nmov 16(%rdx), %rbp\n",
        after="mov %rbx, (%rdx)\n",
    )


def _history() -> str:
    """Return an inner loop of word 16 of the state iterations, eight times."""
    inner = "mov %rbp, %rax\n2:\ndec %rax\njnz 2b\n"
    return counted(inner, before="mov 16(%rdx), %rbp")


def _called(function: str, *, call: str = "call 5f", times: int = 8) -> str:
    """Return a kernel that calls a function that stands behind it."""
    return counted("\n".join([call] * times), before="lea 5f(%rip), %r11") + (
        f".p2align 6\n5:\n{function}\n"
    )


_SAFE_RET = """\
jmp 6f
.p2align 6
7: lea 8(%rsp), %rsp
ret
int3
.p2align 6
6: call 7b
int3
"""
_ALIGNED_RET = """\
jmp 6f
.p2align 6
.skip 32, 0xcc
6: ret
int3
"""
_RETPOLINE = """\
jmp 6f
.p2align 6
6: call 7f
8: pause
lfence
jmp 8b
7: mov %r11, (%rsp)
ret
"""


def _probe() -> str:
    """Return single loads of a ring: each one's time, stamps included, goes to ``data``."""
    return counted(
        STAMP
        + "mov %rax, %r8\nmov (%rbx), %rbx\n"
        + STAMP
        + "sub %r8, %rax\nmov %rax, (%rsi)\nadd $8, %rsi\n",
        before="mov %rdx, %r9\nmov (%r9), %rbx",
        after="mov %rbx, (%r9)",
    )


def _gaps() -> str:
    """Return a spin of n stamp ticks: every two readings further apart than word 8 of the state
    are written to ``data``, up to word 16 of them; word 0 counts them."""
    stamp = "rdtsc\nshl $32, %rdx\nor %rdx, %rax\n"
    return f"""\
mov %rdx, %r9
xor %r8d, %r8d
mov 8(%r9), %r10
mov 16(%r9), %r11
{stamp}
mov %rax, %rbx
lea (%rax,%rdi), %rbp
1:
{stamp}
mov %rax, %rcx
sub %rbx, %rcx
cmp %r10, %rcx
jbe 2f
cmp %r11, %r8
jae 2f
mov %rbx, (%rsi)
mov %rax, 8(%rsi)
add $16, %rsi
inc %r8
{stamp}
2: mov %rax, %rbx
cmp %rbp, %rax
jb 1b
mov %r8, (%r9)
ret
"""


def _rows(one: str, times: int) -> str:
    return "\n".join(one for _ in range(times))


def _compare(pair: str) -> str:
    """Return compares and branches among so many additions that integer ports are the limit."""
    adds = "".join(f"add %rcx, %r{number}\n" for number in range(8, 16))
    return _rows(pair + "\n" + adds, 8) + "\n2:"


KERNELS: Final[Mapping[str, str]] = {
    "nothing": "ret\n",
    "nops": counted(_rows("nop", 125)),
    "chase": counted(_rows("mov (%rax), %rax", 8), **_CHASE),
    "random loads": counted(_RANDOM_LINE + "add (%rax), %rcx\n", **_RANDOM),
    "random locks": counted(_RANDOM_LINE + "lock addq $0, (%rax)\n", **_RANDOM),
    "random updates": counted(_RANDOM_LINE + "addq $0, (%rax)\n", **_RANDOM),
    "stream of loads": counted(_NEXT_LINE + "add (%rax), %rcx\n", **_STREAM),
    "stream of locks": counted(_NEXT_LINE + "lock addq $0, (%rax)\n", **_STREAM),
    "stream of updates": counted(_NEXT_LINE + "addq $0, (%rax)\n", **_STREAM),
    "lines read": counted(_NEXT_LINES + on_lines("mov {0}(%rax), %rcx"), **_STREAM),
    "lines changed": counted(_NEXT_LINES + on_lines("addq $0, {0}(%rax)"), **_STREAM),
    "clear pages": counted(
        "lea (%rsi,%rbx), %rdi\nmov $4096, %ecx\nxor %eax, %eax\nrep stosb\n"
        "add $4096, %rbx\nand %rbp, %rbx\nmov %r8, %rdi\ndec %r8\n",
        before="mov (%rdx), %rbx\nmov 8(%rdx), %rbp\nmov %rdi, %r8",
        after="mov %rbx, (%rdx)",
    ),
    "mispredict": _mispredict(),
    "history": _history(),
    "compare and branch": counted(_compare("cmp %rcx, %rdi\nje 2f\nnop"), before="xor %ecx, %ecx"),
    "compare, branch apart": counted(
        _compare("cmp %rcx, %rdi\nnop\nje 2f"), before="xor %ecx, %ecx"
    ),
    "call and return": _called("ret"),
    "indirect call and return": _called("ret", call="call *%r11"),
    "call and safe return": _called(_SAFE_RET),
    "call and aligned return": _called(_ALIGNED_RET),
    "retpoline and return": counted(_rows("call 6f", 8), before="lea 5f(%rip), %r11")
    + ".p2align 6\n5: ret\n"
    + _RETPOLINE.removeprefix("jmp 6f\n"),
    "forward any base": counted(_rows("mov (%rsi), %rax\nadd %rbx, %rax\nmov %rax, (%rsi)", 8)),
    "forward stack": counted(_rows("mov -8(%rsp), %rax\nadd %rbx, %rax\nmov %rax, -8(%rsp)", 8)),
    "forward two bases": counted(
        _rows("mov (%r8), %rax\nadd %rbx, %rax\nmov %rax, (%rsi)", 8), before="mov %rsi, %r8"
    ),
    "forward through address": counted(
        _rows("mov %rax, (%rsi,%rax)\nmov (%rsi,%rax), %rax", 8), before="xor %eax, %eax"
    ),
    "forward fails": counted(
        _rows("mov %al, (%rsi)\nmov (%rsi), %rax", 8), before="movq $0, (%rsi)\nxor %eax, %eax"
    ),
    "full barrier": counted("mfence\n" * 4),
    "load fence": counted("lfence\n" * 4),
    "exchange add": counted("lock xadd %rax, (%rsi)\n" * 4),
    "exchange": counted("xchg %rax, (%rsi)\n" * 4),
    "compare and swap": counted("lock cmpxchg %rcx, (%rsi)\n" * 4),
    "pause": counted("pause\n" * 4),
    "probe": _probe(),
    "gaps": _gaps(),
}
"""Hand-written kernels by name; how often each body does its work stands with the experiments."""

BETWEEN_MISSES: Final[Mapping[str, str]] = {
    "no-operations": "nop",
    "stores": "mov %rbx, -8(%rsp)",
    "additions": "lea 1(%rbx), %r8",
    "jumps": "jmp 3f\n.p2align 6\n3:",
    "calls": "call 5f",
}


def misses(between: str) -> str:
    """Return two chains of loads with the same instructions behind each load."""
    other = "mov %rax, %rcx\nsub %rsi, %rcx\nxor 8(%rdx), %rcx\nadd %rsi, %rcx\n"
    body = f"mov (%rax), %rax\n{between}\nmov (%rcx), %rcx\n{between}"
    before = "mov (%rdx), %rax\n" + other + "xor %ebx, %ebx"
    return counted(body, before=before, after=_CHASE["after"]) + ".p2align 6\n5: ret\n"


_HOMES = ("%rax", "%rcx")
_ROTATING = ("%r8", "%r9", "%r10", "%r11", "%r12", "%r13", "%r14", "%r15")

INSTRUCTIONS: Final = Instructions(
    homes=_HOMES,
    spare=("%rdx", "%rbp"),
    rotating=_ROTATING,
    zero_register="%rbx",
    add="add %rbx, {d}",
    mul="imul $1, {d}, {d}",
    free_mul="imul $3, %rbx, {d}",
    move="mov {s}, {d}",
    immediate="mov $5, {d}",
    zero="xor %ebp, %ebp",
    chase="mov ({d}), {d}",
    pointer="lea {to}(%rsi), %rax\nmov %rax, {at}(%rsi)",
    load="mov {o}(%rsi), {d}",
    store="mov {d}, {o}(%rsi)",
    lock="lock add %rbx, {o}(%rsi)",
    branch="jo 9f",
    jump="jmp {label}f\n.p2align 6\n{label}:",
    call="call {label}f",
    kernel="{ring}\n"
    + "".join(f"lea {RING_START}(%rsi), {home}\n" for home in _HOMES)
    + "".join(f"xor {register}, {register}\n" for register in ("%rbx", *_ROTATING))
    + ".p2align 6\n1:\n{body}\nsub $1, %rdi\ncmp $0, %rdi\njne 1b\nret\n{functions}\n9: ret",
)
"""How loops are written; rdi counts down, rsi is the data, rbx is zero."""
