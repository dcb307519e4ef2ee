"""A page in a real browser: sliders, keyboard, sorting, contrast, paper, narrow and wide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costmodel.results.page.page import page
from costmodel.results.text.numbers import nanoseconds, percent
from tests.results.page.browser import Browser, found
from tests.results.page.made import BROKEN, HOSTILE, MACHINE, grid, hostile_results, results

COMMAND = found()
pytestmark = pytest.mark.skipif(
    COMMAND is None, reason="needs Chromium on the PATH, or CHROMIUM=FILE"
)
SLIDERS = "input[type=range]"
LEAST_CONTRAST = 4.5
"""WCAG 2.2, level AA, for text of normal size."""
CONTRAST = r"""
(() => {
  const rgb = (text) => text.match(/[\d.]+/g).map(Number);
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => c / 255)
      .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgb(getComputedStyle(e).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const found = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const ink = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(rgb(ink)), light(behind(element))].sort((x, y) => y - x);
    found.push([(a + 0.05) / (b + 0.05), texts.currentNode.data.trim(), element.className]);
  }
  return found;
})()
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    assert COMMAND is not None
    with Browser(COMMAND) as made:
        yield made


@pytest.fixture(scope="module")
def the_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(page(results(), {MACHINE: grid()}, {}))
    return file


def shown(browser: Browser) -> list[list[Any]]:
    """Return for each live row: change, ns, and where its bar begins and how wide it is."""
    found: list[list[Any]] = browser.run(
        "[...document.querySelectorAll('.live tbody tr')].map(r => [+r.dataset.pair,"
        " r.querySelector('.here').textContent, r.querySelector('.ns').textContent,"
        " r.querySelector('.change').x.baseVal.valueInSpecifiedUnits,"
        " r.querySelector('.change').width.baseVal.valueInSpecifiedUnits])"
    )
    return found


def expected(point: int) -> list[tuple[int, str, str]]:
    made = grid()
    return [
        (at, percent(float(change)), nanoseconds(float(ns)))
        for at, (change, ns) in enumerate(
            zip(made.change_pct[point], made.ns_per_pte[point], strict=True)
        )
    ]


def test_at_rest_it_shows_the_machine_file(browser: Browser, the_page: Path) -> None:
    browser.open(the_page)
    assert browser.errors() == []
    assert [(r[0], r[1], r[2]) for r in shown(browser)] == expected(7)
    assert browser.run("document.querySelector('.reset').disabled")


def test_sliders_move_numbers_and_pictures_to_what_was_priced(
    browser: Browser, the_page: Path
) -> None:
    browser.open(the_page)
    before = shown(browser)
    browser.run(f"document.querySelectorAll('{SLIDERS}')[0].focus()")
    browser.press("ArrowRight")  # the keyboard alone
    after = shown(browser)
    assert [(r[0], r[1], r[2]) for r in after] == expected(12)
    assert [r[3:] for r in before if r[0] % 4] != [r[3:] for r in after if r[0] % 4]
    assert browser.run("document.querySelector('output').textContent") == "400 ns"
    assert browser.run(f"document.querySelector('{SLIDERS}').ariaValueText") == "400 ns"
    assert "Fastest here" in browser.run("document.querySelector('[role=status]').textContent")
    browser.press("Tab")
    browser.press("Home")
    assert [(r[0], r[1], r[2]) for r in shown(browser)] == expected(10)


def test_every_position_shows_its_own_point(browser: Browser, the_page: Path) -> None:
    browser.open(the_page)
    for point in range(14):
        one, other = divmod(point, 5)
        browser.run(
            f"[...document.querySelectorAll('{SLIDERS}')].forEach((s, n) => {{"
            f" s.value = [{one}, {other}][n]; s.dispatchEvent(new Event('input')); }})"
        )
        assert [(r[0], r[1], r[2]) for r in shown(browser)] == expected(point)


def test_a_machine_that_cannot_be_is_said_to_be_none(browser: Browser, the_page: Path) -> None:
    browser.open(the_page)
    browser.run(
        f"document.querySelectorAll('{SLIDERS}').forEach(s => {{"
        " s.value = s.max; s.dispatchEvent(new Event('input')); })"
    )
    assert {r[1] for r in shown(browser)} == {"-"}
    assert "contradict" in browser.run("document.querySelector('[role=status]').textContent")


def test_one_button_goes_back(browser: Browser, the_page: Path) -> None:
    browser.open(the_page)
    browser.run(f"document.querySelector('{SLIDERS}').focus()")
    browser.press("End")
    browser.click(".reset")
    assert [(r[0], r[1], r[2]) for r in shown(browser)] == expected(7)


def test_a_column_sorts_by_its_numbers_both_ways(browser: Browser, the_page: Path) -> None:
    browser.open(the_page)
    column = (
        "[...document.querySelector('table.changes').tBodies[0].rows]"
        ".map(r => parseFloat(r.cells[1].textContent))"
    )
    browser.click("table.changes thead th:nth-child(2) button")
    up = browser.run(column)
    assert up == sorted(up)
    assert browser.run("document.activeElement.closest('th').ariaSort") == "ascending"
    browser.press("Enter")
    assert browser.run(column) == sorted(up, reverse=True)


@pytest.mark.parametrize("width", [600, 1600])
def test_text_can_be_read(browser: Browser, the_page: Path, width: int) -> None:
    browser.open(the_page, width=width)
    browser.run("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    found = browser.run(CONTRAST)
    assert len(found) > 100
    weak = [entry for entry in found if entry[0] < LEAST_CONTRAST]
    assert weak == []


@pytest.mark.parametrize("width", [600, 1000, 1600])
def test_nothing_is_wider_than_the_window(browser: Browser, the_page: Path, width: int) -> None:
    browser.open(the_page, width=width)
    assert browser.run("document.documentElement.scrollWidth") <= width
    cut = "[...document.querySelectorAll('.scroll')].filter(e => e.scrollWidth > e.clientWidth + 1)"
    assert browser.run(f"{cut}.length") == 0
    bars = browser.run(
        "[...document.querySelectorAll('svg.bar')].map(e => e.getBoundingClientRect().width)"
    )
    assert min(bars) >= 100


def test_on_paper_everything_is_there_and_controls_are_not(
    browser: Browser, the_page: Path
) -> None:
    browser.open(the_page)
    pages = len(re.findall(rb"/Type\s*/Page\b", browser.pdf()))
    assert 1 <= pages <= 12
    browser.call("Emulation.setEmulatedMedia", media="print")
    browser.run("dispatchEvent(new Event('beforeprint'))")
    assert browser.run("document.querySelectorAll('details:not([open])').length") == 0
    assert not browser.run(f"document.querySelector('{SLIDERS}').getClientRects().length")
    assert browser.run("document.querySelector('output').getClientRects().length")
    browser.run("dispatchEvent(new Event('afterprint'))")
    browser.call("Emulation.setEmulatedMedia", media="")


def test_a_hostile_page_runs_nothing(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "hostile.html"
    grids = {HOSTILE: grid(source=HOSTILE, name=HOSTILE, names=("v6.7", HOSTILE, BROKEN))}
    file.write_text(page(hostile_results(), grids, {}))
    browser.open(file)
    assert browser.errors() == []
    assert browser.run("document.title") == HOSTILE
    assert browser.run("document.images.length") == 0
    browser.run(f"document.querySelector('{SLIDERS}').focus()")
    browser.press("End")
    assert HOSTILE in browser.run("document.querySelector('[role=status]').textContent")
