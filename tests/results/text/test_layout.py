"""Tables of fixed width."""

from hypothesis import given
from hypothesis import strategies as st

from costmodel.results.text.layout import (
    LONGEST_LABEL,
    RULE,
    Line,
    columns_that_fit,
    paragraph,
    render,
    shorten,
)
from costmodel.units import WIDTH


def test_a_line_has_its_label_and_pairs() -> None:
    lines = [Line("fork", (("mean", "stdev"),)), RULE, Line("v6.7", (("0.0%", "1.0%"),))]
    assert render(lines, label_width=6).splitlines() == [
        "| fork   |    mean |   stdev |",
        "|--------|---------|---------|",
        "| v6.7   |    0.0% |    1.0% |",
    ]


@given(label=st.integers(1, LONGEST_LABEL))
def test_what_fits_is_at_most_76_columns_wide(label: int) -> None:
    count = columns_that_fit(label)
    assert count >= 2
    (line,) = render([Line("x", (("1", "2"),) * count)], label_width=label).splitlines()
    assert len(line) <= WIDTH < len(line) + 20


@given(text=st.text(min_size=1, max_size=200), width=st.integers(4, 60))
def test_shortening_keeps_the_end(text: str, width: int) -> None:
    short = shorten(text, width)
    assert len(short) <= width
    assert text.endswith(short.removeprefix("..."))


def test_paragraphs_hang() -> None:
    lines = paragraph("word " * 40, hanging="  ").splitlines()
    assert max(map(len, lines)) <= WIDTH
    assert all(line.startswith("  word") for line in lines[1:])
