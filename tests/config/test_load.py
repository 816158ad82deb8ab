"""Settings come from a file and the environment, and every problem is told at once with a guess at what was meant."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from config import ConfigError, Settings, load
from tests.config.reading import Place


def test_nothing_set_is_a_configuration(place: Place) -> None:
    assert place.load() == Settings()


def test_the_file_sets(place: Place) -> None:
    settings = place.load(
        """
        log_level = "debug"
        [worker]
        batch = 7
        [retention]
        events = "400d"
        [suppression.sms]
        reasons = ["spam", "policy"]
        soft_bounces = { count = 3 }
        [accounts.alerts]
        adapter = "twilio"
        account_sid = "AC1"
        rate = "120/m"
        channels.sms.deadline = "1h30m"
        """
    )
    account = settings.accounts["alerts"]

    assert settings.log_level == "debug"
    assert settings.worker.batch == 7
    assert settings.retention.events == timedelta(days=400)
    assert settings.suppression["sms"].reasons == ("spam", "policy")
    assert settings.suppression["sms"].soft_bounces is not None
    assert settings.suppression["sms"].soft_bounces.count == 3
    assert (account.adapter, account.settings) == ("twilio", {"account_sid": "AC1"})
    assert account.options.rate == 2.0
    assert account.options.channels["sms"].deadline == timedelta(minutes=90)


def test_the_environment_sets_the_same(place: Place) -> None:
    """Tables are joined with two underscores, lists with commas."""
    settings = place.load(
        LOG_LEVEL="debug",
        PREPARED_STATEMENTS="false",
        WORKER__BATCH="7",
        RETENTION__EVENTS="400d",
        SUPPRESSION__SMS__REASONS="spam, policy",
        SUPPRESSION__SMS__SOFT_BOUNCES__COUNT="3",
        ACCOUNTS__MAIN_ALERTS__ADAPTER="twilio",
        ACCOUNTS__MAIN_ALERTS__ACCOUNT_SID="AC1",
        ACCOUNTS__MAIN_ALERTS__RATE="120/m",
        ACCOUNTS__MAIN_ALERTS__PAUSED="true",
        ACCOUNTS__MAIN_ALERTS__LOOKS="15s, 1m",
        ACCOUNTS__MAIN_ALERTS__CHANNELS__SMS__DEADLINE="1h30m",
    )
    account = settings.accounts["main_alerts"]

    assert settings.log_level == "debug"
    assert settings.prepared_statements is False
    assert settings.worker.batch == 7
    assert settings.retention.events == timedelta(days=400)
    assert settings.suppression["sms"].reasons == ("spam", "policy")
    assert settings.suppression["sms"].soft_bounces is not None
    assert settings.suppression["sms"].soft_bounces.count == 3
    assert (account.adapter, account.settings) == ("twilio", {"account_sid": "AC1"})
    assert account.options.rate == 2.0
    assert account.options.paused is True
    assert account.options.looks == (timedelta(seconds=15), timedelta(minutes=1))
    assert account.options.channels["sms"].deadline == timedelta(minutes=90)


def test_the_environment_wins_setting_by_setting(place: Place) -> None:
    """And leaves everything else of the same table as the file has it."""
    settings = place.load(
        """
        [worker]
        batch = 7
        connections = 9
        [accounts.alerts]
        adapter = "twilio"
        account_sid = "file"
        auth_token = "file"
        """,
        WORKER__BATCH="8",
        ACCOUNTS__ALERTS__AUTH_TOKEN="environment",
    )

    assert (settings.worker.batch, settings.worker.connections) == (8, 9)
    assert settings.accounts["alerts"].settings == {"account_sid": "file", "auth_token": "environment"}


@pytest.mark.parametrize("text", ["0123", "123", "1e5", "null", "true", '{"a": 1}', "[1]", '"x"', "a=b", "__", "ÄÖ"])
def test_what_an_adapter_gets_from_the_environment_is_the_text_itself(place: Place, text: str) -> None:
    """A token of digits stays a token with its leading zeros."""
    settings = place.load(ACCOUNTS__A__ADAPTER="expo", ACCOUNTS__A__ACCESS_TOKEN=text)

    assert settings.accounts["a"].settings == {"access_token": text}


def test_an_empty_variable_is_as_good_as_none(place: Place) -> None:
    """Composers and units pass on variables that nobody set."""
    settings = place.load('log_level = "debug"', LOG_LEVEL="", DATABASE_URL="", CONFIG="", NO_SUCH_THING="")

    assert settings.log_level == "debug"
    assert settings.database_url is None


def test_variables_of_others_are_left_alone(place: Place) -> None:
    """The launcher's, the tests', those of `probe`, and what Kubernetes sets for a service that is called landed."""
    others = dict.fromkeys(
        [
            "VENV",
            "TEST_DATABASE_URL",
            "SET_AUTH_TOKEN",
            "SERVICE_HOST",
            "SERVICE_PORT",
            "SERVICE_PORT_HTTP",
            "PORT",
            "PORT_80_TCP",
            "PORT_80_TCP_ADDR",
        ],
        "x",
    )

    assert place.load(**others) == Settings()
    assert load({"PATH": "x", "LANDEDNESS": "x", "XLANDED_Y": "x"}, place.folder) == Settings()


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("DATABSE_URL", "unknown variable LANDED_DATABSE_URL; did you mean 'LANDED_DATABASE_URL'?"),
        ("CONFIGURATION", "unknown variable LANDED_CONFIGURATION; "),
        ("ACCOUNT__MAIN__ADAPTER", "unknown variable LANDED_ACCOUNT__MAIN__ADAPTER; did you mean 'LANDED_ACCOUNTS'?"),
        ("XYZ", "unknown variable LANDED_XYZ; known are LANDED_ACCOUNTS, LANDED_ARCHIVE, LANDED_DATABASE_URL, "),
        ("WORKER__BACH", "unknown setting 'bach' in worker; did you mean 'batch'?"),
        ("WORKER__", "LANDED_WORKER__ names no setting; write LANDED_WORKER__SETTING"),
        ("WORKER", "worker: must be a table of settings"),
        ("ACCOUNTS__MAIN", 'accounts.main: must be a table with at least adapter = "NAME"'),
    ],
)
def test_a_variable_that_nobody_knows_is_told(place: Place, variable: str, said: str) -> None:
    (problem,) = place.problems(**{variable: "planted"})

    assert problem.startswith(said)
    assert "planted" not in problem


def test_a_variable_in_two_spellings_is_told(place: Place) -> None:
    with pytest.raises(ConfigError, match="sets LANDED_log_level and a part of it, or the same in other letters"):
        load({"LANDED_LOG_LEVEL": "info", "LANDED_log_level": "debug"}, place.folder)


def test_a_variable_and_a_part_of_it_are_told(place: Place) -> None:
    (problem, *_) = place.problems(WORKER="x", WORKER__BATCH="5")

    assert "LANDED_WORKER__BATCH" in problem


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ('databse_url = "x"', "unknown setting 'databse_url'; did you mean 'database_url'?"),
        ("[worker]\nleese = '5s'", "unknown setting 'leese' in worker; did you mean 'lease'?"),
        ("[retention]\nxyz = 1", "unknown setting 'xyz' in retention; known are early, early_most, events, journal, "),
        ("[suppression.sms]\nreason = []", "unknown setting 'reason' in suppression.sms; did you mean 'reasons'?"),
        (
            "[suppression.sms.soft_bounces]\ncounts = 1",
            "unknown setting 'counts' in suppression.sms.soft_bounces; did you mean 'count'?",
        ),
        ("[suppression.smss]", "suppression: unknown channel 'smss'; did you mean 'sms'?"),
        ("[suppression.sms]\nreasons = ['spam', 'unreachable']", "suppression.sms.reasons: 'unreachable' cannot be"),
        (
            "[accounts.a]\nadaptor = 'x'",
            "accounts.a.adapter is missing; set it in landed.toml or as LANDED_ACCOUNTS__A",
        ),
        ("accounts = 'x'", "accounts: must be a table of settings"),
        ("[accounts]\na = 'x'", 'accounts.a: must be a table with at least adapter = "NAME"'),
        (
            "[accounts.a]\nadapter = 'x'\nchannels.smss.deadline = '1h'",
            "accounts.a.channels: unknown channel 'smss'; did you mean 'sms'?",
        ),
        (
            "[accounts.a]\nadapter = 'x'\nchannels.sms.dedline = '1h'",
            "unknown setting 'dedline' in accounts.a.channels.sms; did you mean 'deadline'?",
        ),
        (
            "[accounts.a]\nadapter = 'x'\nschedules.slow.lookz = []",
            "unknown setting 'lookz' in accounts.a.schedules.slow; did you mean 'looks'?",
        ),
        ("[accounts.a]\nadapter = 'x'\n[accounts.a.schedules.slow]", "accounts.a.schedules: the schedule 'slow' is"),
        ("[accounts.a]\nadapter = 'x'\nschedules = 5", "accounts.a.schedules: must be a table of settings"),
        ("log_level = 'loud'", "log_level: must be 'debug', 'info', 'warning' or 'error'"),
        ("prepared_statements = 'perhaps'", "prepared_statements: must be true or false"),
        ("[worker]\nbatch = 'many'", "worker.batch: must be a whole number"),
        ("[worker]\nbatch = 0", "worker.batch: must be greater than or equal to 1"),
        ("[worker]\nlease = '10ms'", "worker.lease: must be between 1s and 1d"),
        ("home = 5", "home: must be a path"),
    ],
)
def test_what_is_wrong_in_the_file_is_told(place: Place, toml: str, said: str) -> None:
    (problem,) = place.problems(toml)

    assert problem.startswith(said)


@pytest.mark.parametrize("name", ["Main", "1st", "a__b", "a-b", "_a", "", "ä", "a b", "a.b"])
def test_an_account_is_named_so_that_a_variable_can_name_it(place: Place, name: str) -> None:
    (problem,) = place.problems(f'[accounts."{name}"]\nadapter = "expo"')

    assert problem == f"{name!r} is no name for an account; use a-z, 0-9 and single _, beginning with a letter"


@pytest.mark.parametrize("name", ["a", "main", "sms_2", "a1_b2_c3"])
def test_a_good_name_can_be_set_by_a_variable(place: Place, name: str) -> None:
    settings = place.load(**{f"ACCOUNTS__{name.upper()}__ADAPTER": "expo"})

    assert list(settings.accounts) == [name]


def test_one_problem_of_an_account_hides_no_other(place: Place) -> None:
    problems = place.problems(
        """
        [accounts.a]
        adapter = "x"
        requests = ["0/h", "5"]
        channels.smss.deadline = "1h"
        channels.male.deadline = "1h"
        channels.sms.loks = []
        """
    )

    assert len(problems) == 4
    assert all(word in " ".join(problems) for word in ("'0/h'", "'5'", "'smss'", "'male'", "'loks'"))


def test_all_problems_are_told_at_once(place: Place) -> None:
    """From the file, from the environment, and from files that should hold secrets."""
    problems = place.problems(
        """
        vocabluary = "crisis"
        [worker]
        batch = "many"
        leese = "5s"
        [accounts.Bad]
        adapter = "expo"
        [accounts.alerts]
        auth_token = { file = "nowhere" }
        rate = 0
        timeout = "soon"
        """,
        LOG_LEVEL="loud",
        DATABSE_URL="x",
    )
    beginnings = [
        "unknown variable LANDED_DATABSE_URL",
        "accounts.alerts.auth_token: the file nowhere cannot be read",
        "'Bad' is no name for an account",
        "log_level: ",
        "worker.batch: must be a whole number",
        "unknown setting 'leese' in worker",
        "accounts.alerts.adapter is missing",
        "accounts.alerts.timeout: 'soon' is not a duration",
        "accounts.alerts.rate: must be above 0",
        "unknown setting 'vocabluary'; did you mean 'vocabulary'?",
    ]

    assert len(problems) == len(beginnings)
    assert [line for line in beginnings if not any(problem.startswith(line) for problem in problems)] == []


def test_problems_that_others_know_are_told_with_ours(place: Place) -> None:
    """Of every account whose adapter is named, whatever else is wrong with it."""
    place.write(
        "landed.toml",
        """
        log_level = "loud"
        [accounts.a]
        adapter = "expo"
        rate = 0
        acess_token = "x"
        [accounts.b]
        """,
    )
    seen: list[dict[str, Any]] = []

    def others(settings: Settings) -> list[str]:
        seen.append({name: table.settings for name, table in settings.accounts.items()})
        return ["from others"]

    with pytest.raises(ConfigError) as caught:
        load({}, place.folder, others)

    assert seen == [{"a": {"acess_token": "x"}}]
    assert len(caught.value.problems) == 4
    assert caught.value.problems[-1] == "from others"


def test_others_are_not_asked_while_nothing_is_wrong(place: Place) -> None:
    """A command that needs no account works while an adapter is broken."""
    assert load({}, place.folder, lambda _: pytest.fail("asked")) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"home = ", "landed.toml is not valid TOML: "),
        (b"[worker]\n[worker]\n", "landed.toml is not valid TOML: "),
        (b'home = "\xff"', "landed.toml is not UTF-8"),
        (b"a = " + b"[" * 20_000, "landed.toml is not valid TOML: "),
    ],
    ids=["broken", "twice", "not UTF-8", "deep"],
)
def test_a_file_that_cannot_be_understood_is_told_alone(place: Place, text: bytes, said: str) -> None:
    """What the environment adds to it would only seem wrong."""
    place.write("landed.toml", text)
    (problem,) = place.problems(ACCOUNTS__A__TOKEN="planted")

    assert said in problem
    assert "planted" not in problem


def test_a_file_from_windows_is_read(place: Place) -> None:
    place.write("landed.toml", b'\xef\xbb\xbflog_level = "debug"\r\n')

    assert place.load().log_level == "debug"


def test_the_file_is_where_the_variable_says(place: Place) -> None:
    """Relative to where the command runs; one that is named must be there."""
    (place.folder / "etc").mkdir()
    place.write("etc/other.toml", 'log_level = "debug"')

    assert place.load(CONFIG="etc/other.toml").log_level == "debug"
    assert place.load(CONFIG=str(place.folder / "etc/other.toml")).log_level == "debug"
    assert place.problems(CONFIG="etc/none.toml")[0].endswith("etc/none.toml cannot be read: No such file or directory")
    assert place.problems(CONFIG="etc")[0].endswith("etc cannot be read: Is a directory")


def test_paths_are_relative_to_where_they_are_written(place: Place) -> None:
    """In the file to its folder, in the environment to where the command runs."""
    (place.folder / "etc").mkdir()
    place.write("etc/landed.toml", 'home = "data"\nvocabularies = "/srv/words"')
    settings = place.load(CONFIG="etc/landed.toml")

    assert settings.home == place.folder / "etc/data"
    assert settings.vocabularies == Path("/srv/words")
    assert place.load(CONFIG="etc/landed.toml", HOME="mine").home == place.folder / "mine"


def test_settings_do_not_change_while_a_program_runs(place: Place) -> None:
    settings = place.load("[worker]\nbatch = 7")

    with pytest.raises(ValueError, match="frozen"):
        settings.log_level = "debug"
    with pytest.raises(ValueError, match="frozen"):
        settings.worker.batch = 8
