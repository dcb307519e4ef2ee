"""``costmodel check``: exit codes, drawings and bad input."""

from __future__ import annotations

from pathlib import Path

import pytest

from costmodel.cli.main import main
from tests.cli.lines import flat

CORRECT = """
from costmodel.mm.pte import PFN_SHIFT, PRESENT, WRITE
from costmodel.strategies import fork as k

def copy(fork):
    for pair in fork.tables():
        for slot in range(pair.first, pair.end):
            pte = pair.src.ptep_get(slot)
            yield k.load(k.Target.SRC, 8 * slot)
            if not pte & PRESENT:
                fork.copy_nonpresent(pair, slot)
                continue
            folio = fork.folio_of(pte)
            if folio is not None:
                page = folio.page(pte >> PFN_SHIFT)
                fork.rss_add(fork.rss_of(folio))
                if folio.anon and fork.maybe_pinned(folio, page):
                    pair.dst.set_ptes(slot, 1, fork.copy_pinned(pte))
                    continue
                fork.mapcount_add(folio, page)
                if folio.anon:
                    fork.clear_exclusive(folio, page)
                fork.folio_get(folio)
            if pair.vma.is_cow and pte & WRITE:
                pair.src.write_protect(slot)
                pte &= ~WRITE
            put = pair.dst.set_contpte if fork.contpte else pair.dst.set_ptes
            put(slot, 1, fork.child_pte(pair.vma, pte))

def idle(fork):
    yield from ()

def forgets(fork):
    fork.folio_get = lambda folio, count=1: None
    return copy(fork)

number = 7
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my_patch.py"
    path.write_text(CORRECT)
    return path


@pytest.mark.parametrize("contpte", [[], ["--contpte"]])
def test_a_correct_strategy_of_the_user_passes(
    file: Path, contpte: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", f"{file}:copy", "--layouts", "5", *contpte]) == 0
    assert "my_patch.py:copy: ok" in capsys.readouterr().out


def test_a_broken_one_is_drawn_and_exits_1(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:forgets", "--layouts", "0"]) == 1
    out = capsys.readouterr().out
    assert "broken: refcounts are exact" in out
    assert "smallest layout found:" in out


def test_what_breaks_all_is_drawn_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", f"{file}:idle", "--layouts", "0"]) == 1
    out = capsys.readouterr().out
    drawings = [part for part in out.split("\n\n") if "W writable" in part]
    assert 1 < len(drawings) == len(set(drawings))
    assert 1 < out.count("It is drawn above.") == out.count("broken: ") - len(drawings)


def test_the_off_by_one_fails_with_its_reason(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "folio-batch-off-by-one", "--layouts", "0"]) == 1
    text = " ".join(capsys.readouterr().out.split())
    assert "batch of 17 PTEs on an order-4 folio at index 15" in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["v6.70"], "unknown strategy, did you mean 'v6.7'?"),
        (["nowhere.py:copy"], "nowhere.py: no such file"),
        (["{file}:copi"], "unknown function, did you mean 'copy'?"),
        (["{file}:number"], "unknown function"),
        (["{file}.txt:copy"], "must be a Python file"),
        (["{file}.broken.py:copy"], "cannot be imported: ZeroDivisionError"),
    ],
)
def test_bad_input(
    file: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path(f"{file}.txt").write_text("")
    Path(f"{file}.broken.py").write_text("1 / 0")

    assert main(["check", *(word.format(file=file) for word in words)]) == 2
    assert message in flat(capsys.readouterr().err)


@pytest.mark.parametrize("words", [["--layouts", "-1"], ["--seed", "x"], ["--layouts", "1e3"]])
def test_bad_numbers(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", *words]) == 2
    assert "must be an integer of at least 0" in flat(capsys.readouterr().err)


def test_zap_is_checked_by_name_and_operation(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "v6.7", "--operation", "zap", "--layouts", "0"]) == 0
    assert capsys.readouterr().out.startswith("zap v6.7: ok")

    assert main(["check", "folio-scan-v3", "--operation", "zap"]) == 2
    assert "unknown strategy" in flat(capsys.readouterr().err)


YIELDS = """
from costmodel.strategies import fork as k

def words(fork):
    return k.before(k.v6_12(fork), "get", ("not", "micro-ops"))

async def never(fork):
    pass

def wrong_event(fork):
    return k.after(k.v6_12(fork), "mapp", k.dmb())

def good(fork):
    return k.v6_12(fork)
"""


def test_what_a_run_would_refuse_is_refused_and_the_others_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(YIELDS)
    names = [f"{file}:{name}" for name in ("words", "never", "wrong_event", "good")]
    assert main(["check", *names, "--layouts", "0"]) == 2
    printed = capsys.readouterr()
    said = flat(printed.err)
    assert "must yield steps or micro-ops (got 'not')" in said
    assert "must be a plain generator function: 'async' has no meaning here" in said
    assert "unknown event, did you mean 'map'?" in said
    assert f"{names[-1]}: ok" in printed.out
