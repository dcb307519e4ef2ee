"""Sizes with units: only what cannot be misread."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from costmodel.config.sizes import part, share, size_in_bytes, size_text


@pytest.mark.parametrize(
    ("text", "size"),
    [("1 GiB", 2**30), ("1.5 MiB", 1572864), ("64KiB", 65536), ("1 GB", 10**9), ("4096 B", 4096)],
)
def test_units(text: str, size: int) -> None:
    assert size_in_bytes(text) == size


@pytest.mark.parametrize(
    "text",
    ["1", "1 GiB or so", "1 Gibit", "1 G", "-1 GiB", "1,5 GiB", "GiB", "1e3 KiB", "", None, 1.5],
)
def test_what_could_be_misread_is_refused(text: object) -> None:
    with pytest.raises(PydanticCustomError, match="must be a size with its unit"):
        size_in_bytes(text)


def test_a_size_of_a_kernel_command_line_is_answered_in_full() -> None:
    with pytest.raises(PydanticCustomError, match="such as 24 GiB"):
        size_in_bytes("24g")


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("100%", 1.0),
        (1, 1.0),
        ("0%", 0.0),
        (0.25, 0.25),
        ("101%", None),
        (-0.1, None),
        (True, None),
    ],
)
def test_parts_of_a_whole(said: object, meant: float | None) -> None:
    assert part(said) == meant
    assert share(said) == (meant or None)  # a share of nothing is none


@given(st.integers(0, 2**50))
def test_the_text_of_a_size_is_exact(size: int) -> None:
    assert size_in_bytes(size_text(size)) == size
