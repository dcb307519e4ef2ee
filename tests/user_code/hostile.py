"""Strategies that do what no strategy may do: name to source, line and what must be said of it.

Each source is the body of a file behind ``HEAD``. ``>`` marks the line that is to blame.
"""

from __future__ import annotations

from textwrap import dedent
from typing import Final, NamedTuple

HEAD: Final = "from costmodel.strategies import fork as k\n"


class Hostile(NamedTuple):
    """A file with a strategy ``f``: its text, the line to blame (0: none), words of the message."""

    text: str
    line: int
    says: str


def _of(source: str, says: str) -> Hostile:
    lines = (HEAD + dedent(source)).splitlines()
    line = next((n for n, text in enumerate(lines, 1) if text.rstrip().endswith("# >")), 0)
    return Hostile("\n".join(lines) + "\n", line, says)


def _body(*lines: str, says: str) -> Hostile:
    return _of("def f(fork):\n" + "".join(f"    {line}\n" for line in lines), says)


NO_ANSWER: Final = {
    "exits": _body("raise SystemExit(0)  # >", "yield", says="ends the process: sys.exit(0)"),
    "exits in the loop": _body(
        "yield from k.v6_12(fork)", "import sys", "sys.exit()  # >", says="sys.exit()"
    ),
    "exits at import": _of("import sys\nsys.exit(0)  # >\ndef f(fork): yield\n", "sys.exit(0)"),
    "leaves": _body("import os", "os._exit(0)", "yield", says="with exit status 0"),
    "leaves with 7": _body("import os", "os._exit(7)", "yield", says="with exit status 7"),
    "leaves at import": _of("import os\nos._exit(0)\n", "with exit status 0"),
    "kills itself": _body("import os", "os.kill(os.getpid(), 9)", "yield", says="SIGKILL"),
    "segfaults": _body(
        "import ctypes", "ctypes.string_at(0)", "yield", says="crashes the process (SIGSEGV)"
    ),
    "aborts": _body("import os", "os.abort()", "yield", says="SIGABRT"),
    "never yields": _body("while True: pass  # >", "yield", says="does not end within"),
    "never ends, catches all": _body(
        "while True:",
        "    try:",
        "        while True: pass  # >",
        "    except BaseException: pass",
        "yield",
        says="does not end within",
    ),
    "loops at import": _of("while True: pass  # >\n", "does not end within"),
    "loops in C": _body("sum(range(10 ** 12))", "yield", says="does not end within"),
    "sleeps": _body("import time", "time.sleep(1000)  # >", "yield", says="does not end within"),
    "sleeps at import": _of("import time\ntime.sleep(1000)  # >\n", "does not end within"),
    "waits for a lock": _body(
        "import threading",
        "lock = threading.Lock()",
        "lock.acquire()",
        "lock.acquire()",
        "yield",
        says="does not end within",
    ),
    "eats memory": _body(
        "much = []", "while True: much.append(bytes(1 << 28))  # >", "yield", says="GiB of memory"
    ),
    "eats memory at once": _body("much = bytearray(1 << 40)  # >", "yield", says="GiB of memory"),
    "eats memory at import": _of("much = bytearray(1 << 40)  # >\n", "GiB of memory"),
    "yields for ever": _body("while True: yield k.alu()  # >", says="does not end: 20001 steps"),
    "iterates for ever": _of(
        "import itertools\ndef f(fork): return itertools.repeat(k.alu())\n", "does not end: 20001"
    ),
    "swallows the end": _body(
        "while True:",
        "    try:",
        "        yield 7  # >",
        "    except GeneratorExit: pass",
        says="must yield steps or micro-ops (got 7, an int)",
    ),
    "loops when it is closed": _body(
        "try:",
        "    yield 7",
        "finally:",
        "    while True: pass  # >",
        says="does not end within",
    ),
    "closes every file": _body(
        "import os", "os.closerange(3, 1000)", "yield k.alu()", says="exit status"
    ),
    "forks": _body(
        "import os",
        "os.fork()",
        "yield 7  # >",
        says="must yield steps or micro-ops",
    ),
}
"""The process ends, hangs or eats the machine."""

RAISES: Final = {
    "raises": _body("yield k.alu()", "raise ValueError('no page')  # >", says="Error: no page"),
    "raises at once": _of(
        "def f(fork): return 1 / 0  # >\n", "ZeroDivisionError: division by zero"
    ),
    "raises a class of its own": _of(
        "class Odd(BaseException): pass\ndef f(fork):\n    raise Odd()  # >\n    yield\n",
        "raised Odd",
    ),
    "raises without a text": _of(
        """\
        class Odd(Exception):
            def __str__(self): raise RuntimeError("no text")
        def f(fork):
            raise Odd()  # >
            yield
        """,
        "raised Odd",
    ),
    "raises with a text that exits": _of(
        """\
        class Odd(Exception):
            def __str__(self): raise SystemExit(0)
        def f(fork):
            raise Odd()  # >
            yield
        """,
        "raised Odd",
    ),
    "raises many lines": _body("raise ValueError('a\\nb' * 999)  # >", "yield", says=r"a\nba\nb"),
    "raises GeneratorExit": _body("raise GeneratorExit  # >", "yield", says="raised GeneratorExit"),
    "raises StopIteration": _body(
        "raise StopIteration  # >", "yield", says="RuntimeError: generator raised StopIteration"
    ),
    "raises KeyboardInterrupt": _body(
        "raise KeyboardInterrupt  # >", "yield", says="raised KeyboardInterrupt"
    ),
    "recurses": _of("def f(fork): return f(fork)  # >\n", "RecursionError"),
    "asks for input": _of("def f(fork): return input()  # >\n", "raised EOFError"),
    "does not parse": _of("def f(fork:  # >\n", "cannot be imported"),
    "imports nothing": _of("import no_such_module  # >\n", "cannot be imported: ModuleNotFound"),
    "raises at import": _of("1 / 0  # >\n", "cannot be imported: ZeroDivisionError"),
    "has a null byte": _of("x = '\0'\n", "cannot be imported"),
    "awaits": _of("async def f(fork): pass\n", "'async' has no meaning here"),
    "awaits and yields": _of("async def f(fork): yield k.alu()\n", "'async' has no meaning"),
    "takes nothing": _of("def f(): yield  # >\n", "must take one argument, the fork operation"),
    "takes two": _of("def f(fork, more): yield  # >\n", "must take one argument"),
    "is no function": _of("f = 7\n", "unknown function"),
    "is built in": _of("f = len\n", "has no len()"),
    "an object that takes two": _of(
        "class C:\n    def __call__(self, a, b): ...  # >\nf = C()\n", "must take one argument"
    ),
}
"""It says so itself."""

YIELDS: Final = {
    "yields nothing": _of("def f(fork):  # >\n    return\n    yield\n", "nothing to price"),
    "returns nothing": _of("def f(fork): pass  # >\n", "must return what it executes"),
    "returns an empty list": _of("def f(fork): return []  # >\n", "nothing to price"),
    "returns a number": _of("def f(fork): return 7  # >\n", "must return what it executes"),
    "leaves all out": _of(
        "def f(fork): return k.without(k.v6_12(fork), *k.Kind)  # >\n", "nothing to price"
    ),
    "yields None": _body("yield  # >", says="must yield steps or micro-ops (got nothing)"),
    "yields a text": _body("yield 'map'  # >", says="(got 'map')"),
    "yields a tuple": _body("yield ('map', 1)  # >", says="(got a tuple)"),
    "yields a generator": _body(
        "yield k.v6_12(fork)  # >", says="must yield steps or micro-ops (got <generator"
    ),
    "yields what has no repr": _of(
        "class C:\n    def __repr__(self): return 1 / 0  # >\ndef f(fork): yield C()\n",
        "ZeroDivisionError",
    ),
    "an event of nobody": _body("yield k.Step('mapp', 0, 7, 7)  # >", says="(got 'mapp')"),
    "an event of another program": _body(
        "yield k.Step('buddy', 0, 7, 7)  # >", says="never recorded (got 'buddy')"
    ),
    "an event without a name": _of(
        "def f(fork): yield k.Step([], 0, 7, 7)  # >\n", "never recorded (got [])"
    ),
    "half an entry": _of(
        "def f(fork): yield k.Step('read', 0.5, 7, 7)  # >\n", "are not whole numbers"
    ),
    "a page beyond memory": _of(
        "def f(fork): yield k.Step('read', 0, 1 << 60, 7)  # >\n", "there cannot be"
    ),
    "drops an event of nobody": _body(
        "yield from k.dropping(k.v6_12(fork), 'mapp')  # >", says="did you mean 'map'?"
    ),
    "an edit of another operation's event": _body(
        "yield from k.after(k.v6_12(fork), 'unmap', k.alu())  # >",
        says="after: unknown event of fork, did you mean 'map'? (got 'unmap')",
    ),
    "drops an event of another operation": _body(
        "yield from k.dropping(k.v6_12(fork), 'unmap')  # >",
        says="dropping: unknown event of fork",
    ),
    "an edit of nobody's event": _body(
        "yield from k.after(k.v6_12(fork), 'nope', k.alu())  # >", says="after: unknown event"
    ),
    "an edit of nothing": _body(
        "return k.before(k.v6_12(fork), 'map')  # >", says="before: needs at least one micro-op"
    ),
    "an edit that yields numbers": _body(
        "return k.before(k.v6_12(fork), 'map', 7)  # >", says="(got 7, an int)"
    ),
    "leaves out a word": _body(
        "return k.without(k.v6_12(fork), 'TLBI')  # >", says="must be kinds, as Kind.TLBI is"
    ),
    "batches of none": _body(
        "return k.copy_batched(fork, k.Batching(limit=0))  # >", says="must be at least 1"
    ),
    "batches of less": _body(
        "return k.copy_batched(fork, k.Batching(limit=-5))  # >", says="must be at least 1"
    ),
    "batches of text": _body(
        "return k.copy_batched(fork, k.Batching(limit='16'))  # >", says="must be at least 1"
    ),
    "a decorator without brackets": _of(
        "@k.built_on  # >\ndef f(fork): return k.v6_12(fork)\n", "built_on: must name a program"
    ),
    "a program of nobody": _of(
        "@k.built_on('v6.13')  # >\ndef f(fork): return k.v6_12(fork)\n", "unknown program"
    ),
}
"""What it yields means nothing."""

MICRO_OPS: Final = {
    f"by hand: {uop}": _body(f"yield {uop}  # >", says=says)
    for uop, says in {
        "k.load(k.Target.PAGE, '64')": "load: offset_bytes: must be a whole number",
        "k.load(k.Target.PAGE, 1.5)": "offset_bytes: must be a whole number",
        "k.load(k.Target.PAGE, 1 << 70)": "offset_bytes: must be a whole number",
        "k.load(3, 0)": "load: target: must be one of Target (got 3, an int)",
        "k.load(k.Target.NONE, 0)": "load: target: must be some memory",
        "k.load(k.Target.PAGE, 0, size_bytes=0)": "size_bytes: must be from 1",
        "k.load(k.Target.PAGE, 0, address=(7,))": "waits for what no yield before has answered",
        "k.load(k.Target.PAGE, 0, address=7)": "address: must be at most 2 values",
        "k.load(k.Target.PAGE, 0, address=[])": "address: must be at most 2 values",
        "k.store(k.Target.DST, 0, data=(1, 2, 3))": "store: data: must be at most 2 values",
        "k.rmw(k.Target.PAGE, 0, subkind=k.Subkind.MOVE)": "rmw: subkind: must be RMW_STORE or",
        "k.alu('x')": "waits for what no yield before has answered (got 'x')",
        "k.branch('x', taken=None)": "branch: taken: must be true or false",
        "k.branch([], taken=True)": "branch: site: must be the name of a branch",
        "k.Uop(99)": "kind: must be one of Kind (got 99, an int)",
        "k.Uop(k.Kind.ALU, 99)": "subkind: must be one of Subkind",
        "k.tlbi()": "tlbi exists on arm64 alone (got x86_64)",
        "k.dsb(stores_only=True)": "dsb exists on arm64 alone (got x86_64)",
        "k.dsb()": "dsb exists on arm64 alone (got x86_64)",
        "k.isb()": "isb exists on arm64 alone (got x86_64)",
    }.items()
}
"""Micro-ops that no core executes, or that an x86 core does not."""

HOSTILE: Final = {**NO_ANSWER, **RAISES, **YIELDS, **MICRO_OPS}
