"""What docs/privacy.md shows works as it stands: hashing in other languages, the tables, the statement."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rules.hashing import Hashing

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PAGE = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"<!-- (.+?) -->\n```\w+\n(.*?)```", PAGE, re.DOTALL))

#: A key and recipients that could go wrong.
KEY = "schlüssel, long enough for everybody"
RECIPIENTS = [
    " Ann@Example.org ", "+44 (7700) 900-123", "7700.900.123", "ExponentPushToken[aB]", "É@Example.org", "İß@x.org", "",
    "(0) 1", "\tx@y.z", "no number 1",
]  # fmt: skip

EXPECTED = [Hashing(KEY).of(one) for one in RECIPIENTS]


def test_its_python_hashes_as_we_do() -> None:
    scope: dict[str, Any] = {}
    exec(BLOCKS["python: hash"], scope)  # noqa: S102 - it is our own page

    assert [scope["hashed"](one, KEY) for one in RECIPIENTS] == EXPECTED


@pytest.mark.skipif(shutil.which("node") is None, reason="this machine has no Node")
def test_its_javascript_hashes_as_we_do() -> None:
    asks = f"console.log(JSON.stringify({json.dumps(RECIPIENTS)}.map((one) => hashed(one, {json.dumps(KEY)}))));"
    script = BLOCKS["node: hash"] + asks
    done = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, check=True)

    assert json.loads(done.stdout) == EXPECTED


async def test_it_tells_of_every_table_that_could_hold_a_person(db: asyncpg.Connection) -> None:
    """That is one with a text or bytes that somebody outside wrote."""
    rows = await db.fetch(
        "select distinct c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid"
        " where c.relnamespace = 'landed'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition"
        " and a.attnum > 0 and a.atttypid in ('text'::regtype, 'jsonb'::regtype, 'bytea'::regtype)"
    )
    ours = {"migration", "hashing", "account", "communication"}
    told = set(re.findall(r"`(\w+)`", PAGE.partition("## What is kept")[2].partition("\n## ")[0]))

    assert {row[0] for row in rows} - ours - told == set()


async def test_its_statement_runs(db: asyncpg.Connection) -> None:
    statement = re.search(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert statement is not None

    assert await db.fetchval(statement[1]) is False
