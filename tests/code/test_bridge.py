"""The chain of events from one to another when a strategy leaves some out."""

from __future__ import annotations

from costmodel.code.bridge import bridge, is_before
from costmodel.code.library import load_library
from costmodel.operations.registry import operation_named

ORDER = operation_named("fork").events
RECORDED = {
    ("read", "get"),
    ("get", "clear_exclusive"),
    ("get", "map"),
    ("clear_exclusive", "map"),
    ("map", "clear_exclusive"),
    ("map", "wrprotect"),
    ("wrprotect", "set"),
    ("set", "read"),
}


def test_the_event_left_out_is_passed() -> None:
    assert bridge(RECORDED, "clear_exclusive", "wrprotect", ORDER) == ("map",)


def test_events_come_in_the_order_on_one_entry() -> None:
    assert is_before("read", "get", ORDER)
    assert not is_before("get", "read", ORDER) and not is_before("read", "read", ORDER)


def test_where_nothing_was_left_out_nothing_is_passed() -> None:
    assert bridge(RECORDED, "get", "map", ORDER) == ()


def test_several_at_once_and_the_shortest_chain() -> None:
    assert bridge(RECORDED, "read", "wrprotect", ORDER) == ("get", "map")


def test_the_next_entry_can_follow_an_event_that_was_left_out() -> None:
    assert bridge(RECORDED, "clear_exclusive", "clear_exclusive", ORDER) == ("map",)
    assert bridge(RECORDED, "wrprotect", "read", ORDER) == ("set",)


def test_no_chain_leads_backwards_over_another_entry() -> None:
    """From wrprotect to get would be a whole iteration: that is no event left out."""
    assert bridge(RECORDED, "wrprotect", "get", ORDER) == ()


def test_a_library_passes_only_what_was_never_recorded() -> None:
    library = load_library("fork", "v6.12.117.x86_64")
    assert library.skipped("get", "clear_exclusive") == ()
    assert library.skipped("read", "clear_exclusive") == ("get",)


def test_a_fragment_without_its_event_is_one_row_shorter() -> None:
    library = load_library("fork", "v6.12.117.x86_64")
    fragments = library.recorded_fragments
    assert (library.fragment_length[:fragments] - library.fragment_length[fragments:] == 1).all()
    assert (library.fragment_start[:fragments] == library.fragment_start[fragments:]).all()
    assert library.fragment_events[:fragments] == library.fragment_events[fragments:]
