"""Random traces for hypothesis: any kinds, dependences, addresses and outcomes."""

from __future__ import annotations

from hypothesis import strategies as st

from costmodel.code.trace import Trace
from costmodel.code.uops import Kind, Subkind, Target, Uop, Value

from .build import trace_of

PLAIN = [
    (Kind.ALU, Subkind.PLAIN),
    (Kind.ALU, Subkind.MOVE),
    (Kind.ALU, Subkind.IMMEDIATE),
    (Kind.MUL, Subkind.PLAIN),
    (Kind.NOP, Subkind.PLAIN),
    (Kind.SYSTEM, Subkind.PLAIN),
    (Kind.ALU, Subkind.ZERO_IDIOM),
    (Kind.JUMP, Subkind.PLAIN),
    (Kind.CALL, Subkind.PLAIN),
    (Kind.CALL, Subkind.INDIRECT),
    (Kind.JUMP, Subkind.INDIRECT),
    (Kind.RET, Subkind.PLAIN),
    (Kind.BRANCH, Subkind.PLAIN),
    (Kind.LOAD, Subkind.PLAIN),
    (Kind.LOAD, Subkind.PLAIN),
    (Kind.LOAD, Subkind.PREFETCH),
    (Kind.STORE, Subkind.PLAIN),
    (Kind.STORE, Subkind.PLAIN),
]
ARM64 = [
    *PLAIN,
    (Kind.RMW, Subkind.RMW_STORE),
    (Kind.RMW, Subkind.RMW_VALUE),
    (Kind.RMW, Subkind.RMW_CAS),
    (Kind.RMW, Subkind.RMW_ACQUIRE),
    (Kind.TLBI, Subkind.TLBI_PAGE),
    (Kind.DSB, Subkind.DSB_ALL),
    (Kind.DSB, Subkind.DSB_STORES),
    (Kind.DMB, Subkind.PLAIN),
    (Kind.ISB, Subkind.PLAIN),
    (Kind.ZERO, Subkind.ZERO_LINE),
]
X86 = [
    *PLAIN,
    (Kind.RMW, Subkind.RMW_LOCKED),
    (Kind.RMW, Subkind.RMW_LOCKED),
    (Kind.TLBI, Subkind.TLBI_PAGE),
    (Kind.ZERO, Subkind.ZERO_BLOCK),
]
MEMORY = (Kind.LOAD, Kind.STORE, Kind.RMW, Kind.ZERO)
TARGETS = (Target.SRC, Target.PAGE, Target.PAGE, Target.STACK, Target.DST)


@st.composite
def traces(
    draw: st.DrawFn, kinds: list[tuple[Kind, Subkind]], *, max_size: int = 60, turns: int = 1
) -> Trace:
    """Draw a trace of a random body that is run ``turns`` times, its addresses moving on."""
    body = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=max_size))
    backs = draw(
        st.lists(
            st.tuples(st.integers(0, 12), st.integers(0, 40)),
            min_size=len(body),
            max_size=len(body),
        )
    )
    places = draw(
        st.lists(
            st.tuples(st.sampled_from(TARGETS), st.integers(0, 40), st.sampled_from([0, 1, 8, 64])),
            min_size=len(body),
            max_size=len(body),
        )
    )
    outcomes = draw(st.lists(st.booleans(), min_size=len(body), max_size=len(body)))
    uops: list[Uop] = []
    for turn in range(turns):
        for i, (kind, subkind) in enumerate(body):
            at = len(uops)
            values = tuple(Value(at - back) for back in backs[i] if 0 < back <= at)
            target, line, stride = places[i]
            memory = kind in MEMORY
            uops.append(
                Uop(
                    kind,
                    subkind,
                    target=target if memory else Target.NONE,
                    offset_bytes=64 * line + stride * turn if memory else 0,
                    size_bytes=64 if kind == Kind.ZERO else 8 if memory else 0,
                    address_inputs=values[:1] if memory else (),
                    data_inputs=values[1:] if memory else values,
                    taken=outcomes[i] ^ (turn % 3 == 0) if kind == Kind.BRANCH else None,
                    site=str(i),
                )
            )
    middle = len(uops) // 2
    return trace_of(
        uops,
        step_start=range(0, len(uops), len(body)),
        segments=(("table", 0, middle), ("copy", middle, len(uops))),
    )
