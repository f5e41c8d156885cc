"""The OpenAPI 3.1 document, made from the table. Loaded when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from salus import __version__
from salus.model import Json
from salus.surfaces.access.sessions import COOKIE
from salus.surfaces.api.answers import shape
from salus.surfaces.api.door import ROOT
from salus.surfaces.api.endpoints import GROUPS
from salus.surfaces.api.examples import example
from salus.surfaces.api.people import CSRF
from salus.surfaces.api.queries import Query
from salus.surfaces.api.table import LONGEST_NAME, Endpoint
from salus.surfaces.http import JSON, PROBLEM

Schema: TypeAlias = dict[str, Any]

MEANINGS = {
    400: "The body did not arrive as a whole.",
    401: "The token is missing or wrong.",
    403: "The role is not enough, or a write by cookie lacks its CSRF token.",
    404: "Nothing has that name.",
    409: "The request is right, the moment is wrong.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The query or the body is not understood.",
    429: "Too many: come again after Retry-After.",
    502: "A service or a channel did not do as it should.",
    503: "The ledger cannot be read or written.",
}
_REF = "#/components/schemas/{name}"


def document(prefix: str = "") -> dict[str, Json]:
    """Write it, for a Salus that a proxy offers below the path ``prefix``."""
    endpoints = [endpoint for group in GROUPS for endpoint in group.endpoints]
    paths: dict[str, Json] = {}
    for group in GROUPS:
        for endpoint in group.endpoints:
            at = paths.setdefault(endpoint.path, {})
            assert isinstance(at, dict)  # noqa: S101 - made a line above
            at[endpoint.method.lower()] = _operation(endpoint, group.tag)
    paths["/openapi.json"] = {"get": _own()}
    told = {
        "openapi": "3.1.0",
        "info": {
            "title": "Salus",
            "version": __version__,
            "summary": "Watches software, heals it, proves that the healing worked, and tells people.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix + ROOT}],
        "tags": [{"name": group.tag, "description": group.about} for group in GROUPS if group.about],
        "paths": paths,
        "components": {
            "schemas": _schemas(endpoints),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "`salus token create` makes one."},
                "cookie": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": f"POST {ROOT}/session gives one. A write needs the header {CSRF} beside it.",
                },
            },
        },
    }
    plain: dict[str, Json] = msgspec.json.decode(msgspec.json.encode(told))  # defaults are tuples in Python
    return plain


def _operation(endpoint: Endpoint, tag: str) -> Schema:
    told: Schema = {
        "operationId": _id(endpoint),
        "tags": [tag],
        "summary": endpoint.summary,
        "description": _who(endpoint),
        "security": _security(endpoint),
        "responses": {str(endpoint.success): _success(endpoint), **_problems(endpoint)},
    }
    if parameters := [*_name(endpoint), *_query(endpoint.query)]:
        told["parameters"] = parameters
    if endpoint.body:
        told["requestBody"] = {
            "required": any(field.required for field in msgspec.structs.fields(endpoint.body)),
            "content": {
                JSON: {
                    "schema": {"$ref": _REF.format(name=endpoint.body.__name__)},
                    "example": msgspec.json.decode(endpoint.body.example),
                }
            },
        }
    return told


def _own() -> Schema:
    return {
        "operationId": "get_openapi",
        "tags": ["overview"],
        "summary": "Tell this document.",
        "security": [],
        "responses": {"200": {"description": "This document.", "content": {JSON: {"schema": {"type": "object"}}}}},
    }


def _id(endpoint: Endpoint) -> str:
    words = endpoint.path.removesuffix(".svg").replace("{", "by_").replace("}", "").strip("/").split("/")
    return "_".join([endpoint.method.lower(), *words])


def _who(endpoint: Endpoint) -> str:
    if endpoint.role is None:
        return "Open to everybody."
    who = f"Needs the role {endpoint.role} or above."
    return f"{who} Open to everybody where `show_details` is `always`." if endpoint.shown else who


def _security(endpoint: Endpoint) -> list[Schema]:
    known: list[Schema] = [{"token": []}, {"cookie": []}]
    return [{}, *known] if endpoint.role is None or endpoint.shown else known


def _name(endpoint: Endpoint) -> list[Schema]:
    if "{" not in endpoint.path:
        return []
    name = endpoint.path.partition("{")[2].partition("}")[0]
    schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_NAME}
    return [{"name": name, "in": "path", "required": True, "schema": schema}]


def _query(query: type[Query] | None) -> list[Schema]:
    if query is None:
        return []
    schema = msgspec.json.schema_components([query], ref_template=_REF)[1][query.__name__]
    meanings = described(query)
    found = []
    for name, one in schema["properties"].items():
        parameter: Schema = {"name": name, "in": "query", "schema": _plain(one), "description": meanings.get(name, "")}
        parameter["allowEmptyValue"] = True  # an empty one says nothing, as an empty field of a form
        if parameter["schema"].get("type") == "array":
            parameter |= {"style": "form", "explode": False}
        found.append(parameter)
    return found


def _plain(schema: Schema) -> Schema:
    """Leave out null and the default: what is not asked for is not written at all; and write enums out."""
    options = [one for one in schema.get("anyOf", ()) if one.get("type") != "null"]
    if len(options) == 1:
        schema = options[0]
    return {key: value for key, value in schema.items() if key != "default" or value}


def described(struct: type[msgspec.Struct]) -> dict[str, str]:
    """Return what the docstrings of a struct and of its bases say about each field."""
    from salus.config import docstrings

    found: dict[str, str] = {}
    for base in reversed(struct.__mro__):
        if issubclass(base, msgspec.Struct) and base is not msgspec.Struct:
            found |= {name: " ".join(text.split()) for name, text in docstrings.attributes(base).items()}
    return found


def _success(endpoint: Endpoint) -> Schema:
    if not endpoint.answer:
        schema: Schema = {"type": "string"}
        return {"description": endpoint.summary, "content": {endpoint.media: {"schema": schema}}}
    name, paged = endpoint.answer.removesuffix("[]"), endpoint.answer.endswith("[]")
    schema = {"$ref": _REF.format(name=name)}
    shown = example(name if endpoint.success == 200 else f"{name}Begun")
    if paged:
        schema = _page(schema)
        shown = {"items": [shown], "next": None, "total": 1}
    return {"description": endpoint.summary, "content": {JSON: {"schema": schema, "example": shown}}}


def _page(item: Schema) -> Schema:
    return {
        "type": "object",
        "description": "A page; `next` goes into `after` to get the one behind it, and is null on the last one.",
        "properties": {
            "items": {"type": "array", "items": item},
            "next": {"type": ["string", "null"]},
            "total": {"type": ["integer", "null"]},
        },
        "required": ["items", "next", "total"],
        "additionalProperties": False,
    }


def _problems(endpoint: Endpoint) -> Schema:
    content = {PROBLEM: {"schema": {"$ref": _REF.format(name="Problem")}}}
    codes = [code for code in endpoint.statuses if code != endpoint.success]
    return {str(code): {"description": MEANINGS[code], "content": content} for code in codes}


def _schemas(endpoints: Iterable[Endpoint]) -> Schema:
    shapes: list[type] = [shape("Problem")]
    for endpoint in endpoints:
        if endpoint.answer:
            shapes.append(shape(endpoint.answer.removesuffix("[]")))
        if endpoint.body:
            shapes.append(endpoint.body)
        if endpoint.query:
            shapes.append(endpoint.query)
    _, schemas = msgspec.json.schema_components(dict.fromkeys(shapes), ref_template=_REF)
    told = {name: schema for name, schema in schemas.items() if not name.endswith("Query")}
    return {name: _summarised(schema) for name, schema in sorted(told.items())}


def _summarised(schema: Schema) -> Schema:
    """Keep the first paragraph of a docstring: the rest describes the attributes, which stand beside it."""
    if "description" in schema:
        schema["description"] = schema["description"].partition("\n\n")[0]
    return schema
