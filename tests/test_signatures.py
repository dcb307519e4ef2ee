"""Signatures as ``help()`` shows them."""

from __future__ import annotations

import inspect
import pydoc

from costmodel.signatures import as_text, make_readable


def short(order: int = 9) -> str:
    """Return a text."""
    return f"order {order}"


def long(
    first: str, second: int | None = None, *, third: tuple[str, ...] = (), last: bool
) -> list[int]:
    """Return numbers."""
    return [len(first), second or 0, len(third), last]


def test_what_fits_stays_on_one_line() -> None:
    make_readable([short])
    assert str(inspect.signature(short)) == "(order: int = 9) -> str"


def test_what_does_not_fit_has_a_line_for_each_parameter() -> None:
    make_readable([long])
    assert str(inspect.signature(long)).splitlines() == [
        "(",
        "    first: str,",
        "    second: int | None = None,",
        "    *,",
        "    third: tuple[str, ...] = (),",
        "    last: bool,",
        ") -> list[int]",
    ]
    assert "    last: bool,\n" in pydoc.render_doc(long)


def test_a_function_that_returns_text_takes_the_same_arguments() -> None:
    shown = as_text(long, "shown")
    assert shown("four", 2, last=True) == "[4, 2, 0, True]"
    parameters = inspect.signature(shown).parameters
    assert list(parameters) == ["first", "second", "third", "last"]
    assert inspect.signature(shown).return_annotation == "str"
    assert shown.__name__ == "shown"
    assert shown.__doc__ and "print(long(...))" in shown.__doc__
