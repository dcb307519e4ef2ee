"""Validates documents against pydantic models, with the file, line and column of every fault."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from costmodel.config.document import Document, Location
from costmodel.config.errors import ConfigError, Fault, describe, unknown

STRICT = ConfigDict(
    strict=True,
    extra="forbid",
    frozen=True,
    allow_inf_nan=False,
)
"""The settings of every schema here: no conversions, no unknown keys, no NaN, no changes."""

Problem = tuple[Location, str, object]
"""What a validator finds: the location relative to the model, the reason, the offending value."""

_Model = TypeVar("_Model", bound=BaseModel)

_REASONS: dict[str, str] = {
    "missing": "missing key",
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "literal_error": "must be {expected}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "greater_than": "must be more than {gt}",
    "finite_number": "must be a finite number",
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "too_short": "must not be empty",
    "string_too_short": "must not be empty",
    "string_too_long": "must be of at most {max_length} characters",
}


def validated(
    model: type[_Model], document: Document, context: Mapping[str, object] | None = None
) -> _Model:
    """Return a document as a model.

    ``context`` is what validators of the model may need. Raises ConfigError with every fault of the
    document itself and of its values.
    """
    try:
        result = model.model_validate(document.data, context=dict(context or {}))
    except ValidationError as error:
        raise ConfigError([*document.faults, *faults_of(error, model, document)]) from None
    if document.faults:
        raise ConfigError(document.faults)
    return result


def faults_of(
    error: ValidationError, model: type[BaseModel], document: Document, prefix: Location = ()
) -> list[Fault]:
    """Return the findings of pydantic as faults with their places in the document.

    ``prefix`` is the location of the model in the document. Findings at a place where the document
    has a fault already are left out, as they would only repeat it.
    """
    known = {(fault.line, fault.col) for fault in document.faults}
    found = (_fault(details, model, document, prefix) for details in error.errors())
    return [fault for fault in found if not fault.line or (fault.line, fault.col) not in known]


def problems(title: str, found: Iterable[Problem]) -> ValidationError | None:
    """Return problems as one error that a validator can raise; None where there are none."""
    details = [InitErrorDetails(type=_problem(why), loc=at, input=got) for at, why, got in found]
    return ValidationError.from_exception_data(title, details) if details else None


def raise_problems(title: str, found: Iterable[Problem]) -> None:
    """Raise the problems as one ValidationError, if there are any."""
    error = problems(title, found)
    if error is not None:
        raise error


def problem(reason: str) -> PydanticCustomError:
    """Return the error that a validator raises for the value which it validates."""
    return _problem(reason)


def printable(text: str) -> str:
    """Return a line of text.

    Raises a problem for characters that move the cursor or change the direction of reading.
    """
    if not text.isprintable():
        raise problem("must be one line of printable text")
    return text


def no_repeats(items: Iterable[object]) -> Iterable[Problem]:
    """Yield a problem for every item of a list that occurs earlier in it."""
    seen: list[object] = []
    for index, item in enumerate(items):
        if item in seen:
            yield (index,), "stands in the list already", item
        seen.append(item)


Title = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]
"""One line of text that is printed above tables."""


def _problem(reason: str) -> PydanticCustomError:
    # Without a context pydantic leaves braces in a message alone, so any text will do.
    return PydanticCustomError("problem", reason)


def _fault(
    details: ErrorDetails, model: type[BaseModel], document: Document, prefix: Location
) -> Fault:
    at: Location = (*prefix, *details["loc"])
    kind = details["type"]
    if kind == "missing":
        return document.fault(at, _REASONS[kind], "nothing", at_key=True)
    got = describe(details["input"])
    if kind == "extra_forbidden":
        names = _field_names(model, details["loc"][:-1])
        return document.fault(at, unknown("key", at[-1], names), got, at_key=True)
    template = _REASONS.get(kind)
    context = details.get("ctx", {})
    reason = template.format(**context) if template else details["msg"]
    return document.fault(at, reason, got)


def _field_names(model: type[BaseModel], at: Location) -> list[str]:
    """Return the keys of the model at a location; empty where no model is there."""
    for part in at:
        info = model.model_fields.get(str(part))
        inner = info.annotation if info else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)
