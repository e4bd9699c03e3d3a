"""What is answered when something is refused or breaks: one table for the pages and the API.

Never answers or logs what was sent in: a validation error can hold a number, and so can a traceback.
"""

from __future__ import annotations

import traceback
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from pydantic import ValidationError

from callback.access import AccessError
from callback.desk import (
    AskedNotToBeCalled,
    DeskError,
    HasNoNumber,
    HeldByOther,
    MayNotServe,
    MissingText,
    OutOfReach,
    UnknownOffice,
    UnknownPerson,
    UnknownRequest,
)
from callback.desk_serving import BadBooking, ResultFirst
from callback.dispatch import NoTelephone
from callback.numbers import NumberRefused
from callback.request import CallbackError, IllegalTransition
from callback.store import (
    CaseworkerInCall,
    NumberInCall,
    NumberTaken,
    ReferenceTaken,
    StaleRequest,
    StoreError,
    StoreUnavailable,
)
from hardware.line import LineError, LineForbidden


class ApiError(Exception):
    """A refusal of the API itself. `error_id` is for programs, the message for people."""

    def __init__(self, status: int, error_id: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.problem = Problem(status, error_id, message, details)


@dataclass(frozen=True, slots=True)
class Problem:
    status: int
    error_id: str
    message: str
    details: dict[str, Any] = field(default_factory=dict)


NOT_FOUND = Problem(404, "not_found", "there is nothing here that you may see")
INTERNAL = Problem(500, "internal_error", "a fault of ours; it is in the log under this http_id")

_STATUS: tuple[tuple[type[Exception], int, str], ...] = (
    # the first that fits; kinds before their bases
    (UnknownOffice, 422, "unknown_office"),
    (UnknownPerson, 422, "unknown_person"),
    (MissingText, 422, "missing_text"),
    (NumberRefused, 422, "number_refused"),
    (HeldByOther, 409, "held_by_other"),
    (BadBooking, 422, "bad_booking"),
    (MayNotServe, 409, "may_not_serve"),
    (ResultFirst, 409, "result_first"),
    (HasNoNumber, 409, "has_no_number"),
    (AskedNotToBeCalled, 409, "asked_not_to_be_called"),
    (OutOfReach, 409, "out_of_reach"),
    (NoTelephone, 409, "no_telephone"),
    (NumberInCall, 409, "number_in_call"),
    (CaseworkerInCall, 409, "caseworker_in_call"),
    (NumberTaken, 409, "number_taken"),
    (StaleRequest, 409, "changed_meanwhile"),
    (IllegalTransition, 409, "not_possible_now"),
    (DeskError, 409, "not_possible_now"),
    (StoreUnavailable, 503, "store_unavailable"),
    (ReferenceTaken, 503, "store_unavailable"),
    (StoreError, 409, "store_refused"),
    (AccessError, 403, "no_access"),
    (CallbackError, 409, "not_possible_now"),
    (LineForbidden, 409, "line_forbidden"),
    (LineError, 503, "line_unavailable"),
)


def problem_of(error: Exception) -> Problem | None:
    """None for an error nobody expected."""
    if isinstance(error, ApiError):
        return error.problem
    if isinstance(error, web.HTTPException):
        return NOT_FOUND if error.status == 404 else Problem(error.status, _http_id(error), error.reason)
    if isinstance(error, ValidationError):
        return Problem(422, "invalid", "something in the request is wrong", {"errors": _places(error)})
    if isinstance(error, UnknownRequest):  # the same words whether there is none or it is another office's
        return Problem(404, "request_not_found", "there is no such request, or you may not see it")
    for kind, status, error_id in _STATUS:
        if isinstance(error, kind):
            return Problem(status, error_id, str(error) or _meaning(kind), _details(error))
    return None


def _meaning(kind: type[Exception]) -> str:
    """What the kind of error says of itself, for one raised without words."""
    return (kind.__doc__ or kind.__name__).strip().partition("\n")[0].rstrip(".")


def where(error: BaseException) -> str:
    """File, line and function of the innermost frames: enough to find it, and nothing anyone sent."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return " > ".join(f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in frames)


def _http_id(error: web.HTTPException) -> str:
    return {405: "method_not_allowed", 413: "too_large"}.get(error.status, "http_error")


def _places(error: ValidationError) -> list[dict[str, str]]:
    # never `input`, nor the name of an unknown key: they are what was sent
    return [
        {"field": ".".join(map(str, item["loc"][:-1])), "problem": "unknown key"}
        if item["type"] == "extra_forbidden"
        else {"field": ".".join(map(str, item["loc"])), "problem": item["msg"]}
        for item in error.errors(include_url=False, include_context=False, include_input=False)
    ]


def _details(error: Exception) -> dict[str, Any]:
    if isinstance(error, HeldByOther):
        return {"held_by": error.name, "held_by_id": error.person_id}
    if isinstance(error, NumberRefused):
        return {"why": error.why.value}
    return {}
