"""Explanations as a page shows them: time by cause, and what micro-ops make the difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costmodel.results.text.causes import MEANING, shown_causes
from costmodel.results.text.numbers import fixed, percent


def explanation_view(document: Mapping[str, Any], *, layout: str) -> dict[str, Any]:
    """Return the tables of what ``costmodel explain --json`` writes, as text."""
    base, new = document["baseline"], document["strategy"]
    return {
        "layout": layout,
        "base": base["name"],
        "new": new["name"],
        "build": new["build"],
        "change": percent(document["change_pct"]["mean"]),
        "causes": _causes(base, new),
        "total": _side_by_side(base["ns_per_pte"], new["ns_per_pte"]),
        "parts": [_part(part) for part in document["parts"]],
        "interaction": _signed(document["interaction_ns_per_pte"]),
        "sum": _signed(document["difference_ns_per_pte"]),
    }


def _causes(base: Mapping[str, Any], new: Mapping[str, Any]) -> list[dict[str, str]]:
    one, other = base["cpi_stack_ns_per_pte"], new["cpi_stack_ns_per_pte"]
    return [
        {
            "cause": cause,
            "meaning": MEANING.get(cause, ""),
            **_side_by_side(one.get(cause, 0.0), other.get(cause, 0.0)),
        }
        for cause in shown_causes(one, other)
    ]


def _side_by_side(base: float, new: float) -> dict[str, str]:
    return {"base": _plain(base), "new": _plain(new), "difference": _signed(new - base)}


def _part(part: Mapping[str, Any]) -> dict[str, str]:
    counts, costs = part["micro_ops_per_pte"], part["cost_ns_per_pte"]
    return {
        "title": part["title"],
        "base_count": _plain(counts[0]),
        "new_count": _plain(counts[1]),
        "base_ns": _plain(costs[0]),
        "new_ns": _plain(costs[1]),
        "effect": "hidden" if part["hidden"] else _signed(part["effect_ns_per_pte"]),
    }


def _plain(value: float) -> str:
    return fixed(value, room=9)


def _signed(value: float) -> str:
    return fixed(value, room=9, sign=True)
