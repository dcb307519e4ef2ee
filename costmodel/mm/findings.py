"""Collects the faults that a check finds page by page, and reports runs of equal ones as one."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.mm.violations import Guarantee, Violation, span


class Findings:
    """Faults of single pages, to be reported in runs.

    Neighbouring pages with the same guarantee, owner and text become one violation, with the detail
    of the first page.
    """

    def __init__(self) -> None:
        """Create an empty collection."""
        self._found: dict[tuple[Guarantee, str, str], list[tuple[int, str]]] = {}

    def add(self, guarantee: Guarantee, owner: str, vpn: int, text: str, detail: str = "") -> None:
        """Note that ``owner`` (``parent`` or ``child``) breaks ``guarantee`` at page ``vpn``."""
        self._found.setdefault((guarantee, owner, text), []).append((vpn, detail))

    def violations(self) -> Iterator[Violation]:
        """Yield one violation per run, in the order in which their kinds were first found."""
        for (guarantee, owner, text), pages in self._found.items():
            start = 0
            for index in range(1, len(pages) + 1):
                if index < len(pages) and pages[index][0] == pages[index - 1][0] + 1:
                    continue
                first, detail = pages[start]
                count = index - start
                where = f"{owner}, {'page' if count == 1 else 'pages'} {span(first, count)}"
                what = f"{text} ({detail})" if detail else text
                yield Violation(guarantee, where, what, range(first, first + count))
                start = index
