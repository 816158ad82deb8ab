"""Looking at one message for a person: it is part of the story, and a look that fails counts as none."""

import pytest

from adapters.errors import Unreachable, Unreadable
from store.connections import Pool
from tests.worker.pretend import Provider, desk, raising, record, statuses
from worker.look import look_now

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once


async def test_a_look_is_written_down_with_its_message(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    (number,) = await record(at, ["a"])
    provider.known = {"a": "delivered"}

    tally = await look_now(at, number, "a", "")

    look = await pool.fetchrow("select how, result, status, reports, messages from landed.look")
    assert tuple(look or ()) == ("lookup", "ok", 200, 1, [number])
    assert (tally.requests, await statuses(pool)) == (1, {"a": "delivered"})


async def test_a_look_that_fails_is_written_down_and_leaves_the_message_due(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    (number,) = await record(at, ["a"])
    provider.trouble = raising(Unreachable("pretend: no answer"))

    with pytest.raises(Unreachable):
        await look_now(at, number, "a", "")

    watch = await pool.fetchrow("select looks, looked_at, next_look_at <= now() from landed.watch")
    assert tuple(watch or ()) == (0, None, True)
    look = await pool.fetchrow("select result, detail from landed.look")
    assert tuple(look or ()) == ("unreachable", "pretend: no answer")


async def test_an_answer_that_cannot_be_read_is_kept(pool: Pool, provider: Provider) -> None:
    at = await desk(pool, provider)
    (number,) = await record(at, ["a"])
    provider.trouble = lambda _what: b"rubbish"

    with pytest.raises(Unreadable):
        await look_now(at, number, "a", "")

    kept = await pool.fetchrow("select kind, convert_from(body, 'UTF8') from landed.journal")
    assert tuple(kept or ()) == ("unreadable", "rubbish")
    assert await pool.fetchval("select result from landed.look") == "unreadable"
