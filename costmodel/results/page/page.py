"""Puts a page together: one HTML file without any other, whatever is in names and titles."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml
from markupsafe import Markup

from costmodel.files import json_text
from costmodel.results.document import ResultFile, unique
from costmodel.results.page.rows import fastest_by_place, tables_of
from costmodel.results.page.sliders import SliderPanel, panel_of
from costmodel.results.page.stacks import stacks_of, used_patterns
from costmodel.results.plots.order import order_picture
from costmodel.results.plots.picture import Picture
from costmodel.results.records import ResultCell
from costmodel.results.text.causes import MEANING, shown_causes
from costmodel.results.text.mail import mail
from costmodel.results.text.numbers import fixed, percent
from costmodel.sweeps.what_if import WhatIf


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
        "around": _signed(document["around_ns_per_pte"]),
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


_HERE = Path(__file__).parent
_FEWEST_ORDERS = 3
"""A picture over folio order needs so many of them."""


def page(
    results: ResultFile,
    grids: Mapping[str, WhatIf],
    explanations: Mapping[tuple[str, str], Mapping[str, Any]],
    *,
    why_no_sliders: str = "",
) -> str:
    """Return the page of a result as HTML.

    ``grids`` are what sliders show, by machine; ``explanations`` what ``explain --json`` writes, by
    machine and folio layout. ``why_no_sliders`` is said where there are none.
    """
    panels = {name: panel_of(grid, results) for name, grid in grids.items() if grid.sliders}
    style, script = (_HERE.joinpath(name).read_text() for name in ("style.css", "script.js"))
    return _template().render(
        results=results,
        title=results.title or results.case,
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        created=_moment(results.provenance.created),
        patterns=used_patterns(results.cells),
        data=_json({name: panel.data for name, panel in panels.items()}),
        summary=fastest_by_place(results),
        machines=[
            _machine(results, name, number, panels, explanations)
            for number, name in enumerate(results.machines)
        ],
        why_no_sliders=why_no_sliders,
        verdicts=unique(remark for cell in results.cells for remark in cell.remarks),
        left_out=results.left_out,
        published=_published(results.cells),
        command=shlex.join(results.provenance.command or ()),
        scenario=yaml.safe_dump(results.provenance.scenario or {}, sort_keys=False),
        text=mail(results),
        file=base64.b64encode(json_text(results.data()).encode()).decode(),
    )


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["breakable"] = _breakable
    return environment.get_template("page.html")


def _breakable(key: str) -> Markup:
    """Return a key that a narrow page may break behind a point or an underscore."""
    parts = re.split(r"(?<=[._])", key)
    return Markup("<wbr>").join(parts)


def _machine(
    results: ResultFile,
    name: str,
    number: int,
    panels: Mapping[str, SliderPanel],
    explanations: Mapping[tuple[str, str], Mapping[str, Any]],
) -> dict[str, Any]:
    own = results.only(machines=[name])
    titled, known = own.first, used_patterns(own.cells)
    found = ((layout, explanations.get((name, layout))) for layout in own.columns)
    return {
        "id": f"machine-{number}",
        "name": name,
        "title": titled.machine_title or name,
        "settings": titled.machine_settings,
        "remarks": results.machine_remarks.get(name, []),
        "left_out": [left for left in results.left_out if left.machine == name],
        "tables": tables_of(own, name),
        "panel": panels.get(name),
        "stacks": [stacks_of(own.panel(name, layout), known) for layout in own.columns],
        "patterns": known,
        "pictures": [_image(picture) for picture in _pictures(own)],
        "explanations": [
            explanation_view(document, layout=layout) for layout, document in found if document
        ],
    }


def _pictures(results: ResultFile) -> Sequence[Picture]:
    orders = {cell.order for cell in results.cells} - {None}
    return [order_picture(results)] if len(orders) >= _FEWEST_ORDERS else []


def _image(picture: Picture) -> dict[str, str]:
    data = base64.b64encode(picture.svg()).decode()
    return {"source": f"data:image/svg+xml;base64,{data}", "about": picture.description}


def _published(cells: Sequence[ResultCell]) -> list[dict[str, str]]:
    """Return the sources of the numbers of others, each table once."""
    found = {point.table: point.source for cell in cells for point in cell.published}
    return [{"table": table, "source": source} for table, source in sorted(found.items())]


def _moment(created: str | None) -> str:
    """Return when results were made, to the minute: ``2026-11-28 23:04 UTC``."""
    try:
        moment = datetime.datetime.fromisoformat(created or "").astimezone(datetime.UTC)
    except ValueError:
        return created or ""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _policy(style: str, script: str) -> str:
    """Return what a browser may load and run: the page's own style and script, nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; "
        f"script-src '{_digest(script)}'; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(data: object) -> Markup:
    """Return data as JSON that no parser of HTML takes for markup."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
