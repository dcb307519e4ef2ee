"""What was used last is kept, up to a number of bytes."""

from __future__ import annotations

from costmodel.byte_cache import ByteCache


def test_what_was_not_used_longest_goes_first() -> None:
    made: list[str] = []

    def get(key: str) -> str:
        def make() -> str:
            made.append(key)
            return key * 4

        return cache.get(key, make)

    cache = ByteCache[str](10, len)
    assert get("a") == "aaaa"
    get("b")
    get("a")
    get("c")  # 12 bytes: "b" goes
    assert (cache.bytes, len(cache)) == (8, 2)
    get("a")
    assert made == ["a", "b", "c"]
    get("b")
    assert made == ["a", "b", "c", "b"]


def test_a_single_value_may_be_larger() -> None:
    cache = ByteCache[str](2, len)
    assert cache.get("x", lambda: "long") == "long"
    assert cache.get("x", lambda: "other") == "long"
