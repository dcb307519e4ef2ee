"""What ``costmodel layout`` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from costmodel.config.sizes import size_text
from costmodel.results.text.layout import ascii_only, paragraph
from costmodel.units import GIB, KIB, MIB

if TYPE_CHECKING:
    from costmodel.layout.found import ProcessLayout


def layout_text(found: ProcessLayout) -> str:
    """Return the layout of a process, at most 76 columns wide."""
    head = f"{found.name}: {found.mappings} mappings, {found.copied} with anonymous memory"
    lines = [paragraph(ascii_only(head)), "", f"{'anonymous memory':36}{'share':>8}{'size':>14}"]
    for order, share in found.orders.items():
        size = _rounded(share * found.memory_bytes)
        of = "folios of" if found.orders_seen else "counted as"
        name = f"mapped by PTEs, {of} order {order}"
        lines.append(f"{name:36}{100 * share:6.1f} %{size:>14}")
    if found.pmd_bytes:
        size = _rounded(found.pmd_bytes)
        lines.append(f"{'mapped by PMDs (one entry for 2 MiB)':44}{size:>14}")
    lines += ["", *_frames(found)]
    if found.holes:
        text = f"{100 * found.holes:.1f} % of the entries of their page tables are empty."
        lines.append(paragraph(text))
    if found.exclusive is not None:
        text = f"{100 * found.exclusive:.0f} % of the pages are mapped by this process alone."
        lines.append(paragraph(text))
    lines += [paragraph(f"lacking: {line}", hanging="  ") for line in found.lacking]
    return "\n".join(lines) + "\n"


def _frames(found: ProcessLayout) -> list[str]:
    if found.alone is None:
        return []
    text = f"frames: {100 * found.alone:.1f} % lie in folios beside which no other lies"
    if found.run_bytes:
        text += f", the rest in runs of {_rounded(found.run_bytes)}"
    if found.span_bytes:
        text += f", over {_rounded(found.span_bytes)} of memory"
    return [paragraph(text + ".")]


def _rounded(size_bytes: float) -> str:
    """Return a size with its unit, rounded to three digits."""
    for unit, scale in (("TiB", GIB * KIB), ("GiB", GIB), ("MiB", MIB)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.3g} {unit}"
    return size_text(round(size_bytes / KIB) * KIB)
