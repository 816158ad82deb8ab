"""Settled messages that are old leave, into files that are whole; nothing else does, and nothing is ever lost."""

import asyncio
import gzip
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rules.reports import Word
from rules.statuses import Engagement, Reason, Source, Status
from store import archive as rows
from store import messages, reports
from store.connections import Pool
from store.reports import Said
from tests.worker.office import Office, desk_of, office
from tests.worker.pretend import account, record
from tests.worker.test_lines import ROOT, Workers
from worker import archive as module
from worker.archive import Archived, Leaving, archive, cutoff
from worker.archive_file import ArchiveUnwritable

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

KEEP = timedelta(days=30)
OLD = timedelta(days=40)


async def keeping(pool: Pool) -> Office:
    """A program with an account whose settled messages are kept for `KEEP`."""
    return await office(pool, replace(account(), keep_settled=KEEP))


async def settled(program: Office, names: list[str], age: timedelta = OLD, **given: Any) -> None:
    """Messages recorded, sent and delivered some time ago."""
    at = desk_of(program, "pretend")
    before = await program.pool.fetchval("select coalesce(max(id), 0) from landed.message")
    await record(at, names, **given)
    await say(program, names, Status.DELIVERED)
    await grow_older(program.pool, age, before)


async def say(program: Office, names: list[str], status: Status, **given: Any) -> None:
    """The provider says something of messages now."""
    now = await program.pool.fetchval("select clock_timestamp()")
    word = Word(given.pop("bits", status.bit), now, **given)
    async with program.pool.acquire() as connection:
        said = [Said(word, name, blocks=0b100 if status is Status.HARD_BOUNCED else 0) for name in names]
        await reports.apply(connection, program.configured.numbers["pretend"], Source.POLL, now, said)


async def grow_older(pool: Pool, age: timedelta, after: int = 0) -> None:
    """Everything about messages happened earlier."""
    times = await pool.fetch(
        "select column_name as name from information_schema.columns where table_schema = 'landed'"
        " and table_name = 'message' and column_name like '%\\_at'"
    )
    changes = ", ".join(f"{row['name']} = {row['name']} - $1::interval" for row in times)
    await pool.execute(f"update landed.message set {changes} where id > $2", age, after)  # noqa: S608 - our own columns


async def leave(program: Office, folder: Path | None, after: int = 0) -> Archived:
    """One pass."""
    now = await program.pool.fetchval("select clock_timestamp()")
    leaving = Leaving(program.configured.numbers["pretend"], "pretend", cutoff(now, KEEP), folder)
    return await archive(program.pool, leaving, now, after)


async def leave_all(program: Office, folder: Path | None) -> list[int]:
    """Passes until nothing is left: how many messages left in each."""
    done = [await leave(program, folder)]
    while done[-1].more:
        done.append(await leave(program, folder, done[-1].place))
    return [one.messages for one in done]


async def here(pool: Pool) -> list[str]:
    """The messages that are in the database."""
    return [row["provider_id"] for row in await pool.fetch("select provider_id from landed.message order by id")]


def everything(folder: Path, pattern: str = "*") -> list[Path]:
    return sorted(folder.rglob(pattern))


def files(folder: Path) -> list[Path]:
    return everything(folder, "*.ndjson.gz")


def lines(folder: Path) -> list[dict[str, Any]]:
    """Everything that the archive holds."""
    return [json.loads(line) for path in files(folder) for line in gzip.decompress(path.read_bytes()).splitlines()]


def names(folder: Path) -> list[str]:
    return sorted(line["provider_id"] for line in lines(folder))


async def test_nothing_leaves_unless_it_is_wanted(pool: Pool, tmp_path: Path) -> None:
    program = await office(pool, account())
    await settled(program, ["a"], timedelta(days=5000))
    done = await replace(program.configured.upkeep, archive=tmp_path).run()

    assert done["messages_archived"] == 0
    assert await here(pool) == ["a"]
    assert everything(tmp_path) == []


async def test_upkeep_archives_what_is_settled_and_old(pool: Pool, tmp_path: Path) -> None:
    program = await keeping(pool)
    await settled(program, ["a", "b"])
    await settled(program, ["young"], timedelta(days=29))
    done = [await replace(program.configured.upkeep, archive=tmp_path).run() for _ in range(2)]

    assert [one["messages_archived"] for one in done] == [2, 0]
    assert await here(pool) == ["young"]
    assert names(tmp_path) == ["a", "b"]


async def test_a_worker_that_starts_asks_first_and_archives_later(pool: Pool, tmp_path: Path) -> None:
    """Nobody waits for a provider's answer because much is old."""
    program = await keeping(pool)
    upkeep = replace(program.configured.upkeep, archive=tmp_path)
    program.configured = replace(program.configured, upkeep=upkeep)
    await settled(program, ["a"])
    first, second = await program.prepare(), await program.upkeep()

    assert first["partitions_made"] == 8
    assert "messages_archived" not in first
    assert second["messages_archived"] == 1


async def test_a_worker_that_is_stopped_while_it_archives_leaves_nothing_half_done(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await keeping(pool)
    await settled(program, [f"m{number}" for number in range(9)])
    monkeypatch.setattr(module, "CHUNK", 3)
    page, pages = rows.page, 0

    async def stopped(*arguments: Any) -> Any:
        nonlocal pages
        pages += 1
        if pages > 1:
            raise asyncio.CancelledError
        return await page(*arguments)

    monkeypatch.setattr(rows, "page", stopped)
    with pytest.raises(asyncio.CancelledError):
        await leave(program, tmp_path)

    assert everything(tmp_path, "*.*") == []
    assert len(await here(pool)) == 9


async def test_an_archived_line_holds_everything_that_a_report_shows_in_words(pool: Pool, tmp_path: Path) -> None:
    program = await keeping(pool)
    await record(desk_of(program, "pretend"), ["a"], communication="Flood", reference="r", schedule="urgent")
    bits = Status.FAILED.bit | Status.DEFERRED.bit | Engagement.READ.bit
    await say(program, ["a"], Status.FAILED, bits=bits, reason=Reason.SPAM, code="30007", attempts=2)
    await grow_older(pool, OLD)
    row = dict(await pool.fetchrow("select * from landed.messages") or {})
    done = await leave(program, tmp_path)
    (line,) = lines(tmp_path)

    times = {name: value.astimezone(UTC) for name, value in row.items() if isinstance(value, datetime)}
    assert {name: line[name] for name in row if name not in times} == {
        name: value for name, value in row.items() if name not in times
    }
    assert {name: datetime.fromisoformat(line[name]) for name in times} == times
    assert line["heard"] == ["sent", "deferred", "failed", "read_at"]
    assert (line["status"], line["reason"], line["schedule"]) == ("failed", "spam", "urgent")
    assert datetime.fromisoformat(line["archived_at"]) > times["recorded_at"]
    assert done.file == files(tmp_path)[0]


async def test_only_who_runs_the_worker_reads_the_archive(pool: Pool, tmp_path: Path) -> None:
    program = await keeping(pool)
    await settled(program, ["a"])
    done = await leave(program, tmp_path)

    assert done.file is not None
    assert done.file.parent == tmp_path / "pretend"
    assert [path.stat().st_mode & 0o777 for path in (done.file.parent, done.file)] == [0o700, 0o600]


@pytest.mark.parametrize("status", [status for status in Status if status.is_open])
async def test_an_open_message_never_leaves_however_old_it_is(pool: Pool, tmp_path: Path, status: Status) -> None:
    program = await keeping(pool)
    await record(desk_of(program, "pretend"), ["a"])
    await pool.execute("update landed.message set heard = $1, status = $2", 1 << status, status)
    await grow_older(pool, timedelta(days=5000))
    done = await leave(program, tmp_path)

    assert done == Archived()
    assert await here(pool) == ["a"]
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    "column",
    ["sent_at", "scheduled_at", "status_at", "last_attempt_at", "read_at", "machine_opened_at", "clicked_at",
     "acknowledged_at", "response_at", "opted_out_at", "complained_at"],
)  # fmt: skip
async def test_what_was_heard_of_lately_stays_however_old_it_is(pool: Pool, tmp_path: Path, column: str) -> None:
    program = await keeping(pool)
    await settled(program, ["a"])
    await pool.execute(f"update landed.message set {column} = now() - interval '20 days'")  # noqa: S608 - from the list above
    done = await leave(program, tmp_path)

    assert done.messages == 0
    assert await here(pool) == ["a"]


async def test_a_message_that_is_watched_stays_whatever_its_status_says(pool: Pool, tmp_path: Path) -> None:
    """No such watch should be; while there is one, something is still asked."""
    program = await keeping(pool)
    await record(desk_of(program, "pretend"), ["a"])
    await pool.execute("update landed.message set heard = 32768, status = 15")
    await grow_older(pool, OLD)

    assert (await leave(program, tmp_path)).messages == 0


async def test_without_a_folder_what_would_be_archived_is_dropped(pool: Pool) -> None:
    program = await keeping(pool)
    await settled(program, ["a", "b"])
    done = await leave(program, None)

    assert (done.messages, done.file) == (2, None)
    assert await here(pool) == []


@pytest.mark.parametrize("trouble", ["missing", "file", "read only"])
async def test_nothing_leaves_while_the_archive_cannot_be_written(pool: Pool, tmp_path: Path, trouble: str) -> None:
    """And the folder is not made: it may be on a disk that is not there."""
    program = await keeping(pool)
    await settled(program, ["a"])
    folder = tmp_path / "archive"
    if trouble == "file":
        folder.write_text("")
    if trouble == "read only":
        folder.mkdir()
        (folder / "pretend").write_text("")
    with pytest.raises(ArchiveUnwritable, match=r"archive .* cannot be written.*nothing is dropped"):
        await leave(program, folder)

    assert await here(pool) == ["a"]
    assert trouble != "missing" or not folder.exists()


async def test_trouble_with_the_archive_stops_no_other_step(pool: Pool, tmp_path: Path) -> None:
    program = await keeping(pool)
    await settled(program, ["a"])
    done = await replace(program.configured.upkeep, archive=tmp_path / "missing").run()

    assert "messages_archived" not in done
    assert done["partitions_made"] == 8


async def test_a_file_holds_the_messages_of_one_day(pool: Pool, tmp_path: Path) -> None:
    """And those of an earlier day that were numbered after it began."""
    program = await keeping(pool)
    for name, days in (("a", 43), ("b", 43), ("c", 42), ("d", 43), ("e", 41)):
        await settled(program, [name], timedelta(days=days))
    found = await leave_all(program, tmp_path)

    today = (await pool.fetchval("select clock_timestamp()")).astimezone(UTC).date()
    expected = [str(today - timedelta(days=ago)) for ago in (43, 42, 41)]
    assert [path.name.split(".")[0] for path in files(tmp_path)] == expected
    assert found == [2, 2, 1]
    assert [line["provider_id"] for line in lines(tmp_path)] == ["a", "b", "c", "d", "e"]
    assert await here(pool) == []


async def test_a_pass_takes_so_many_chunks_and_the_next_one_goes_on(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await keeping(pool)
    monkeypatch.setattr(module, "CHUNK", 3)
    monkeypatch.setattr(module, "CHUNKS", 2)
    await settled(program, [f"m{number:02}" for number in range(15)])
    found = await leave_all(program, tmp_path)

    assert found == [6, 6, 3]
    assert len(files(tmp_path)) == 3
    assert names(tmp_path) == [f"m{number:02}" for number in range(15)]


async def test_no_transaction_deletes_more_than_a_chunk(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await keeping(pool)
    monkeypatch.setattr(module, "CHUNK", 4)
    await settled(program, [f"m{number}" for number in range(10)])
    await pool.execute("create table landed.deleted (xact text, id bigint)")
    await pool.execute(
        "create function landed.remember() returns trigger language plpgsql as $$ begin"
        " insert into landed.deleted values (pg_current_xact_id()::text, old.id); return old; end $$"
    )
    await pool.execute(
        "create trigger remember before delete on landed.message for each row execute function landed.remember()"
    )
    await leave(program, tmp_path)

    sizes = await pool.fetch("select count(*) as rows from landed.deleted group by xact order by 1")
    assert [row["rows"] for row in sizes] == [2, 4, 4]


async def test_messages_that_stay_do_not_keep_those_behind_them(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where more of them stay than a pass reads."""
    monkeypatch.setattr(module, "CHUNK", 2)
    monkeypatch.setattr(module, "CHUNKS", 1)
    program = await keeping(pool)
    await record(desk_of(program, "pretend"), [f"open{number}" for number in range(7)])
    await grow_older(pool, OLD)
    await settled(program, ["a", "b"])
    done = await replace(program.configured.upkeep, archive=tmp_path).run()

    assert done["messages_archived"] == 2
    assert len(await here(pool)) == 7


async def test_what_changes_between_file_and_delete_stays_and_goes_with_its_news(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await keeping(pool)
    await settled(program, ["a", "b"])
    take_out = rows.take_out

    async def late(connection: Any, number: int, taken: Any) -> int:
        await say(
            program, ["a"], Status.HARD_BOUNCED
        )  # worse than delivered changes nothing of the status, but is heard
        return await take_out(connection, number, taken)

    monkeypatch.setattr(rows, "take_out", late)
    first = await leave(program, tmp_path)
    monkeypatch.setattr(rows, "take_out", take_out)
    stayed = await here(pool)
    await grow_older(pool, OLD)
    second = await leave(program, tmp_path)

    told = {line["id"]: line["heard"] for line in sorted(lines(tmp_path), key=lambda line: str(line["archived_at"]))}
    assert (first.messages, stayed, second.messages) == (1, ["a"], 1)
    assert sorted(told.values()) == [["sent", "delivered"], ["sent", "hard_bounced", "delivered"]]


async def test_a_message_that_someone_writes_just_now_is_not_waited_for(pool: Pool, tmp_path: Path) -> None:
    program = await keeping(pool)
    await settled(program, ["a", "b"])
    async with pool.acquire() as other, other.transaction():
        await other.execute("select from landed.message where provider_id = 'a' for no key update")
        done = await leave(program, tmp_path)

    assert done.messages == 1
    assert await here(pool) == ["a"]


async def test_killed_between_file_and_delete_messages_come_twice_and_none_is_lost(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await keeping(pool)
    await settled(program, ["a", "b"])

    async def killed(*_: object) -> int:
        raise asyncio.CancelledError

    with monkeypatch.context() as patch:
        patch.setattr(rows, "take_out", killed)
        with pytest.raises(asyncio.CancelledError):
            await leave(program, tmp_path)
    between = await here(pool), names(tmp_path)
    await leave(program, tmp_path)

    assert between == (["a", "b"], ["a", "b"])
    assert await here(pool) == []
    assert names(tmp_path) == ["a", "a", "b", "b"]
    assert len({(line["account"], line["id"]) for line in lines(tmp_path)}) == 2


async def test_before_the_file_is_whole_nothing_is_deleted_and_no_file_has_its_name(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = await keeping(pool)
    await settled(program, ["a"])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("worker.archive_file.os.fsync", full)
        with pytest.raises(ArchiveUnwritable, match="No space left"):
            await leave(program, tmp_path)
    left = everything(tmp_path, "*.*")

    assert left == []
    assert await here(pool) == ["a"]
    assert (await leave(program, tmp_path)).messages == 1


async def test_two_at_once_archive_everything_once(pool: Pool, tmp_path: Path) -> None:
    program = await keeping(pool)
    await settled(program, [f"m{number}" for number in range(50)])
    done = await asyncio.gather(*(leave(program, tmp_path) for _ in range(3)))

    assert sorted(one.messages for one in done) == [0, 0, 50]
    assert len(names(tmp_path)) == 50
    assert await here(pool) == []


async def test_late_reports_about_a_message_that_left_wait_and_are_nobodys_in_the_end(pool: Pool) -> None:
    program = await keeping(pool)
    await settled(program, ["a"])
    await leave(program, None)
    await say(program, ["a"], Status.HARD_BOUNCED)
    waits = await pool.fetchval("select count(*) from landed.early")
    await pool.execute("update landed.early set received_at = received_at - interval '25 h'")
    await program.upkeep()

    assert waits == 1
    assert await pool.fetchval("select not_ours from landed.account") == 1


async def test_what_blocks_an_address_stays_when_its_message_leaves(pool: Pool) -> None:
    program = await keeping(pool)
    await record(desk_of(program, "pretend"), ["a"])
    await say(program, ["a"], Status.HARD_BOUNCED)
    await grow_older(pool, OLD)
    done = await leave(program, None)

    assert done.messages == 1
    assert await pool.fetchval("select landed.is_blocked('sms', '+44 7700 900000')")


async def test_totals_of_a_communication_stay_right_when_its_messages_leave(pool: Pool) -> None:
    """In every way in which a vocabulary can tell them apart, whoever else has messages in it."""
    program = await keeping(pool)
    await settled(program, ["a", "b", "c"], communication="Flood")
    await settled(program, ["d"], timedelta(days=1), communication="Flood")
    await say(program, ["c"], Status.HARD_BOUNCED)
    await grow_older(pool, OLD)
    number = await pool.fetchval("select id from landed.communication")
    async with pool.acquire() as connection:
        before = await messages.classes(connection, number)
        await leave_all(program, None)
        after = await messages.classes(connection, number)
        left = await rows.archived(connection, number)

    def counted(classes: list[messages.Class]) -> dict[object, int]:
        found: dict[object, int] = {}
        for one in classes:
            key = one.channel, one.heard, one.reason
            found[key] = found.get(key, 0) + one.messages
        return found

    assert counted(after) == counted(before)
    assert left == 4
    assert sum(one.messages for one in after) == 4


@asynccontextmanager
async def dying(database: str, folder: Path) -> AsyncIterator[Workers]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "tests.worker.dying_archive", database, str(folder)),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Workers(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()


@pytest.mark.once
async def test_killed_before_any_line_nothing_is_lost_and_every_file_is_whole(
    pool: Pool, database: str, tmp_path: Path
) -> None:
    program = await keeping(pool)
    recorded: set[str] = set()

    async def fill() -> None:
        fresh = [f"m{len(recorded) + more}" for more in range(3)]
        recorded.update(fresh)
        await settled(program, fresh, communication="Flood")

    killed = 0
    async with dying(database, tmp_path) as worker:
        await fill()
        ran = await worker.live()
        places = [place for place in sorted(ran) if "/archive" in place]
        for place in places:
            await fill()
            killed += not await worker.live(place, 1)
            assert recorded <= {*await here(pool), *names(tmp_path)}, place
        await worker.live()

    unknown = {line["id"] for line in lines(tmp_path)}
    assert len(places) > 80
    assert killed > len(places) * 0.9
    assert await here(pool) == []
    assert set(names(tmp_path)) == recorded
    assert len(unknown) == len(recorded)
    assert everything(tmp_path, "*.part") == []
    assert await pool.fetchval("select sum(messages) from landed.archived") == len(recorded)


def test_what_leaves_was_quiet_for_whole_days() -> None:
    """So that the file of a day is not begun before the day is whole, wherever the server is."""
    now = datetime(2026, 11, 24, 1, 30, tzinfo=UTC)

    assert cutoff(now, timedelta(days=1)) == datetime(2026, 11, 23, tzinfo=UTC)
    assert cutoff(now, timedelta(hours=2)) == datetime(2026, 11, 23, tzinfo=UTC)
