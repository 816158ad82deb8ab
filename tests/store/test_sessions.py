"""Nothing rests on a session: behind a pgbouncer that pools by transaction the next statement may meet another one."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from store.migrations import FOLDER as SCHEMA
from store.queries import FOLDER as QUERIES

ROOT = Path(__file__).resolve().parent.parent.parent

#: The folders of the program that talk to Postgres.
PROGRAM = ("store", "worker", "cli", "web")

#: What holds for a session, wherever it stands in SQL. Advisory locks are taken until the end of the transaction only.
LASTING = re.compile(
    r"\b(listen|unlisten|notify|deallocate|discard|with\s+hold|create\s+(global\s+|local\s+)?temp(orary)?"
    r"|pg_(try_)?advisory_(lock|unlock)\w*|pg_notify|set_config|set\s+session|reset\s+all|pg_temp)\b"
)

#: What holds for a session as the first word of a statement. `set local` ends with its transaction.
FIRST = re.compile(r"(?:^|;)\s*(set\s+(?!local\b|constraints\b)|reset\s|load\s|prepare\s(?!transaction)|declare\s)")

#: What asyncpg does with named statements, with cursors, and with listeners.
METHODS = frozenset(
    {"prepare", "cursor", "add_listener", "set_type_codec", "set_builtin_type_codec", "reset_type_codec"}
)


def lasting(text: str) -> list[str]:
    """What in SQL holds for a session. Comments and the bodies of functions' options say nothing."""
    said = re.sub(r"--[^\n]*", "", text).lower()
    return [found[0].strip() for pattern in (LASTING, FIRST) for found in pattern.finditer(said)]


def sql() -> list[Path]:
    return [*sorted(QUERIES.glob("*.sql")), *sorted(SCHEMA.glob("*.sql")), SCHEMA.parent / "roles.sql"]


def python() -> Iterator[Path]:
    for name in PROGRAM:
        yield from sorted((ROOT / name).rglob("*.py"))


@pytest.mark.parametrize("path", sql(), ids=lambda path: path.stem)
def test_no_sql_rests_on_a_session(path: Path) -> None:
    assert lasting(path.read_text("utf-8")) == []


def test_no_code_rests_on_a_session() -> None:
    found = []
    for path in python():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(attr=name), args=[_, *_]) if name in METHODS:
                    found.append((path.name, name))
                case ast.Call(func=ast.Attribute(attr="execute" | "fetch" | "fetchrow" | "fetchval"), args=[given, *_]):
                    texts = [one.value for one in ast.walk(given) if isinstance(one, ast.Constant)]
                    found += [(path.name, one) for text in texts if isinstance(text, str) for one in lasting(text)]
                case _:
                    pass

    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "set search_path = landed",
        "select 1; set session lock_timeout = '1s'",
        "LISTEN events",
        "select pg_advisory_lock(1)",
        "select pg_try_advisory_lock(1)",
        "create temp table x ()",
        "create temporary table x ()",
        "declare c cursor with hold for select 1",
        "prepare p as select 1",
        "select set_config('jit', 'off', false)",
    ],
)
def test_what_rests_on_a_session_is_found(text: str) -> None:
    assert lasting(text) != []


@pytest.mark.parametrize(
    "text",
    [
        "update landed.message set code = ''",
        "select pg_advisory_xact_lock(1), pg_try_advisory_xact_lock(2)",
        "set local lock_timeout = '1s'",
        "create function f() returns int language plpgsql set search_path = x as $$ declare x int; begin end $$",
        "-- set search_path = landed\nselect 1",
    ],
)
def test_what_ends_with_its_transaction_is_not(text: str) -> None:
    assert lasting(text) == []
