"""A name with parts, as a state may have: ``dontneed: range 4 KiB, per_call 32``.

In files a mapping says the same: ``{dontneed: {range: 4 KiB, per_call: 32}}``.
"""

from __future__ import annotations

from collections.abc import Mapping


def joined_parts(value: object) -> object:
    """Return a mapping of one name to its parts as text; anything else as it is."""
    if not isinstance(value, Mapping) or len(value) != 1:
        return value
    ((name, parts),) = value.items()
    if not isinstance(parts, Mapping) or not parts:
        return value
    return f"{name}: {', '.join(f'{key} {part}' for key, part in parts.items())}"


def parts_of(text: str) -> tuple[str, dict[str, str]]:
    """Return a name and its parts, each a key and the text behind it.

    Raises ValueError for a part without a value, and for one that is there twice.

    >>> parts_of("dontneed: range 4 KiB, per_call 32")
    ('dontneed', {'range': '4 KiB', 'per_call': '32'})
    """
    name, colon, rest = text.partition(":")
    parts: dict[str, str] = {}
    for part in rest.split(",") if colon else ():
        key, _, value = part.strip().partition(" ")
        if not value.strip() or key in parts:
            raise ValueError(f"must say each part once, with its value (got {part.strip()!r})")
        parts[key] = value.strip()
    return name.strip(), parts
