"""The API describes itself: every route, what each takes and gives, and with examples that are right."""

from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from rules.viewers import Scope
from tests.web.conftest import Web
from web import api
from web.openapi import schema, scopes_of

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


@pytest.fixture
def described(web: Web) -> dict[str, Any]:
    return schema(web.app)


ROUTES = [route for router in api.routers() for route in router.routes if isinstance(route, APIRoute)]


def operations(described: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def test_every_route_is_described(described: dict[str, Any]) -> None:
    expected = {
        f"{method} {route.path}" for route in ROUTES if route.include_in_schema for method in route.methods or ()
    }

    assert {name for name, _ in operations(described)} == expected
    assert len(expected) >= 20


def test_each_says_what_it_does_and_what_it_needs(described: dict[str, Any]) -> None:
    by_name = {f"{method} {route.path}": scopes_of(route) for route in ROUTES for method in route.methods or ()}

    for name, operation in operations(described):
        assert len(operation["description"].split("\n\n")[0]) > 15, name
        assert operation["x-scopes"] == [scope.value for scope in by_name[name] or ()], name
        assert operation["security"], name


def test_every_parameter_but_a_number_is_explained(described: dict[str, Any]) -> None:
    dumb = [
        (name, parameter["name"])
        for name, operation in operations(described)
        for parameter in operation.get("parameters", ())
        if parameter["in"] != "path" and not parameter.get("description")
    ]

    assert dumb == []


def test_every_problem_has_its_own_media_type(described: dict[str, Any]) -> None:
    for name, operation in operations(described):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                assert set(answer["content"]) == {"application/problem+json"}, (name, status)
    assert "HTTPValidationError" not in described["components"]["schemas"]


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for value in part.values():
                yield from references(value)
        elif isinstance(part, list):
            for value in part:
                yield from references(value)

    known = {f"#/components/schemas/{name}" for name in described["components"]["schemas"]}

    assert set(references(described["paths"])) | set(references(described["components"])) <= known


def test_every_example_of_a_parameter_is_taken(described: dict[str, Any]) -> None:
    """And so is every example of a member, by the type of that member."""
    del described
    checked = 0
    for route in ROUTES:
        for field in (*route.dependant.query_params, *route.dependant.path_params):
            for example in field.field_info.examples or ():
                TypeAdapter[Any](field.field_info.annotation or Any).validate_python(example)
                checked += 1
    for model in models():
        for member in model.model_fields.values():
            for example in member.examples or ():
                kind: Any = Annotated[member.annotation, member]
                TypeAdapter[Any](kind).validate_python(example)
                checked += 1

    assert checked > 60


def models() -> set[Any]:
    """The shapes of all bodies and answers, with those inside them."""
    found: set[Any] = set()
    waiting = [route.response_model for route in ROUTES if route.response_model is not None]
    waiting += [field.field_info.annotation for route in ROUTES for field in route.dependant.body_params]
    while waiting:
        model = waiting.pop()
        if hasattr(model, "model_fields") and model not in found:
            found.add(model)
            waiting += [field.annotation for field in model.model_fields.values()]
        waiting += [part for part in getattr(model, "__args__", ()) if part is not model]
    return found


async def test_the_description_is_given_to_who_has_any_scope(web: Web) -> None:
    async with await web.holder(Scope.RECORD) as client:
        answer = await client.get("/api/v1/openapi.json")
        page = await client.get("/api-docs")

    assert answer.json()["openapi"].startswith("3.1")
    assert page.status_code == 200
    for route in ROUTES:
        assert not route.include_in_schema or route.path in page.text


async def test_the_page_of_the_description_loads_nothing_from_elsewhere(here: httpx.AsyncClient) -> None:
    page = (await here.get("/api-docs")).text

    assert "://" not in page.replace("http://www.w3.org", "")
    assert "<style" not in page
    assert "<script>" not in page
