"""The picture of a measured machine."""

from pathlib import Path

import pytest

from costmodel.config.errors import ConfigError
from costmodel.measure.operations import Measured
from costmodel.measure.prediction import Compared
from costmodel.results.plots.measured import measured_picture


def rows(*orders: int) -> list[Compared]:
    return [
        Compared(Measured(name, order, 1 << 20, [9000 - order, 9900]), None, predicted)
        for order in orders
        for name, predicted in (("munmap", 8000.0), ("mprotect to-writable", None))
    ]


def test_a_panel_for_each_operation(tmp_path: Path) -> None:
    picture = measured_picture(rows(0, 4, 9), machine="Box", date="2026-11-28")
    titles = [ax.get_title(loc="left") for ax in picture.figure.axes if ax.get_visible()]
    assert titles == ["mprotect to-writable", "munmap"]
    assert all(ax.get_ylim()[0] == 0 for ax in picture.figure.axes)
    picture.save(tmp_path / "box.svg")
    assert (tmp_path / "box.svg").stat().st_size > 5000


def test_one_order_is_no_picture() -> None:
    with pytest.raises(ConfigError, match="needs two or more folio orders"):
        measured_picture(rows(0), machine="Box", date="2026-11-28")
