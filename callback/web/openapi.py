"""The API's OpenAPI 3.1 document, generated from the models. Never written by hand, so never out of date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from callback.office_view import OfficeFactsList, OfficeOnCallDetailView, OfficeOnCallList
from callback.report_view import ReportQuery, ReportView
from callback.web.models import (
    AcknowledgeBody,
    CallBody,
    DisqualifyBody,
    ErrorView,
    InterpreterBody,
    LiftBody,
    ListQuery,
    NumberBody,
    ProtectBody,
    QualifyBody,
    RegisterBody,
    ReloadView,
    RequestList,
    RequestView,
    ResultBody,
    StatusView,
)

_REF = "#/components/schemas/{model}"


@dataclass(frozen=True, slots=True)
class _Operation:
    method: str
    path: str
    summary: str
    answers: dict[int, tuple[str, type[BaseModel] | None]]
    refusals: tuple[int, ...]
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None


_OPERATIONS = (
    _Operation(
        "get", "/requests", "Requests the token may see, in the order they are to be rung",
        {200: ("The list", RequestList)}, (401, 403, 422, 503), query=ListQuery,
    ),
    _Operation(
        "post", "/requests", "Put someone on the list",
        {201: ("Registered", RequestView), 200: ("The open request that was there already", RequestView)},
        (401, 403, 409, 422, 503), body=RegisterBody,
    ),
    _Operation("get", "/requests/{id}", "One request", {200: ("The request", RequestView)}, (401, 404, 503)),
    _Operation(
        "post", "/requests/{id}/call", "Ring the caseworker, then the caller",
        {202: ("The caseworker's telephone is about to ring", RequestView)},
        (401, 403, 404, 409, 422, 503), body=CallBody,
    ),
    _Operation(
        "post", "/requests/{id}/result", "Record how the conversation went",
        {200: ("The request as it is now", RequestView)}, (401, 403, 404, 409, 422, 503), body=ResultBody,
    ),
    _Operation(
        "post", "/requests/{id}/number", "Give or change the number of a request",
        {200: ("The request that will be rung there; another, if that had the number already", RequestView)},
        (401, 403, 404, 409, 422, 503), body=NumberBody,
    ),
    _Operation(
        "post", "/requests/{id}/lift", "Let a number be rung again whose person asked not to be called",
        {200: ("The request as it is now", RequestView)}, (401, 403, 404, 409, 422, 503), body=LiftBody,
    ),
    _Operation(
        "post", "/requests/{id}/acknowledge", "Say that a person has seen how far its time is used up",
        {200: ("The request as it is now", RequestView)}, (401, 403, 404, 409, 422, 503), body=AcknowledgeBody,
    ),
    _Operation(
        "post", "/requests/{id}/disqualify", "Say that a person may have nothing to do with it",
        {200: ("The request as it is now", RequestView), 204: ("Done; the token may no longer see it", None)},
        (401, 403, 404, 409, 422, 503), body=DisqualifyBody,
    ),
    _Operation(
        "post", "/requests/{id}/qualify", "Take that back",
        {200: ("The request as it is now", RequestView), 204: ("Done; the token may no longer see it", None)},
        (401, 403, 404, 409, 422, 503), body=QualifyBody,
    ),
    _Operation(
        "post", "/requests/{id}/interpreter", "Say whether an interpreter is needed, and when one is booked",
        {200: ("The request as it is now", RequestView)}, (401, 403, 404, 409, 422, 503), body=InterpreterBody,
    ),
    _Operation(
        "post", "/requests/{id}/protect", "Say whether the person is protected",
        {200: ("The request as it is now", RequestView), 204: ("Done; the token may no longer see it", None)},
        (401, 403, 404, 409, 422, 503), body=ProtectBody,
    ),
    _Operation(
        "post", "/reload", "Take the changed configuration into use",
        {200: ("What has changed", ReloadView)}, (401, 403, 422, 503),
    ),
    _Operation(
        "get", "/offices", "What is shown of the offices: hours, who is on duty, confirmation, message",
        {200: ("The offices the token may see", OfficeFactsList)}, (401, 503),
    ),
    _Operation(
        "get", "/oncall", "Who is on duty on the on-call lines, and who comes next",
        {200: ("The offices the token may see", OfficeOnCallList)}, (401, 503),
    ),
    _Operation(
        "get", "/oncall/report", "How the on-call lines did, by office and week",
        {200: ("The offices the token may see", ReportView)}, (401, 404, 422, 503), query=ReportQuery,
    ),
    _Operation(
        "get", "/oncall/{office_no}", "The same of one office, with the gaps in the next 28 days",
        {200: ("The office", OfficeOnCallDetailView)}, (401, 404, 503),
    ),
    _Operation("get", "/status", "Whether everything works", {200: ("The status", StatusView)}, (401,)),
)  # fmt: skip

_REFUSALS = {
    401: "No token, or one that is not in use",
    403: "The token may not do this",
    404: "There is no such request or office, or the token may not see it",
    409: "Not possible now; when a colleague has it, details.held_by is their name",
    422: "Something that was sent is wrong; details say where",
    503: "The store or the line does not work now; nothing was changed",
}


@cache
def document(version: str) -> dict[str, Any]:
    """The whole document, ready for JSON."""
    models: dict[type[BaseModel], JsonSchemaMode] = {op.body: "validation" for op in _OPERATIONS if op.body}
    for op in _OPERATIONS:
        models |= {model: "serialization" for _, model in op.answers.values() if model is not None}
    models[ErrorView] = "serialization"
    _, schemas = models_json_schema(list(models.items()), ref_template=_REF)
    paths: dict[str, Any] = {}
    for op in _OPERATIONS:
        paths.setdefault(op.path, {})[op.method] = _operation(op)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tast 1",
            "version": version,
            "description": "The callback list. Times are UTC with Z.",
        },
        "servers": [{"url": "/api/v1"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(op: _Operation) -> dict[str, Any]:
    told = {str(code): _content(text, model) for code, (text, model) in op.answers.items()}
    refused = {str(code): _content(_REFUSALS[code], ErrorView) for code in op.refusals}
    operation: dict[str, Any] = {"summary": op.summary, "responses": told | refused}
    if names := re.findall(r"{(\w+)}", op.path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if op.query is not None:
        properties = op.query.model_json_schema(ref_template=_REF)["properties"]
        operation["parameters"] = [
            {"name": name, "in": "query", "schema": schema} for name, schema in properties.items()
        ]
    if op.body is not None:
        operation["requestBody"] = {
            "content": _json(op.body),
            "required": op.body not in (CallBody, AcknowledgeBody),
        }
    return operation


def _content(text: str, model: type[BaseModel] | None) -> dict[str, Any]:
    return {"description": text} if model is None else {"description": text, "content": _json(model)}


def _json(model: type[BaseModel]) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": _REF.format(model=model.__name__)}}}
