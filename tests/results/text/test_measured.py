"""Tables of a measured machine."""

from costmodel.measure.operations import Measured
from costmodel.measure.prediction import Compared
from costmodel.results.text.measured import operations_text


def row(operation: str, order: int, ratio: float | None, layout: str = "so") -> Compared:
    measured = Measured(operation, order, 1 << 20, [25600, 51200, 99999], layout)
    strategy = None if ratio is None else "v6.7"
    return Compared(measured, strategy, None if ratio is None else 25600 * ratio)


def lines(*rows: Compared) -> list[str]:
    return operations_text(rows, "Box").splitlines()


def test_each_operation_is_named_once_and_times_are_per_pte() -> None:
    text = lines(row("munmap", 4, 1.0), row("munmap", 0, 1.0))
    assert text[3].split() == ["munmap", "0", "100.00", "200.00", "100.00", "1.00"]
    assert text[4].split() == ["4", "100.00", "200.00", "100.00", "1.00"]


def test_what_is_far_off_has_a_star_and_decides_what_is_said() -> None:
    far = lines(row("munmap", 0, 0.5), row("munmap", 4, 1.6))
    assert far[3].endswith("0.50 *") and far[4].endswith("1.60 *")
    assert "Do not trust absolute times" in " ".join(far)
    near = " ".join(lines(row("munmap", 0, 0.6), row("munmap", 4, 1.5)))
    assert "*" not in near.partition("predictions")[0]
    assert "Absolute times of this file can be used." in near


def test_what_the_model_lacks_has_no_ratio() -> None:
    text = lines(row("juggle", 0, None))
    assert text[3].split()[-2:] == ["-", "-"]
    assert "Nothing here is in the model." in text


def test_orders_that_lay_alike_share_their_words() -> None:
    rows = [row("munmap", 0, 1.0, "anywhere"), *(row("munmap", n, 1.0) for n in (2, 3, 4, 9))]
    assert lines(*rows)[-1] == "frames: order 0: anywhere; order 2 to 4, 9: so"


def test_nothing_measured_is_said() -> None:
    assert lines()[-1] == "no operation could be timed"
