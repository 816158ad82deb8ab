"""Wrong settings and servers that cannot be used: every command ends with what to do next, and shows no secret."""

import asyncio
import os
import signal
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from cli import session
from embedded import Urls, locks
from store.migrations import known
from tests.cli.conftest import Place
from tests.cli.terminal import terminal
from tests.cli.twilio import SECRET, SETTINGS

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PLANTED = "planted-database-p4ss"

#: Wrong in five ways.
WRONG = f"""
databse_url = "postgresql://ann:{PLANTED}@db.example.org/landed"

[worker]
batch = "many"

[accounts.text_main]
adapter = "twillio"

[accounts.text_other]
adapter = "twilio"
account_sid = "AC1"
auth_tokn = "{SECRET}"

[accounts.Mail]
adapter = "mailgun"
"""


def execute(url: str, statement: str) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(url)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(run())


@pytest.mark.parametrize("command", [["config", "check"], ["worker"], ["up"]])
def test_wrong_settings_are_named_all_at_once_with_guesses_and_without_secrets(bare: Place, command: list[str]) -> None:
    bare.write("landed.toml", WRONG)
    bare.set(workr__lease="5s")
    said = bare(*command, code=1).err

    assert "unknown setting 'databse_url'; did you mean 'database_url'?" in said
    assert "LANDED_WORKR__LEASE; did you mean 'LANDED_WORKER'?" in said
    assert "worker.batch: " in said
    assert "'Mail' is no name for an account" in said
    assert (PLANTED in said, SECRET in said) == (False, False)
    assert said.startswith("Error: the configuration has ")
    assert said.count("\n  - ") >= 4


@pytest.mark.parametrize("command", [["config", "check"], ["worker"], ["up"], ["look", "x"], ["quarantine", "apply"]])
def test_what_adapters_miss_is_named_for_all_accounts_at_once(bare: Place, command: list[str]) -> None:
    text = "\n".join(line for line in WRONG.splitlines() if not line.startswith(("databse", "batch", "[accounts.Mail")))
    bare.write("landed.toml", text.removesuffix('adapter = "mailgun"'))
    said = bare(*command, code=1).err

    assert "accounts.text_main.adapter: there is no adapter 'twillio'; did you mean 'twilio'?" in said
    assert "unknown setting 'auth_tokn' in accounts.text_other; did you mean 'auth_token'?" in said
    assert "accounts.text_other.auth_token is missing; set it in landed.toml or as LANDED_ACCOUNTS__" in said
    assert SECRET not in said


def test_two_readers_of_one_queue_are_refused(bare: Place) -> None:
    account = 'adapter = "messagemedia"\napi_key = "k"\napi_secret = "s"\n'
    bare.write("landed.toml", f"[accounts.one]\n{account}[accounts.two]\n{account}")

    assert "accounts.two is the same account as accounts.one" in bare("config", "check", code=1).err


def test_a_right_configuration_is_said_to_be(landed: Place) -> None:
    assert landed("config", "check").out == "the configuration is right; accounts: mail_main, text_main\n"
    assert landed("config", "check", "--json").json == {"accounts": {"text_main": "twilio", "mail_main": "mailgun"}}


def test_no_configuration_is_right_too(bare: Place) -> None:
    assert bare("config", "check").out.startswith("the configuration is right; no account yet: `landed adapters`")


def test_the_settings_in_force_are_shown_without_secrets(landed: Place) -> None:
    landed.set(
        accounts__text_main__base_url=f"https://ann:{PLANTED}@sms.example.org", accounts__text_main__looks="1m,1h"
    )
    table, found = landed("config", "show").out, landed("config", "show", "--json").json

    assert f"accounts.text_main.account_sid  {SETTINGS['account_sid']}\n" in table.replace("   ", "  ")
    assert "https://********@sms.example.org" in table
    assert found["accounts"]["text_main"]["options"]["looks"] == ["1m", "1h"]
    assert found["accounts"]["text_main"]["settings"]["auth_token"] == "********"
    assert found["database_url"] == "********"
    for secret in (SECRET, PLANTED, "planted-mailgun-key"):
        assert secret not in table + str(found)


@pytest.mark.parametrize("command", [["accounts"], ["worker"], ["record", "-"], ["migrate"], ["up"]])
def test_an_address_that_cannot_be_read_is_a_problem_of_the_configuration(bare: Place, command: list[str]) -> None:
    bare.set(database_url=f"postgresql://ann:{PLANTED}@db:port/landed", redis_url=f"redis://:{PLANTED}@cache:99999/0")
    said = bare(*command, code=1).err

    assert "the configuration has 2 problems:" in said
    assert "database_url: must be like postgresql://user:password@host:5432/database" in said
    assert "redis_url: must be like redis://:password@host:6379/0" in said
    assert PLANTED not in said


@pytest.mark.parametrize("command", [["accounts"], ["migrate", "--check"], ["record", "-"], ["report", "x"]])
def test_a_postgres_that_is_not_there_is_waited_for_and_then_named(
    bare: Place, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setattr(session, "PATIENCE", 0.3)
    monkeypatch.setattr(session, "QUIET", 0.1)
    bare.set(database_url=f"postgresql://ann:{PLANTED}@127.0.0.1:1/landed")
    said = bare(*command, code=1)

    assert said.lines[0] == "waiting for Postgres at 127.0.0.1:1/landed ..."
    assert said.lines[1].startswith("Error: Postgres at 127.0.0.1:1/landed cannot be reached: ")
    assert said.lines[1].endswith("check LANDED_DATABASE_URL")
    assert PLANTED not in said.err


def test_a_database_or_user_that_does_not_exist_is_said(landed: Place, database: str) -> None:
    parts = urlsplit(database)
    landed.set(database_url=parts._replace(path="/nosuch").geturl())

    assert "Postgres has no such database: create it, or check LANDED_DATABASE_URL" in landed("accounts", code=1).err


def test_a_database_that_lacks_migrations_says_how_to_bring_it_on(landed: Place, database: str) -> None:
    execute(database, "drop schema landed cascade")
    names = [f"{one.number:04} {one.name}" for one in known()]

    assert "the database lacks migration 1 (landed): run `landed migrate`" in landed("accounts", code=1).err
    assert landed("migrate", "--check", code=1).out.splitlines() == [f"{name} is missing" for name in names]
    assert landed("migrate").out.splitlines() == [f"{name} applied" for name in names]
    assert landed("migrate").out == "the database is at this release\n"
    assert landed("migrate", "--check", "--json").json == {"missing": [], "roles": False}
    assert landed("accounts").code == 0


def test_the_roles_are_made_and_making_them_again_is_harmless(landed: Place) -> None:
    for _ in range(2):
        assert landed("migrate", "--roles").out.splitlines() == [
            "the database is at this release",
            "the roles landed_sender, landed_reader and landed_worker are there",
        ]
    assert "--check changes nothing" in landed("migrate", "--check", "--roles", code=2).err


def test_who_may_not_do_it_is_told_what_to_be_granted(landed: Place, database: str, servers: Urls) -> None:
    if "TEST_DATABASE_URL" in "".join(os.environ):
        pytest.skip("a server given by URL may want a password of a new user")
    execute(database, "drop role if exists nobody_special; create role nobody_special login")
    try:
        parts = urlsplit(database)
        landed.set(database_url=parts._replace(netloc=parts.netloc.replace("postgres@", "nobody_special@")).geturl())

        assert "grant it landed_worker" in landed("suppression", code=1).err
        assert "this user of Postgres may not migrate: name one" in landed("migrate", "--roles", code=1).err
    finally:
        execute(servers.database, "drop role nobody_special")


@pytest.mark.parametrize("command", [["accounts"], ["migrate"], ["migrate", "--check"], ["worker"], ["up"]])
def test_a_database_of_a_newer_release_is_left_alone(landed: Place, database: str, command: list[str]) -> None:
    execute(database, "insert into landed.migration (number, name) values (9999, 'later')")
    said = landed(*command, code=1).err

    assert "the database has migration 9999, which this program does not know" in said
    assert "install that release, or point LANDED_DATABASE_URL to another database" in said


def test_a_worker_without_servers_says_how_to_have_some(bare: Place) -> None:
    assert "set LANDED_DATABASE_URL and LANDED_REDIS_URL, or run `landed up`" in bare("worker", code=1).err


def test_a_worker_without_redis_goes_on_trying_and_says_which(landed: Place) -> None:
    landed.set(redis_url=f"redis://:{PLANTED}@127.0.0.1:1/0")
    landed.set(log_format="json")
    with terminal(landed.folder, "worker") as person:
        for _ in range(2):
            person.until('"cure": "check LANDED_REDIS_URL", "event": "queue_unreachable"')
            shown, person.seen = person.seen, ""
            assert PLANTED not in shown
        person.process.send_signal(signal.SIGTERM)
        said = person.rest()

    assert person.process.returncode == 0
    assert "worker_stopped" in said


@pytest.fixture
def home(servers: Urls) -> Path:
    """The home of the embedded servers of these tests, which this process holds."""
    host = parse_qs(urlsplit(servers.database).query).get("host", [""])[0]
    if Path(host).name != "run":
        pytest.skip("these tests run on servers given by URL, so there is no embedded home")
    return Path(host).parent


def test_a_home_that_another_program_uses_is_refused(bare: Place, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks.lock_home, "__kwdefaults__", {"seconds": 0.1})
    bare.set(home=str(home))

    assert f"is in use by another Landed (process {os.getpid()})" in bare("up", code=1).err


def test_commands_use_the_servers_that_another_landed_runs(bare: Place, home: Path) -> None:
    bare.set(home=str(home))

    assert bare("migrate").code == 0
    assert bare("suppression").out == "no address is blocked\n"


def test_a_home_that_cannot_be_made_is_said(bare: Place) -> None:
    bare.set(home="/proc/landed")
    said = bare("accounts", code=1).err

    assert "Set LANDED_HOME to a folder that you may write to, or set LANDED_DATABASE_URL" in said
