"""What executes more and is faster all the same is explained: nobody takes it at its word."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel import explain

WITH_ACCIDENT = {
    "core.access_dispatch_width": 32,
    "core.store_dispatch_width": 32,
    "core.fetch_width": 6,
    "core.fuses_arithmetic_branch": False,
    "core.store_forward_cycles": 7,
    "mitigations.return_cycles": 0,
}
"""On these one more addition is faster by an accident: tests/strategies/test_more_work.py."""
MINE = """\
from costmodel.operations.fork.batching import scan_v3
from costmodel.strategies import fork as k


def two_alus(_):
    value = yield k.alu()
    yield k.alu(value)


@k.built_on("ryan_v3")
def by_accident(fork):
    return k.before(scan_v3(fork), "set", two_alus)


@k.built_on("ryan_v3")
def by_prefetch(fork):
    return k.after(scan_v3(fork), "read", lambda e: k.prefetch(k.Target.PAGE, 64 * e.page + 64))


@k.built_on("ryan_v3")
def dearer(fork):
    return k.after(scan_v3(fork), "map", k.dmb())
"""


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("by_accident", "is an accident of which micro-op gets a port first"),
        ("by_prefetch", "and is faster all the same. It prefetches."),
        ("dearer", ""),
    ],
)
def test_it_is_said_why(
    function: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    text = explain("epyc-zen4", f"mine.py:{function}", vs="folio-scan-v3", overrides=WITH_ACCIDENT)
    text = " ".join(text.split())
    assert said in text
    assert ("is faster all the same" in text) == bool(said)
