"""A running worker and its files: a change takes effect at once and whole, and a bad file changes nothing."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, LiteralString

import httpx
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs
from structlog.typing import EventDict

from adapters.base import AdapterSettings
from config import ConfigError, Settings, load
from config.watching import PATIENCE, QUIET, Watching
from rules.statuses import Channel
from store import retiming as kept
from store.connections import Pool, clock
from tests.worker.office import Office, desk_of, later, office
from tests.worker.pretend import BASE, Pretend, Provider, record
from tests.worker.process import Twilio, Worker, configuration
from tests.worker.test_killed import until
from worker.build import build, faults
from worker.configured import configured
from worker.live import Live

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

SECRET = "planted-secret-in-a-file"


def table(name: str, *lines: str) -> str:
    """An account of the pretended provider, as it stands in the file."""
    return "\n".join(
        (f"[accounts.{name}]", 'adapter = "tests.worker.test_reload:Keyed"', f'base_url = "{BASE}"', *lines, "")
    )


class KeyedSettings(AdapterSettings):
    """With a secret."""

    key: SecretStr = SecretStr("")


class Keyed(Pretend):
    """The pretended provider, which wants a key."""

    Settings = KeyedSettings


@dataclass
class Closing(Provider):
    """A provider that tells when its sender was closed."""

    closed: bool = False

    async def aclose(self) -> None:
        """Remember it."""
        self.closed = True


@dataclass
class Running:
    """A worker's program with the files that it keeps up with."""

    folder: Path
    program: Office
    live: Live
    now: float = 0.0
    logs: list[EventDict] = field(default_factory=list)

    async def write(self, *texts: str, seconds: float = QUIET) -> None:
        """Change landed.toml and let the worker see it."""
        (self.folder / "landed.toml").write_text("".join(texts))
        await self.see(seconds)

    async def see(self, seconds: float = QUIET) -> None:
        """Let the worker look at its files, twice."""
        with capture_logs() as logs:
            await self.live.watch()
            self.now += seconds
            await self.live.watch()
        self.logs += logs

    def read(self, files: set[Path]) -> Settings:
        """The settings of the folder, as the command line reads them."""
        settings = load({}, self.folder, faults, files)
        if found := faults(settings):
            raise ConfigError(found)
        return settings

    def events(self, name: str) -> list[dict[str, Any]]:
        """What it logged by this name, without the level."""
        found = [dict(one) for one in self.logs if one["event"] == name]
        return [{key: value for key, value in one.items() if key not in {"event", "log_level"}} for one in found]


async def running(pool: Pool, folder: Path, *texts: str) -> Running:
    """A worker that runs with these settings."""
    (folder / "landed.toml").write_text("".join(texts))

    settings = load({}, folder, faults)
    accounts = build(settings)
    program = await office(pool, *accounts.values())
    program.providers = {name: Closing() for name in ("main", "other", "new")}
    program.configured = configured(settings, pool, accounts, program.configured.numbers)
    this = Running(folder, program, Live(program, settings))
    this.live.watching, this.live.time = Watching(this.read), lambda: this.now
    await this.live.begin()
    await this.see()
    return this


async def test_what_is_as_at_the_start_changes_nothing(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, table("main"))
    before = this.program.configured

    await this.see()

    assert this.program.configured is before
    assert this.logs == []


async def test_a_file_that_changed_before_the_first_look_is_a_change(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, table("main"))
    this.live = Live(this.program, this.live.settings, Watching(this.read), time=this.live.time)

    await this.write(table("main"), table("other"))

    assert sorted(this.program.accounts) == ["main", "other"]


async def test_an_account_is_added_and_asked_without_a_restart(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, table("main"))
    await pool.execute("insert into landed.inbox (account, channel, provider_id) values ('new', 'sms', 'a')")
    await this.program.intake()
    strays = await pool.fetchval("select count(*) from landed.stray")

    await this.write(table("main"), table("new", 'looks = ["1ms"]'))
    await this.program.intake()
    await later(pool)
    await this.program.poll("new")

    assert strays == 1
    assert [what["ids"] for what in this.program.providers["new"].asked] == [["a"]]
    assert this.events("configuration_changed") == [{"changed": ["accounts.new"], "accounts": 2}]


async def test_an_account_that_is_removed_or_paused_is_not_asked_any_more(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, table("main"), table("other"))
    for name in ("main", "other"):
        await record(desk_of(this.program, name), [name])

    await this.write(table("other", "paused = true"))
    await this.program.tick()
    for name in ("main", "other"):
        await this.program.poll(name)

    assert this.program.started.jobs == []
    assert [provider.asked for provider in this.program.providers.values()] == [[], [], []]
    assert this.events("configuration_changed") == [
        {"changed": ["accounts.main", "accounts.other.paused"], "accounts": 1}
    ]


async def test_limits_deadlines_triggers_and_retention_change_and_accounts_that_did_not_stay_the_same(
    pool: Pool, tmp_path: Path
) -> None:
    this = await running(pool, tmp_path, table("main"), table("other"))
    other = this.program.accounts["other"]

    await this.write(
        '[retention]\nlooks = "3d"\n',
        table("main", "concurrency = 7", 'deadline = "1h"', 'hard_limit = "2h"', 'keep_settled = "900d"'),
        table("other"),
    )
    main = this.program.accounts["main"]
    kept_same = this.program.accounts["other"] is other
    await this.write('[suppression.sms]\nreasons = ["spam"]\n', table("main"), table("other"))

    assert (main.limits.concurrency, main.allowance(Channel.SMS)) == (7, timedelta(hours=1))
    assert (main.hard_limit, main.keep_settled) == (timedelta(hours=2), timedelta(days=900))
    assert kept_same
    assert this.program.accounts["other"].triggers.keys() == {Channel.SMS}
    assert this.program.configured.upkeep.triggers.keys() == {Channel.SMS}


async def test_a_changed_deadline_holds_for_messages_recorded_from_then_on(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, table("main"))
    insert = "insert into landed.inbox (account, channel, provider_id) values ('main', 'sms', $1)"
    await pool.execute(insert, "before")
    await this.program.intake()

    await this.write(table("main", 'deadline = "1h"'))
    await pool.execute(insert, "after")
    await this.program.intake()

    rows = await pool.fetch("select provider_id, extract(epoch from deadline_at - sent_at)::int as s from landed.watch")
    assert {row["provider_id"]: row["s"] for row in rows} == {"before": 48 * 3600, "after": 3600}


async def test_what_takes_effect_at_the_next_start_is_said_and_left_as_it_is(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, "prepared_statements = true\n", table("main"))

    await this.write(
        f'prepared_statements = false\nrecipient_key = "{"k" * 40}"\n', "[worker]\nbatch = 7\n", table("main")
    )

    names = ["prepared_statements", "recipient_key", "worker.batch"]
    assert this.events("configuration_changed") == [{"changed": names, "accounts": 1}]
    assert [one["settings"] for one in this.events("configuration_needs_start")] == [names]
    assert this.live.settings.worker.batch == 1000
    assert this.program.accounts["main"].hashing.key is None


async def test_a_bad_file_changes_nothing_and_tells_everything_once_and_others_hear_of_it(
    pool: Pool, tmp_path: Path
) -> None:
    this = await running(pool, tmp_path, table("main"))
    before = this.program.configured
    bad = [
        table("main", 'rate = "fast"', "pased = true"),
        '[accounts.new]\nadapter = "twilo"\n',
        "[worker]\nbach = 1\n",
    ]

    await this.write(*bad)
    await this.see()
    async with pool.acquire() as connection:
        told = await kept.refusals(connection, await clock(connection))
    await this.write(table("main", "rate = 5"))
    async with pool.acquire() as connection:
        after = await kept.refusals(connection, await clock(connection))

    (refused,) = this.events("configuration_refused")
    assert len(refused["problems"]) == 4
    assert [(row["worker"], row["problems"]) for row in told] == [(this.program.holder, refused["problems"])]
    assert (after, this.program.accounts["main"].limits.rate) == ([], 5)
    assert this.program.configured is not before
    assert [one["changed"] for one in this.events("configuration_changed")] == [["accounts.main.rate"]]


@pytest.mark.parametrize("text", ["", None, table("main") + "[accounts.n"])
async def test_a_half_written_or_missing_file_changes_nothing(pool: Pool, tmp_path: Path, text: str | None) -> None:
    this = await running(pool, tmp_path, table("main"))
    before = this.program.configured
    if text is None:
        (tmp_path / "landed.toml").unlink()
    else:
        (tmp_path / "landed.toml").write_text(text)
    await this.see(PATIENCE * 2)
    unchanged = this.program.configured is before

    await this.write(table("main"), table("new"))

    assert unchanged
    assert len(this.events("configuration_refused")) == 1
    assert sorted(this.program.accounts) == ["main", "new"]


async def test_a_secret_is_never_logged(pool: Pool, tmp_path: Path) -> None:
    """Not when it changes, nor when the file that names it is refused."""
    (tmp_path / "key").write_text(SECRET)
    this = await running(pool, tmp_path, table("main", 'key = { file = "key" }'))
    (tmp_path / "key").write_text(f"{SECRET}-changed")
    await this.see()
    await this.write(table("main", f'key = "{SECRET}-in-the-file"'))
    await this.write(table("main", f'key = "{SECRET}"', f'kye = "{SECRET}"', 'rate = "x"'))
    await this.write(table("main", f'key = "{SECRET}'))

    stored = [str(row["problems"]) for row in await pool.fetch("select problems from landed.refusal")]
    assert [one["changed"] for one in this.events("configuration_changed")] == [["accounts.main.key"]] * 2
    assert len(this.events("configuration_refused")) == 2
    assert SECRET not in repr(this.logs) + repr(stored)


async def test_a_changed_secret_makes_an_account_that_was_refused_be_asked_again(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, table("main", 'key = "wrong"'))
    before = this.program.accounts["main"].fingerprint
    await record(desk_of(this.program, "main"), ["a"])
    await pool.execute("update landed.account set refused_settings = $1", before)
    await this.program.tick()
    held = list(this.program.started.jobs)

    await this.write(table("main", 'key = "right"'))
    await this.program.tick()

    assert held == []
    assert [job[:2] for job in this.program.started.jobs] == [("poll", "main")]


async def test_a_poll_ends_with_the_account_it_began_with_and_only_then_its_sender_is_closed(
    pool: Pool, tmp_path: Path
) -> None:
    """The next looks that it sets are those of the new schedule already."""
    this = await running(pool, tmp_path, table("main", 'looks = ["1ms"]', 'then = "1d"', "jitter = 0"))
    old = this.program.providers["main"]
    assert isinstance(old, Closing)
    old.known["a"] = "sent"
    await record(desk_of(this.program, "main"), ["a"])
    asked, answer = asyncio.Event(), asyncio.Event()
    this.program.providers["main"] = _slow(old, asked, answer)
    polling = asyncio.ensure_future(this.program.poll("main"))
    await asked.wait()
    this.program.providers["main"] = Closing()

    await this.write(table("main", 'looks = ["1ms"]', 'then = "2h"', "jitter = 0"))
    open_while_it_asks = not old.closed
    answer.set()
    await polling

    age = await pool.fetchval("select next_look_at - sent_at from landed.watch")
    assert (open_while_it_asks, old.closed) == (True, True)
    assert age == timedelta(hours=2, milliseconds=1)


def _slow(provider: Closing, asked: asyncio.Event, answer: asyncio.Event) -> Closing:
    """The same provider, which answers only when it may."""
    send = provider.send

    async def slow(request: httpx.Request) -> httpx.Response:
        asked.set()
        await answer.wait()
        return await send(request)

    provider.send = slow  # type: ignore[method-assign]
    return provider


async def test_the_sender_of_an_account_nobody_asks_is_closed_at_once_and_that_of_an_unchanged_one_stays(
    pool: Pool, tmp_path: Path
) -> None:
    this = await running(pool, tmp_path, table("main"), table("other"))
    for name in ("main", "other"):
        await record(desk_of(this.program, name), [name])
        await this.program.poll(name)

    await this.write(table("main", "rate = 3"), table("other"))

    closed = {
        name: provider.closed for name, provider in this.program.providers.items() if isinstance(provider, Closing)
    }
    assert closed == {"main": True, "other": False, "new": False}


async def test_a_changed_schedule_is_noted_and_one_that_is_as_before_is_not(pool: Pool, tmp_path: Path) -> None:
    this = await running(pool, tmp_path, table("main"), table("other"))
    number = this.program.configured.numbers["main"]

    await this.write(table("main", "[accounts.main.channels.sms]", 'looks = ["7s"]'), table("other", "concurrency = 2"))

    rows = await pool.fetch("select account, changed::text, phase from landed.retiming where phase <> 'none'")
    assert [tuple(row) for row in rows] == [(number, '["sms"]', "soon")]
    assert [(one["account"], one["schedules"]) for one in this.events("schedules_changed")] == [("main", ("sms",))]


async def test_schedules_that_changed_while_no_worker_ran_are_found_at_the_start(pool: Pool, tmp_path: Path) -> None:
    await running(pool, tmp_path, table("main"))
    with capture_logs() as logs:
        await running(pool, tmp_path, table("main", 'looks = ["7s"]', 'then = "1h"'))

    changed = [one for one in logs if one["event"] == "schedules_changed"]
    assert [len(one["schedules"]) for one in changed] == [len(Channel)]
    assert await pool.fetchval("select phase from landed.retiming") == "soon"


async def test_of_workers_with_different_files_the_one_that_changed_last_wins_and_the_other_says_so_once(
    pool: Pool, tmp_path: Path
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first = await running(pool, tmp_path / "one", table("main", 'then = "3h"'))
    second = await running(pool, tmp_path / "two", table("main", 'then = "3h"'))
    await second.write(table("main", 'then = "4h"'))
    with capture_logs() as logs:
        for _ in range(3):
            await first.live.retime()
            await first.see()
            first.now += 100

    said = [one for one in logs if one["event"] == "schedules_differ"]
    assert [(one["account"], one["applied_by"]) for one in said] == [("main", second.program.holder)]
    assert "every 4h" in await pool.fetchval("select schedules ->> 'sms' from landed.retiming")


async def test_what_cannot_be_written_down_is_applied_at_the_next_look(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    this = await running(pool, tmp_path, table("main"))
    (tmp_path / "landed.toml").write_text(table("main", 'then = "4h"'))
    await this.live.watch()
    this.now += QUIET

    async def gone(*_: object) -> None:
        raise ConnectionResetError

    with monkeypatch.context() as patched:
        patched.setattr(kept, "note", gone)
        with pytest.raises(ConnectionResetError):
            await this.live.watch()
    await this.see()

    assert "every 4h" in await pool.fetchval("select schedules ->> 'sms' from landed.retiming")
    assert [one["changed"] for one in this.events("configuration_changed")] == [["accounts.main.then"]]


async def test_a_running_worker_follows_its_file_without_a_restart(
    pool: Pool, database: str, redis_url: str, tmp_path: Path
) -> None:
    """As an operator runs it: a message to be looked at in an hour is looked at now; a bad file changes nothing."""
    twilio = Twilio(words={"SM1": ("delivered", None), "SM2": ("delivered", None)})
    insert = "insert into landed.inbox (account, channel, provider_id) values ('sms', 'sms', $1)"
    async with twilio.served() as url:
        rarely = configuration(url).replace('looks = ["100ms", "500ms"]\nthen = "1s"', 'looks = ["1h"]')
        often = rarely.replace('"1h"', '"1s", "2s"').replace("looks", 'then = "1s"\nlooks')
        async with Worker(tmp_path, database, redis_url, rarely) as worker:
            await until(lambda: _is(worker.events("worker_started")), "the worker works")
            await pool.execute(insert, "SM1")
            await until(lambda: _some(pool, "select count(*) from landed.watch"), "the message is recorded")
            worker.configure(often.replace("rate = 1000", 'rate = "fast"\nlokks = ["1s"]'))
            await until(lambda: _is(worker.events("configuration_refused")), "the bad file is refused")
            (refused,) = worker.events("configuration_refused")
            asked = twilio.asked

            worker.configure(often)
            one = "select count(*) from landed.messages where status = 'delivered'"
            await until(lambda: _some(pool, one), "it looks")
            await pool.execute(insert, "SM2")
            two = "select count(*) = 2 from landed.messages where status = 'delivered'"
            await until(lambda: _some(pool, two), "it looks at new ones too")
            code, _ = await worker.stop()

    (changed,) = worker.events("configuration_changed")
    assert (asked, code) == (0, 0)
    assert isinstance(refused["problems"], list)
    assert [problem.partition(" ")[0] for problem in refused["problems"]] == ["accounts.sms.rate:", "unknown"]
    assert changed["changed"] == ["accounts.sms.looks", "accounts.sms.then"]
    assert len(worker.events("worker_started")) == 1
    assert "planted-secret" not in worker.log.read_text()


async def _is(found: object) -> bool:
    return bool(found)


async def _some(pool: Pool, query: LiteralString) -> bool:
    return bool(await pool.fetchval(query))
