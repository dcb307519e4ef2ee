"""Numbers as the thread prints them."""

import pytest

from costmodel.results.text.numbers import interval_text, milliseconds, nanoseconds, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [(-12.66, "-12.7%"), (0.04, "0.0%"), (-0.04, "0.0%"), (3654.36, "3654.4%"), (None, "-")],
)
def test_percent(value: float | None, text: str) -> None:
    assert percent(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (2.2e-6, "0.00220"),
        (0.0025, "2.500"),
        (0.014328, "14.328"),
        (0.172, "172.00"),
        (1.5, "1500.0"),
        (98.7, "98700"),
    ],
)
def test_milliseconds_keep_to_their_column(seconds: float, text: str) -> None:
    assert milliseconds(seconds) == text
    assert len(text) <= 8


@pytest.mark.parametrize(
    ("value", "text"), [(9.537, "9.54"), (656.66, "656.7"), (12345.6, "12346")]
)
def test_nanoseconds_keep_to_their_column(value: float, text: str) -> None:
    assert nanoseconds(value) == text


def test_span() -> None:
    assert interval_text(-2.9, 15.2) == "-2.9 .. 15.2%"
    assert interval_text(-10, 110, room=15) == "-10.0 .. 110.0%"
    assert interval_text(-10, 110, room=14) == "-10 .. 110%"
