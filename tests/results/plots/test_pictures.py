"""Every kind of picture: readable, the right numbers, equal bytes for equal input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.text import Text

from costmodel.config.errors import ConfigError
from costmodel.results.document import LeftOutEntry, ResultFile
from costmodel.results.plots.draw import draw
from costmodel.results.plots.picture import Picture, new_figure, write_title
from tests.results.made import results_of, versus

MakeResults = Callable[..., ResultFile]
ORDERS = (0, 2, 3, 4, 5, 9)
KINDS = ("change", "order", "stack", "samples")


def picture(kind: str, results: ResultFile) -> Picture:
    generator = np.random.default_rng(1)
    samples = {
        entry.key: np.rint(
            entry.ns_per_pte * entry.ptes * 1e3 * (1 + 0.01 * generator.standard_normal((8, 20)))
        ).astype(np.int64)
        for entry in results.cells
    }
    return draw(results, kind, samples=samples)


def texts(figure: Figure) -> list[str]:
    return [str(text.get_text()) for text in figure.findobj(Text) if isinstance(text, Text)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_text_is_cut_off_or_lies_on_another(
    kind: str, results: MakeResults, complaints: Callable[[Figure], list[str]]
) -> None:
    orders = ORDERS if kind == "order" else (0, 9)
    assert complaints(picture(kind, results(orders=orders)).figure) == []


@pytest.mark.parametrize("kind", KINDS)
def test_odd_results_are_readable_too(
    kind: str,
    make_document: Callable[..., dict[str, Any]],
    complaints: Callable[[Figure], list[str]],
) -> None:
    document = make_document(["a-machine-with-a-rather-long-name"], (0, 4, 9))
    for cell in document["cells"]:  # exact results of a user's own strategy, as of an older version
        if cell["strategy"] == "folio-batch-prototype":
            cell["strategy"] = "somewhere/deep/below/my_patches/version_17.py:my_copy_loop"
        cell["change_pct"]["stdev"] = None
        del cell["model_interval_pct90"]
    assert complaints(picture(kind, results_of(document)).figure) == []


@pytest.mark.parametrize("kind", ["change", "stack", "samples"])
def test_one_baseline_alone_is_a_picture(
    kind: str, results: MakeResults, complaints: Callable[[Figure], list[str]]
) -> None:
    alone = results(["ampere-altra"], (9,)).only(strategies=["v6.7"])
    assert complaints(picture(kind, alone).figure) == []


def test_complaints_are_found(complaints: Callable[[Figure], list[str]]) -> None:
    figure = Figure(figsize=(2, 1))
    figure.text(0.1, 0.5, "one text")
    figure.text(0.2, 0.5, "another")
    figure.text(0.9, 0.9, "cut off")
    assert complaints(figure) == ["'cut off' leaves the page", "'one text' is on 'another'"]


@pytest.mark.parametrize("kind", KINDS)
def test_titles_say_machine_operation_memory_and_version(kind: str, results: MakeResults) -> None:
    shown = "\n".join(texts(picture(kind, results()).figure))
    for words in ("ampere-altra", "apple-m2-vm", "fork of 1 GiB (writable)", "costmodel 1.2.3"):
        assert words in shown


@pytest.mark.parametrize("kind", KINDS)
def test_equal_input_gives_equal_bytes(kind: str, results: MakeResults) -> None:
    one, other = (picture(kind, results(["ampere-altra"])) for _ in range(2))
    assert one.svg() == other.svg()
    assert one.svg() == one.svg()
    assert one.png() == other.png()
    assert b"<dc:date>" not in one.svg()


def test_svg_bytes_do_not_depend_on_the_process(results: MakeResults, tmp_path: Path) -> None:
    code = (
        "import sys, runpy, pathlib; made = runpy.run_path(sys.argv[1]);"
        "from costmodel.results.plots.draw import draw;"
        "results = made['results_of'](made['four_strategies'](['ampere-altra']));"
        "picture = draw(results, 'stack');"
        "pathlib.Path(sys.argv[2]).write_bytes(picture.svg())"
    )
    made = str(Path(__file__).parents[1] / "made.py")
    file = tmp_path / "stack.svg"
    subprocess.run([sys.executable, "-c", code, made, str(file)], check=True)
    assert file.read_bytes() == draw(results(["ampere-altra"]), "stack").svg()


def test_change_has_a_bar_of_every_prediction_and_numbers_where_it_is_cut(
    results: MakeResults,
) -> None:
    figure = picture("change", results(["ampere-altra"], (9,))).figure
    (ax,) = figure.axes
    widths = [bars[0].get_width() for bars in ax.containers if isinstance(bars, BarContainer)]
    assert any(width == pytest.approx(100 * (16.5 / 19 - 1)) for width in widths)
    assert max(widths) < 60 and ax.get_xlim()[1] < 60
    shown = texts(figure)
    assert "+5111 %" in shown  # the storm as predicted, and as published
    assert "+3654 %" in shown


def test_change_is_cut_only_where_something_is_far_away(results: MakeResults) -> None:
    twice = picture("change", results_of(versus(0.005, ("contpte-per-pte", 0.0105)))).figure
    (ax,) = twice.axes
    assert ax.get_xlim()[1] > 110 and "+110 %" not in texts(twice)
    (far,) = picture("change", results(["ampere-altra"], (9,))).figure.axes
    assert far.get_xlim()[1] < 110


def test_a_cut_bar_has_room_for_its_number() -> None:
    moved = versus(0.005, ("whole-tables", 0.0001), ("contpte-per-pte", 0.3))
    (ax,) = picture("change", results_of(moved)).figure.axes
    low, high = ax.get_xlim()
    assert low < -90 and high > -0.55 * low


def test_change_puts_a_bar_beside_its_label_unless_something_is_published(
    results: MakeResults,
) -> None:
    def middles(made: ResultFile) -> list[float]:
        (ax,) = picture("change", made).figure.axes
        bars = [bar for c in ax.containers if isinstance(c, BarContainer) for bar in c]
        return [bar.get_y() + bar.get_height() / 2 for bar in bars]

    alone = results_of(versus(0.005, ("folio-batch-prototype", 0.004)))
    assert all(middle == pytest.approx(round(middle), abs=1e-9) for middle in middles(alone))
    shown = middles(results(["ampere-altra"], (9,)))
    assert any(middle != pytest.approx(round(middle), abs=1e-9) for middle in shown)


def test_the_baseline_alone_without_noise_is_no_change() -> None:
    with pytest.raises(ConfigError, match="nothing to show of the baseline alone"):
        picture("change", results_of(versus(0.005, noise=False)))


def test_settings_that_the_title_has_no_room_for_are_a_note() -> None:
    made = versus(0.005, ("folio-batch-prototype", 0.004))
    for cell in made["cells"]:
        cell["settings"] = ["4.739 us between operations", "loop tlb_flush1", "tlbi.cpus_online=56"]
    many = picture("change", results_of(made))
    assert many.description.startswith("fork of 1 GiB (writable): change")
    said = "With 4.739 us between operations, loop"
    assert any(text.startswith(said) for text in texts(many.figure))
    for cell in made["cells"]:
        cell["settings"] = ["8 CPUs at once"]
    few = picture("change", results_of(made))
    assert few.description.startswith("fork of 1 GiB (writable, 8 CPUs at once): change")


def test_a_title_or_origin_of_any_length_is_whole(
    results: MakeResults, complaints: Callable[[Figure], list[str]]
) -> None:
    made = results(["ampere-altra"], (9,))
    names = [f"folio-batch-of-my-branch-{number}" for number in range(6)]
    without = LeftOutEntry(
        machine="ampere-altra", strategies=names, reason="not recorded of build gcc16"
    )
    cells = [cell.model_copy(update={"build": "gcc16"}) for cell in made.cells]
    figure = picture(
        "stack", made.model_copy(update={"cells": cells, "left_out": [without]})
    ).figure
    said = " ".join(texts(figure)).replace("\n", " ")
    assert all(name in said for name in names) and not complaints(figure)

    figure = new_figure(2.0)
    figure.subplots()
    write_title(figure, f"{names[0]} against {names[1]} on ampere-altra, a guest", "made so")
    assert not complaints(figure)


def test_change_tells_published_points_apart(results: MakeResults) -> None:
    shown = texts(picture("change", results()).figure)
    assert "published, not fitted" in shown
    assert "published, used for fitting" in shown
    assert "published, other builds" in shown
    alone = picture("change", results().only(strategies=["contpte-folio-batch-noyoungdirty"]))
    assert not any("published," in text for text in texts(alone.figure))


@pytest.mark.parametrize(
    ("builds", "said"),
    [(["gcc16"], "Predicted, build gcc16"), (["gcc16", "gcc12"], "Predicted, each in its own")],
)
def test_changes_say_of_which_build_they_are(
    builds: list[str], said: str, make_document: Callable[..., Any]
) -> None:
    document = make_document()
    for number, cell in enumerate(document["cells"]):
        cell["build"] = builds[number % len(builds)]
    shown = texts(picture("change", results_of(document)).figure)
    assert any(text.startswith(said) for text in shown), shown


def test_order_axis_is_logarithmic_and_in_kib(results: MakeResults) -> None:
    figure = picture("order", results(["ampere-altra"], ORDERS)).figure
    (ax,) = figure.axes
    assert ax.get_xscale() == "log"
    labels = [tick.get_text() for tick in ax.get_xticklabels()]
    assert labels[0] == "4\n(0)" and labels[-1] == "2048\n(9)"
    (note,) = (text for text in texts(figure) if text.startswith("Off the axis"))
    assert note == "Off the axis: contpte-per-pte up to 990. The axis begins at 15.2, not at 0."


def test_an_order_axis_begins_at_zero_or_says_where(make_document: Callable[..., Any]) -> None:
    document = make_document(["ampere-altra"], ORDERS)
    for cell in document["cells"]:
        if cell["strategy"] == "folio-batch-prototype":  # far below the others: no room to gain
            shrink(cell, 0.1)
    figure = picture("order", results_of(document)).figure
    assert figure.axes[0].get_ylim()[0] == 0
    assert not any("begins" in text for text in texts(figure))


def shrink(cell: dict[str, Any], factor: float) -> None:
    """Make a cell faster, everything that says so included."""
    cell["ns_per_pte"] *= factor
    stack, seconds = cell["cpi_stack_ns_per_pte"], cell["seconds"]
    cell["cpi_stack_ns_per_pte"] = {cause: ns * factor for cause, ns in stack.items()}
    seconds["mean"] *= factor
    seconds["run_means"] = [mean * factor for mean in seconds["run_means"]]
    cell["change_pct"]["mean"] = 100 * (factor * (1 + cell["change_pct"]["mean"] / 100) - 1)


def test_what_is_on_the_axis_is_not_said_to_be_off(results: MakeResults) -> None:
    quick = results(["ampere-altra"], (0, 2)).only(strategies=["folio-batch-prototype"])
    assert not any("Off the axis" in text for text in texts(picture("order", quick).figure))


@pytest.mark.parametrize("orders", [(9,), (0, 9), (0, 4, 9), (0, 2, 4, 5, 9)])
def test_no_field_of_a_picture_is_empty(results: MakeResults, orders: tuple[int, ...]) -> None:
    figure = picture("stack", results(["ampere-altra"], orders)).figure
    assert len(figure.axes) == len(orders)
    right = max(ax.get_position().x1 for ax in figure.axes)
    lowest = min(figure.axes, key=lambda ax: (ax.get_position().y0, -ax.get_position().x1))
    assert lowest.get_position().x1 == pytest.approx(right)


@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_strategy_is_marked_and_the_mark_explained(
    kind: str,
    make_document: Callable[..., dict[str, Any]],
    complaints: Callable[[Figure], list[str]],
) -> None:
    document = make_document(["ampere-altra"])
    for cell in document["cells"]:
        if cell["strategy"] == "folio-batch-prototype":
            cell["remarks"] = ["folio-batch-prototype is broken: it loses dirty bits."]
    figure = picture(kind, results_of(document)).figure
    shown = texts(figure)
    assert "folio-batch-prototype *" in shown and "v6.7 *" not in shown
    assert "* folio-batch-prototype is broken: it loses dirty bits." in shown
    assert complaints(figure) == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_default_is_in_the_picture(
    kind: str, make_document: Callable[..., dict[str, Any]]
) -> None:
    document = make_document(["ampere-altra", "apple-m2-vm"])
    for cell in document["cells"]:
        cell["settings"] = ["8 CPUs at once"]
        if cell["machine"] == "ampere-altra":
            cell["settings"].append("tlbi.range=true")
            cell["machine_changes"] = {"tlbi.range": True}
    shown = "\n".join(texts(picture(kind, results_of(document)).figure))
    assert "fork of 1 GiB (writable, 8 CPUs at once)" in shown
    assert "ampere-altra (tlbi.range=true)" in shown


def test_one_order_makes_no_line(results: MakeResults) -> None:
    with pytest.raises(ConfigError, match="two or more folio orders"):
        picture("order", results(orders=(9,)))


def test_stack_adds_up_to_the_time(results: MakeResults) -> None:
    figure = picture("stack", results(["ampere-altra"], (0,))).figure
    (ax,) = figure.axes
    ends = [
        bars[0].get_x() + bars[0].get_width()
        for bars in ax.containers
        if isinstance(bars, BarContainer)
    ]
    assert max(ends[:3]) == pytest.approx(20.0)  # three causes of the first strategy


def test_samples_need_a_scenario_with_noise(results: MakeResults) -> None:
    with pytest.raises(ConfigError, match="name a scenario"):
        draw(results(), "samples")


def test_a_picture_is_saved_by_its_suffix(results: MakeResults, tmp_path: Path) -> None:
    made = picture("change", results(["ampere-altra"], (9,)))
    made.save(tmp_path / "deep" / "change.svg")
    assert (tmp_path / "deep" / "change.svg").read_bytes().startswith(b"<?xml")
    made.save(tmp_path / "change.png")
    assert (tmp_path / "change.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ConfigError, match=r"must end in \.svg or \.png"):
        made.save(tmp_path / "change.pdf")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["change.png", "deep"]


def test_the_users_matplotlibrc_changes_nothing(results: MakeResults) -> None:
    from matplotlib import rc_context

    made: dict[str, bytes] = {}
    settings: dict[str, Any] = {"usual": {}, "odd": {"font.size": 20, "axes.grid": True}}
    for name, rc in settings.items():
        with rc_context(rc):
            made[name] = picture("change", results(["ampere-altra"], (9,))).svg()
    assert made["usual"] == made["odd"]
