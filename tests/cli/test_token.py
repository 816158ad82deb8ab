"""`token` makes, lists and revokes tokens, and never shows one twice."""

import asyncio
from typing import Any

import asyncpg
import pytest

from rules.viewers import Scope
from store import tokens
from store.connections import clock
from tests.cli.conftest import Place

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


def scopes(database: str, token: str) -> frozenset[Scope] | None:
    """What a token allows; None if it is not valid."""

    async def task() -> frozenset[Scope] | None:
        connection = await asyncpg.connect(database)
        try:
            viewer = await tokens.holder(connection, token, await clock(connection))
        finally:
            await connection.close()
        return None if viewer is None else viewer.scopes

    return asyncio.run(task())


def listed(landed: Place) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = landed("token", "--json").json
    return found


def test_a_token_is_printed_once_and_allows_what_it_was_made_for(landed: Place, database: str) -> None:
    made = landed("token", "create", "reports", "--scope", "read", "--scope", "record").out.strip()

    assert scopes(database, made) == frozenset({Scope.READ, Scope.RECORD})
    assert made not in landed("token", "list").out
    assert made not in landed("token", "list", "--json").out


def test_a_list_says_who_made_a_token_and_until_when_it_is_valid(landed: Place) -> None:
    landed("token", "create", "reports", "--scope", "read", "--masked", "--expires", "90d", "--by", "Ada")
    one = listed(landed)[0]

    assert (one["name"], one["scopes"], one["masked"], one["created_by"]) == ("reports", ["read"], True, "Ada")
    assert one["state"] == "valid"
    assert one["expires_at"] is not None


def test_a_token_that_is_over_is_listed_as_expired(landed: Place, database: str) -> None:
    landed("token", "create", "reports", "--scope", "read", "--expires", "1d")
    execute(database, "update landed.token set expires_at = now() - interval '1 second'")

    assert [one["state"] for one in listed(landed)] == ["expired"]


def test_a_revoked_token_is_not_valid_and_its_name_is_free(landed: Place, database: str) -> None:
    made = landed("token", "create", "reports", "--scope", "read").out.strip()
    landed("token", "revoke", "reports", "--by", "Ada")

    assert scopes(database, made) is None
    assert [(one["state"], one["revoked_by"]) for one in listed(landed)] == [("revoked", "Ada")]
    landed("token", "create", "reports", "--scope", "read")


def test_a_name_that_is_taken_is_refused_and_one_that_nobody_has_guessed(landed: Place) -> None:
    landed("token", "create", "reports", "--scope", "read")

    assert (
        "`landed token revoke reports` ends it" in landed("token", "create", "reports", "--scope", "read", code=1).err
    )
    assert "did you mean 'reports'?" in landed("token", "revoke", "report", code=1).err
    assert "is no name for a token" in landed("token", "create", "a b", "--scope", "read", code=2).err


def test_who_made_and_revoked_a_token_is_on_record(landed: Place, database: str) -> None:
    landed("token", "create", "reports", "--scope", "read", "--by", "Ada")
    landed("token", "revoke", "reports", "--by", "Grace")
    rows = execute(database, "select by, way, what, subject from landed.change order by id")

    assert rows == [("Ada", "cli", "token_created", "reports"), ("Grace", "cli", "token_revoked", "reports")]


def test_nothing_but_a_hash_is_kept_of_a_token(landed: Place, database: str) -> None:
    secret = landed("token", "create", "reports", "--scope", "read", "--json").json["token"].split("_", 2)[2]
    kept = str(execute(database, "select t::text from landed.token t")) + str(
        execute(database, "select c::text from landed.change c")
    )

    assert secret not in kept


def execute(database: str, query: str) -> list[tuple[Any, ...]]:
    async def task() -> list[tuple[Any, ...]]:
        connection = await asyncpg.connect(database)
        try:
            return [tuple(row) for row in await connection.fetch(query)]
        finally:
            await connection.close()

    return asyncio.run(task())
