"""What a page says, and that nothing in it can become markup."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser

import pytest

from costmodel.results.page.page import page
from costmodel.results.page.rows import fastest_by_place
from costmodel.results.text.numbers import nanoseconds, percent
from tests.results.made import four_strategies, results_of
from tests.results.page.made import BROKEN, HOSTILE, MACHINE, grid, hostile_results, results

VOID = ("meta", "input", "img", "br", "wbr")


class Outline(HTMLParser):
    """Reads a page: its elements, its attributes, its text; fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def written() -> str:
    return page(results(), {MACHINE: grid()}, {})


def test_a_page_is_well_formed_and_loads_nothing() -> None:
    outline = Outline(written())
    assert [tag for tag, _ in outline.tags if tag in ("link", "iframe", "object", "style")] == [
        "style"
    ]
    for _, attributes in outline.tags:
        for name in ("src", "href", "srcset", "action"):
            value = attributes.get(name) or "#"
            assert value.startswith(("#", "data:")), value
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    ids = [attributes["id"] for _, attributes in outline.tags if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_every_cell_of_a_result_is_in_its_tables() -> None:
    text = " ".join(Outline(written()).text)
    for cell in results().cells:
        assert percent(cell.change_pct.mean) in text
        assert nanoseconds(cell.seconds.mean * 1e9 / cell.ptes) in text
        assert cell.strategy in text


@pytest.mark.parametrize("has_grid", [True, False])
def test_what_a_user_writes_stays_text(has_grid: bool) -> None:
    made = hostile_results()
    grids = {HOSTILE: grid(source=HOSTILE, name=HOSTILE, names=("v6.7", HOSTILE, BROKEN))}
    text = page(made, grids if has_grid else {}, {}, why_no_sliders=HOSTILE)
    usual = Outline(written())
    outline = Outline(text)
    known = {tag for tag, _ in usual.tags} | {"section", "ul", "li", "p", "abbr", "h2"}
    assert {tag for tag, _ in outline.tags} <= known
    assert len([1 for tag, _ in outline.tags if tag == "script"]) == 2
    assert all(not name.startswith("on") for _, a in outline.tags for name in a)
    assert "".join(outline.text).count(HOSTILE) > 10


def test_the_results_can_be_taken_out_of_the_page_again() -> None:
    found = re.search(r'href="data:application/json;base64,([^"]+)"', written())
    assert found is not None
    assert json.loads(base64.b64decode(found[1])) == results().data()


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [((-9.0, -1.0), "faster"), ((-9.0, 1.0), ""), ((1.0, 9.0), "slower"), (None, "faster")],
)
def test_only_a_whole_interval_on_one_side_of_zero_is_coloured(
    interval: tuple[float, float] | None, verdict: str
) -> None:
    made = four_strategies([MACHINE], (9,))
    for cell in made["cells"]:
        cell["model_interval_pct90"] = interval
    (found,) = fastest_by_place(results_of(made))
    assert found["verdict"] == verdict


def test_equal_results_give_equal_pages() -> None:
    assert written() == written()


def test_without_sliders_a_page_says_why() -> None:
    text = page(results(), {}, {}, why_no_sliders="the file is from elsewhere")
    assert "No sliders: the file is from elsewhere." in text
    assert 'type="range"' not in text


def test_many_orders_have_a_picture_over_the_order() -> None:
    outline = Outline(page(results(orders=(0, 4, 9)), {}, {}))
    pictures = [a for tag, a in outline.tags if tag == "img"]
    assert len(pictures) == 1
    assert pictures[0]["alt"]


def test_marks_of_published_numbers_are_explained_where_there_are_some() -> None:
    made = results()
    told = "the same case as measured by others"
    assert any(cell.published for cell in made.cells) and told in page(made, {}, {})
    cells = [cell.model_copy(update={"published": []}) for cell in made.cells]
    assert told not in page(made.model_copy(update={"cells": cells}), {}, {})
