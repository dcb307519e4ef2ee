"""The key ``frames`` of scenarios: how folios lie in physical memory.

It is one of three words, or a mapping for memory of which a part is scattered:

    frames: contiguous
    frames: {scattered: 30%, run: 64 KiB}

The package and its results write the mapping as a text, which can be read again:
``30% scattered, runs of 64 KiB``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Final, NamedTuple

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from costmodel.config.schema import Problem, problem, raise_problems
from costmodel.config.sizes import share, size_in_bytes, size_text
from costmodel.units import PAGE_BYTES

CONTIGUOUS: Final = "contiguous"
ALIGNED: Final = "aligned"
SCATTERED: Final = "scattered"
WORDS: Final = (CONTIGUOUS, ALIGNED, SCATTERED)
_TEXT: Final = re.compile(r"(\S+) scattered(?:, runs of (.+))?")
_KEYS: Final = ("scattered", "run")


class Scatter(NamedTuple):
    """How much of the memory lies in scattered folios, and how the rest lies."""

    share: float
    """The share of the memory, 0 to 1, in folios that lie anywhere by themselves."""
    run_bytes: int | None
    """The rest lies in runs of consecutive folios of so many bytes; None: one run per table."""


def scatter_of(frames: str) -> Scatter:
    """Return the meaning of a valid value of ``frames``; raise ValueError for anything else.

    >>> scatter_of("30% scattered, runs of 64 KiB")
    Scatter(share=0.3, run_bytes=65536)
    """
    if frames in WORDS:
        return Scatter(float(frames == SCATTERED), None)
    match = _TEXT.fullmatch(frames)
    found = share(match[1]) if match else None
    if match is None or found is None:
        raise ValueError(f"'frames' must be one of {WORDS} or a share of them (got {frames!r})")
    return Scatter(found, size_in_bytes(match[2]) if match[2] else None)


def frames_text(frames: str) -> str:
    """Return how frames lie in words: ``scattered frames``, ``frames 30% scattered``."""
    return f"{frames} frames" if frames in WORDS else f"frames {frames}"


def _text(scattered: float, run_bytes: int | None) -> str:
    runs = f", runs of {size_text(run_bytes)}" if run_bytes else ""
    return f"{100 * scattered:g}% scattered{runs}"


def _frames(value: object) -> str:
    """Return a word as it is, and a mapping (or its text) as text; raise a problem otherwise."""
    if isinstance(value, str) and value in WORDS:
        return value
    if isinstance(value, str) and (match := _TEXT.fullmatch(value)):
        value = {"scattered": match[1]} | ({"run": match[2]} if match[2] else {})
    if not isinstance(value, Mapping) or "scattered" not in value:
        words = ", ".join(map(repr, WORDS))
        raise problem(f"must be {words}, or a part such as {{scattered: 30%, run: 64 KiB}}")
    raise_problems("frames", _problems(value))
    scattered, run = share(value["scattered"]), value.get("run")
    assert scattered is not None
    return SCATTERED if scattered == 1 else _text(scattered, None if run is None else _run(run))


def _problems(value: Mapping[object, object]) -> Iterator[Problem]:
    for key in value:
        if key not in _KEYS:
            yield (str(key),), f"no key of frames, which are {' and '.join(_KEYS)}", key
    if share(value["scattered"]) is None:
        reason = "must be a share such as 30%, more than 0 and at most 100%"
        yield ("scattered",), reason, value["scattered"]
    if value.get("run") is not None and not _run(value["run"]):
        yield ("run",), "must be a size in whole pages, such as 64 KiB", value["run"]


def _run(value: object) -> int:
    """Return a size in bytes; 0 for anything but a size in whole pages."""
    try:
        found = size_in_bytes(value)
    except PydanticCustomError:
        return 0
    return found if found > 0 and found % PAGE_BYTES == 0 else 0


Frames = Annotated[str, BeforeValidator(_frames)]
"""``contiguous``, ``aligned``, ``scattered``, or the text of a part that is scattered."""
