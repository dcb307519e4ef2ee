"""System calls with a clock around them, as position-independent code.

``timed(number, arguments, out)``: reads the thread's CPU time, does the call with the six words at
``arguments``, reads the time again, and writes both to ``out`` (seconds and nanoseconds each). A
child that the call makes ends at once. Returns what the call returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_THREAD_CPU_TIME = 3

_X86 = f"""\
push %rbx
push %r12
push %r13
push %r14
mov %rdi, %rbx
mov %rsi, %r12
mov %rdx, %r13
mov $228, %eax
mov ${_THREAD_CPU_TIME}, %edi
mov %r13, %rsi
syscall
mov (%r12), %rdi
mov 8(%r12), %rsi
mov 16(%r12), %rdx
mov 24(%r12), %r10
mov 32(%r12), %r8
mov 40(%r12), %r9
mov %rbx, %rax
syscall
mov %rax, %r14
test %rax, %rax
jnz 1f
cmp $56, %rbx
jne 1f
mov $231, %eax
xor %edi, %edi
syscall
1:
mov $228, %eax
mov ${_THREAD_CPU_TIME}, %edi
lea 16(%r13), %rsi
syscall
mov %r14, %rax
pop %r14
pop %r13
pop %r12
pop %rbx
ret
"""

_ARM = f"""\
stp x19, x20, [sp, #-32]!
stp x21, x22, [sp, #16]
mov x19, x0
mov x20, x1
mov x21, x2
mov x8, #113
mov x0, #{_THREAD_CPU_TIME}
mov x1, x21
svc #0
ldp x0, x1, [x20]
ldp x2, x3, [x20, #16]
ldp x4, x5, [x20, #32]
mov x8, x19
svc #0
mov x22, x0
cbnz x0, 1f
cmp x19, #220
b.ne 1f
mov x8, #94
mov x0, xzr
svc #0
1:
mov x8, #113
mov x0, #{_THREAD_CPU_TIME}
add x1, x21, #16
svc #0
mov x0, x22
ldp x21, x22, [sp, #16]
ldp x19, x20, [sp], #32
ret
"""

TIMED: Final[Mapping[str, str]] = {"x86_64": _X86, "arm64": _ARM}
"""The text by instruction set."""

NUMBERS: Final[Mapping[str, Mapping[str, int]]] = {
    "x86_64": {"clone": 56, "mprotect": 10, "munmap": 11, "madvise": 28, "getppid": 110},
    "arm64": {"clone": 220, "mprotect": 226, "munmap": 215, "madvise": 233, "getppid": 173},
}
"""Numbers of the calls by instruction set."""
