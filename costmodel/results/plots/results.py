"""What pictures show, read from a result document (docs/result-json.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from costmodel.config.errors import ConfigError, describe
from costmodel.config.sizes import size_text
from costmodel.units import PAGE_BYTES

SCHEMA = 1


@dataclass(frozen=True)
class Point:
    """A published number beside a cell.

    ``change_pct`` is None where the source gives seconds without a baseline, ``seconds`` where it
    gives a change. ``fitted``: calibration may have used it. ``band``: another build of the source.
    """

    table: str
    change_pct: float | None
    stdev_pct: float | None
    seconds: float | None
    fitted: bool
    band: bool


@dataclass(frozen=True)
class Entry:
    """One cell: a strategy on a machine and folio layout."""

    machine: str
    layout: str
    orders: Mapping[int, float]
    strategy: str
    is_baseline: bool
    ptes: int
    ns_per_pte: float
    change_pct: float
    change_stdev_pct: float | None
    model_pct: tuple[float, float] | None
    """Where the model expects the change of a measurement to lie, at 90 %."""
    stack: Mapping[str, float]
    published: tuple[Point, ...]

    @property
    def place(self) -> tuple[str, str]:
        """Machine and layout: what a panel of a picture shows."""
        return self.machine, self.layout

    @property
    def order(self) -> int | None:
        """The order of every folio, None for a mix."""
        return next(iter(self.orders)) if len(self.orders) == 1 else None


@dataclass(frozen=True)
class Results:
    """All cells of a result document, and what its titles say."""

    entries: tuple[Entry, ...]
    operation: str
    memory_bytes: int
    state: str
    cpus: int
    baseline: str
    runs: int
    iterations: int
    seed: int | None
    noise: bool
    version: str

    @property
    def case(self) -> str:
        """``fork of 1 GiB (writable)``."""
        several = f", {self.cpus} CPUs at once" if self.cpus > 1 else ""
        return f"{self.operation} of {size_text(self.memory_bytes)} ({self.state}{several})"

    @property
    def origin(self) -> str:
        """How the numbers were made: protocol, seed and model version."""
        how = f"{self.runs} runs x {self.iterations} iterations, seed {self.seed}"
        return f"{how if self.noise else 'without noise'}, costmodel {self.version}"

    @property
    def machines(self) -> tuple[str, ...]:
        """The machines, in order."""
        return unique(entry.machine for entry in self.entries)

    @property
    def layouts(self) -> tuple[str, ...]:
        """The folio layouts, in order."""
        return unique(entry.layout for entry in self.entries)

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies, the baseline first."""
        return unique(entry.strategy for entry in self.entries)

    def panel(self, machine: str, layout: str) -> tuple[Entry, ...]:
        """Return the entries of one machine and layout."""
        return tuple(entry for entry in self.entries if entry.place == (machine, layout))

    def only(
        self,
        *,
        machines: Iterable[str] = (),
        strategies: Iterable[str] = (),
        orders: Iterable[str] = (),
    ) -> Results:
        """Return the cells that are named; nothing named keeps all. The baseline always stays.

        Raises ConfigError for a name that is not in the results.
        """
        chosen = self
        for option, names, of in (
            ("--machine", list(machines), lambda e: e.machine),
            ("--strategy", list(strategies), lambda e: e.strategy),
            ("--order", list(orders), lambda e: str(e.order)),
        ):
            if names:
                chosen = chosen._named(option, names, of)
        return chosen

    def _named(self, option: str, names: list[str], of: Any) -> Results:
        known = unique(of(entry) for entry in self.entries)
        for name in names:
            if name not in known:
                reason = f"not in these results, which have {', '.join(known)}"
                raise ConfigError.of(option, reason, got=name)
        keeps_baseline = option == "--strategy"
        kept = [e for e in self.entries if of(e) in names or (keeps_baseline and e.is_baseline)]
        return Results(**{**vars(self), "entries": tuple(kept)})


def unique(items: Iterable[str]) -> tuple[str, ...]:
    """Return the items without repetitions, in order."""
    return tuple(dict.fromkeys(items))


def layout_title(layout: str) -> str:
    """Return ``order-9 (2 MiB)`` for ``order-9``; a mix as it is."""
    order = layout.removeprefix("order-")
    return f"{layout} ({size_text(PAGE_BYTES << int(order))})" if order.isdigit() else layout


def read_results(path: Path) -> Results:
    """Return the results of a file that ``costmodel run --json`` wrote.

    Raises ConfigError for what is no such file, OSError where there is none.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ConfigError.of(str(path), "must be a result file (got no JSON)") from None
    return results_of(document, origin=str(path))


def results_of(document: object, *, origin: str = "document") -> Results:
    """Return the results of a document; ConfigError, with ``origin`` as its place, for others."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        got = describe(document.get("schema") if isinstance(document, dict) else document)
        raise ConfigError.of(origin, f"must be a result file of schema {SCHEMA}", got=got)
    if not document.get("cells"):
        raise ConfigError.of(origin, "holds no cells")
    try:
        return _results(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ConfigError.of(origin, f"is no complete result file: {error!r}") from None


def _results(document: Mapping[str, Any]) -> Results:
    first, provenance = document["cells"][0], document["provenance"]
    return Results(
        entries=tuple(_entry(cell) for cell in document["cells"]),
        operation=first["operation"],
        memory_bytes=first["memory_bytes"],
        state=first["state"],
        cpus=first["cpus"],
        baseline=first["baseline"],
        runs=first["runs"],
        iterations=first["iterations"],
        seed=provenance.get("seed"),
        noise=bool(provenance.get("noise", True)),
        version=provenance["version"],
    )


def _entry(cell: Mapping[str, Any]) -> Entry:
    orders = {int(order): share for order, share in cell["folio_orders"].items()}
    mix = ", ".join(f"{order}: {100 * share:g}%" for order, share in orders.items())
    return Entry(
        machine=cell["machine"],
        layout=mix if len(orders) > 1 else f"order-{next(iter(orders))}",
        orders=orders,
        strategy=cell["strategy"],
        is_baseline=cell["strategy"] == cell["baseline"],
        ptes=cell["ptes"],
        ns_per_pte=cell["ns_per_pte"],
        change_pct=cell["change_pct"]["mean"],
        change_stdev_pct=cell["change_pct"]["stdev"],
        model_pct=_pair(cell.get("model_interval_pct90")),
        stack=cell["cpi_stack_ns_per_pte"],
        published=tuple(_points(cell["published"])),
    )


def _pair(interval: list[float] | None) -> tuple[float, float] | None:
    return None if interval is None else (interval[0], interval[1])


def _points(rows: list[Mapping[str, Any]]) -> Iterator[Point]:
    """Yield published rows, each measurement once."""
    shown = {row["id"] for row in rows if row["metric"] == "rel_pct" or row.get("change_pct")}
    for row in rows:
        if row["repeats"] in shown:
            continue
        relative = row["metric"] == "rel_pct"
        yield Point(
            table=row["id"].split("/", maxsplit=1)[0],
            # Files of before this key have the change of relative rows only.
            change_pct=row["mean"] if relative else row.get("change_pct"),
            stdev_pct=row["stdev"] if relative else None,
            seconds=row["mean"] if row["metric"] == "seconds" else None,
            fitted=row["role"] == "fit",
            band=row["role"] == "band",
        )
