"""The picture of a sweep: which number it is over, its lines and bands, what is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from costmodel import api
from costmodel.cli.main import main
from costmodel.config.errors import ConfigError
from costmodel.results.plots.sweep import log_limits, sweep_picture
from costmodel.sweeps.curves import Curve, varied_numbers
from costmodel.sweeps.folder import SweepFolder
from tests.cli.lines import flat

PRICE, PENALTY = "tlbi.broadcast_ns", "core.mispredict_penalty_cycles"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return api.sweep(
        tmp_path_factory.mktemp("sweep") / "folder",
        {PRICE: "100..3000:4:log", PENALTY: "8..20:3"},
        machines=["ampere-altra", "xeon-4210r"],
        strategies=["contpte-per-pte", "folio-batch-v6.9"],
        orders=[4, 9],
        memory="4 MiB",
    )


def test_it_is_drawn_over_what_changes_follow_most(
    folder: SweepFolder, complaints: Callable[[Figure], list[str]]
) -> None:
    assert varied_numbers(folder) == [PRICE, PENALTY]
    picture = sweep_picture(folder, strategies=["contpte-per-pte"])
    assert picture.description.endswith(f"change against v6.7 over {PRICE}")
    figure = picture.figure
    assert complaints(figure) == []
    titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_visible()]
    assert titles == ["ampere-altra, order-4", "ampere-altra, order-9"]
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "1 more vary" in texts and "not a number of xeon-4210r" in texts


def test_the_line_goes_through_what_was_computed(folder: SweepFolder) -> None:
    figure = sweep_picture(folder, over=PENALTY, strategies=["folio-batch-v6.9"]).figure
    (table,) = [t for t in folder.tables() if (t["machine"] == "ampere-altra").all()]
    mine = (table["strategy"] == "folio-batch-v6.9") & (table["folio_layout"] == "order-4")
    line = figure.axes[0].lines[0]
    assert np.asarray(line.get_xdata()).tolist() == [8.0, 14.0, 20.0]
    medians = [
        float(np.median(table["change_pct"][mine & (table[PENALTY] == x)])) for x in (8, 14, 20)
    ]
    assert np.asarray(line.get_ydata()).tolist() == pytest.approx(medians)


def test_the_command_draws_a_folder(
    folder: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "sweep.svg"
    words = ["--order", "9", "--over", PRICE]
    assert main(["plot", str(folder.path), *words, "-o", str(picture)]) == 0
    assert f"over {PRICE}" in flat(capsys.readouterr().out)
    assert picture.read_bytes() == sweep_picture(folder, over=PRICE, layouts=["order-9"]).svg()


def test_what_makes_no_picture_is_said(
    folder: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, reason in (
        (["--kind", "stack"], "--kind: is not for the folder of a sweep"),
        (["--seed", "1"], "--seed: is not for the folder of a sweep"),
        (["--over", "tlbi.broadcast"], f"did you mean '{PRICE}'?"),
        (["--machine", "graviton3"], "holds nothing of what was chosen"),
    ):
        picture = str(tmp_path / "no.svg")
        assert main(["plot", str(folder.path), "-o", picture, *words]) == 2
        assert reason in flat(capsys.readouterr().err)
        assert not Path(picture).exists()
    assert main(["plot", "lkml-fork", "--over", PRICE, "-o", str(tmp_path / "no.svg")]) == 2
    assert "--over: is for the folder of a sweep" in flat(capsys.readouterr().err)
    assert main(["plot", str(tmp_path)]) == 2
    assert f"{tmp_path}: has no study.json" in capsys.readouterr().err.replace("\n  ", " ")


def test_a_sweep_without_numbers_has_none(tmp_path: Path) -> None:
    folder = api.sweep(
        tmp_path / "s",
        {"state": ["writable", "read-only"]},
        machines="xeon-4210r",
        strategies="folio-batch-v6.9",
        memory="2 MiB",
    )
    with pytest.raises(ConfigError, match="no number varies in it"):
        sweep_picture(folder)


@pytest.fixture(scope="module")
def sizes(tmp_path_factory: pytest.TempPathFactory) -> SweepFolder:
    return api.sweep(
        tmp_path_factory.mktemp("sweep") / "sizes",
        {"memory": ["2 MiB", "8 MiB"], PENALTY: "8..20:3"},
        machines="xeon-4210r",
        strategies=["folio-batch-v6.9", "folio-batch-v7.2"],
        orders=[9],
    )


def test_each_word_has_its_line(
    sizes: SweepFolder, complaints: Callable[[Figure], list[str]]
) -> None:
    figure = sweep_picture(sizes).figure
    assert complaints(figure) == []
    (legend,) = figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert {f"folio-batch-v6.9, {size}" for size in ("2 MiB", "8 MiB")} <= set(labels)
    assert len(figure.axes[0].lines) == len(labels) + 1
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "A line for each value of memory: 2 MiB, 8 MiB." in texts
    with pytest.raises(ConfigError, match="--over: has words or sizes"):
        sweep_picture(sizes, over="memory")


def test_too_many_words_are_named(
    sizes: SweepFolder, monkeypatch: pytest.MonkeyPatch, complaints: Callable[[Figure], list[str]]
) -> None:
    monkeypatch.setattr("costmodel.results.plots.sweep._MOST_LINES", 1)
    figure = sweep_picture(sizes).figure
    assert complaints(figure) == []
    texts = " ".join(text.get_text() for text in figure.texts)
    assert "All values are in one line and its band: memory: 2 MiB, 8 MiB." in texts
    assert figure.axes[0].collections, "the band"


def test_a_folder_that_is_not_whole_says_so(
    sizes: SweepFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = shutil.copytree(sizes.path, tmp_path / "copy")
    first, *others = SweepFolder.opened(copy).files
    words = ["plot", str(copy), "-o", str(tmp_path / "picture.svg")]
    first.rename(tmp_path / "kept")
    assert main(words) == 0
    assert "Not whole: 9 of 18 cells are missing." in flat(capsys.readouterr().out)
    first.write_bytes((tmp_path / "kept").read_bytes()[:300])
    assert main(words) == 2
    assert f"{first.name}: is damaged: delete it" in flat(capsys.readouterr().err)
    for file in (first, *others):
        file.unlink()
    assert main(words) == 2
    assert "nothing of it is computed yet" in flat(capsys.readouterr().err)


def test_a_logarithmic_axis_ends_where_the_data_do() -> None:
    assert log_limits(30.0, 40.0) == pytest.approx((17.3, 69.3), rel=0.01)
    low, high = log_limits(1.0, 40.0)
    assert 0.8 < low < 1 and 40 < high < 50


def test_few_powers_of_ten_have_values_between() -> None:
    from costmodel.results.plots.style import stroke
    from costmodel.results.plots.sweep import _panel

    x = np.array([1.0, 2.0, 3.0])
    curve = Curve("m", "order-0", "s", x, 100 * np.array([1.0, 12.0, 40.0]) - 100)
    figure = Figure()
    axes = figure.subplots()
    _panel(axes, [curve], {"s": stroke(1)}, banded=False)
    figure.canvas.draw()
    shown = [label.get_text() for label in axes.get_yticklabels()]
    assert {"1", "2", "5", "10", "20"} <= set(shown)


def test_a_truth_value_says_what_is_true(tmp_path: Path) -> None:
    folder = api.sweep(
        tmp_path / "s",
        {PRICE: "1000..20000:3:log", "tlbi.range": [True, False]},
        machines="ampere-altra",
        strategies="contpte-per-pte",
        orders=[4],
        memory="2 MiB",
    )
    (legend,) = sweep_picture(folder).figure.legends
    labels = {text.get_text() for text in legend.get_texts()}
    assert labels == {"contpte-per-pte, range=true", "contpte-per-pte, range=false"}
