"""Study files: a scenario, and the keys that say what varies in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from costmodel.config.document import Document, read_document
from costmodel.config.errors import ConfigError, Fault, describe
from costmodel.config.resources import find_file
from costmodel.config.scenario import Names, Scenario, scenario_of
from costmodel.config.schema import validated
from costmodel.sweeps.axes import SweepAxis, sweep_axis_of
from costmodel.sweeps.design import Design


class Sampling(Design):
    """The keys of a study file that a scenario does not have."""

    over: dict[str, Any] = Field(default_factory=dict)
    """What varies: keys of machines or of the scenario, each with its values or range."""


@dataclass(frozen=True)
class StudyFile:
    """The content of a study file; ``places`` holds where each axis is in it, by key."""

    scenario: Scenario
    axes: tuple[SweepAxis, ...]
    design: Design
    places: Mapping[str, Fault]


def load_study(reference: str, *, strategies: Names | None = None) -> StudyFile:
    """Return the content of the study file that a name or a path means.

    ``strategies`` are the known names, as for ``load_scenario``. Raises ConfigError with every
    fault.
    """
    path = find_file("scenarios", reference, origin="STUDY")
    document = read_document(path)
    faults: list[Fault] = []
    axes: dict[str, SweepAxis] = {}
    scenario = sampling = None
    rest, own = _split(document)
    try:
        scenario = scenario_of(rest, base=path.parent, strategies=strategies)
    except ConfigError as error:
        faults += error.faults
    try:
        sampling = validated(Sampling, own)
        axes = dict(_axes(sampling, own, faults))
        faults += [own.fault(at, why, describe(got)) for at, why, got in sampling.problems()]
    except ConfigError as error:
        faults += error.faults
    if faults or scenario is None or sampling is None:
        raise ConfigError(faults)
    design = Design(**sampling.model_dump(exclude={"over"}))
    places = {key: document.fault(("over", key), "", "") for key in axes}
    return StudyFile(scenario, tuple(axes.values()), design, places)


def _split(document: Document) -> tuple[Document, Document]:
    """Return two documents, of the scenario's keys and of the sweep's, each with all places."""
    own = {key: value for key, value in document.data.items() if key in Sampling.model_fields}
    rest = {key: value for key, value in document.data.items() if key not in own}
    return (
        Document(document.file, rest, document.keys, document.values, document.faults),
        Document(document.file, own, document.keys, document.values),
    )


def _axes(
    sampling: Sampling, document: Document, faults: list[Fault]
) -> list[tuple[str, SweepAxis]]:
    found = []
    for key, value in sampling.over.items():
        try:
            found.append((key, sweep_axis_of(key, value)))
        except ValueError as error:
            faults.append(document.fault(("over", key), str(error), describe(value)))
    return found
