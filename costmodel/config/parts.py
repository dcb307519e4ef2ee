"""Names with parts, which some states are: ``dontneed: range 4 KiB, per_call 32``.

In files a mapping means the same: ``{dontneed: {range: 4 KiB, per_call: 32}}``.
"""

from __future__ import annotations

from collections.abc import Mapping


def joined_parts(value: object) -> object:
    """Return a mapping from one name to its parts as text; anything else as it is.

    >>> joined_parts({"mixed": {"writable": 1, "read-only": 15}})
    'mixed: writable 1, read-only 15'
    """
    if not isinstance(value, Mapping) or len(value) != 1:
        return value
    ((name, parts),) = value.items()
    if not isinstance(parts, Mapping) or not parts:
        return value
    return f"{name}: {', '.join(f'{key} {part}' for key, part in parts.items())}"


def parts_of(text: str) -> tuple[str, dict[str, str]]:
    """Return the name in a text and its parts, each a key with the text behind it.

    Raises ValueError for a part without a value, and for one that is given twice.

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
