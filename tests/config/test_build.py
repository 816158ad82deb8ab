"""Accounts are made of settings: all problems of all at once, and the operator's figures over the adapter's."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar

import httpx
import pytest

import adapters
from adapters.base import Adapter, AdapterSettings, Limits, Page, What
from config import AccountOptions, ConfigError
from rules.adapting import Adaptive
from rules.deadlines import ALLOWANCES, HARD_LIMIT
from rules.reports import Word
from rules.schedules import DEFAULTS, STREAMED, Schedule
from rules.statuses import Channel, Reason, Status
from tests.adapters.plain import Plain
from tests.adapters.recorded import NOW, every_adapter
from tests.config.reading import Place
from worker.accounts import Account
from worker.build import build, faults

PLAIN = '[accounts.main]\nadapter = "tests.adapters.plain:Plain"\n'
QUEUE = '[accounts.{}]\nadapter = "messagemedia"\napi_key = "k"\napi_secret = "s"\n'


def built(place: Place, toml: str, **environ: str) -> dict[str, Account]:
    return build(place.load(toml, **environ))


def account(place: Place, options: str = "") -> Account:
    return built(place, PLAIN + options)["main"]


def problems(place: Place, toml: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        built(place, toml)
    return caught.value.problems


def test_no_account_is_a_configuration(place: Place) -> None:
    assert build(place.load()) == {}


def test_an_account_is_what_its_adapter_declares(place: Place) -> None:
    """As long as nothing else is set."""
    main = account(place)

    assert isinstance(main.adapter, Plain)
    assert main.name == "main"
    assert main.limits == Plain.limits
    assert (main.hard_limit, main.timeout, main.paused) == (HARD_LIMIT, timedelta(seconds=10), False)
    for channel in Channel:
        assert main.allowance(channel) == ALLOWANCES[channel]
        assert main.schedule(channel, None) == DEFAULTS[channel]


def test_an_operators_figures_go_over_the_adapters(place: Place) -> None:
    main = account(
        place,
        """
        first_look = "20s"
        retention = "3d"
        lag = "0s"
        horizon = "10m"
        rate = "30/m"
        concurrency = 2
        read_every = "1m"
        confirms = false
        hard_limit = "6h"
        timeout = "5s"
        paused = true
        """,
    )

    assert main.limits.first_look == timedelta(seconds=20)
    assert main.limits.retention == timedelta(days=3)
    assert main.limits.lag == timedelta()
    assert main.limits.horizon == timedelta(minutes=10)
    assert (main.limits.rate, main.limits.concurrency) == (0.5, 2)
    assert main.limits.read_every == timedelta(minutes=1)
    assert main.limits.confirms is False
    assert (main.hard_limit, main.timeout, main.paused) == (timedelta(hours=6), timedelta(seconds=5), True)
    assert main.limits.ids == Plain.limits.ids


def ages(*seconds: int) -> tuple[timedelta, ...]:
    return tuple(timedelta(seconds=second) for second in seconds)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('looks = ["5s"]', Schedule(ages(5))),
        ('looks = ["5s"]\nthen = "1m"\njitter = 0.5', Schedule(ages(5), timedelta(minutes=1), 0.5)),
        ('then = "1h"', Schedule(DEFAULTS[Channel.SMS].looks, timedelta(hours=1))),
        ("jitter = 0", Schedule(DEFAULTS[Channel.SMS].looks, DEFAULTS[Channel.SMS].then, 0)),
        ("looks = []", Schedule()),
        ('looks = []\nthen = "1h"', Schedule((), timedelta(hours=1))),
        ('looks = ["5s"]\nthen = "1m"\n[accounts.main.channels.sms]\nlooks = ["7s"]', Schedule(ages(7))),
        (
            'looks = ["5s"]\nthen = "1m"\n[accounts.main.channels.sms]\nthen = "2m"',
            Schedule(ages(5), timedelta(minutes=2)),
        ),
        (
            'looks = ["5s"]\njitter = 0.3\n[accounts.main.channels.sms]\nlooks = ["7s"]\nthen = "2m"',
            Schedule(ages(7), timedelta(minutes=2), 0.3),
        ),
        ('looks = ["5s"]\n[accounts.main.channels.email]\nlooks = ["7s"]', Schedule(ages(5))),
        ('looks = ["5s"]\nfirst_look = "1m"', Schedule(ages(5), first_look=timedelta(minutes=1))),
    ],
)
def test_a_schedule_is_the_channels_over_the_accounts_over_the_default(
    place: Place, options: str, expected: Schedule
) -> None:
    """Ages come with their own repeat, or with none; each other setting stands for itself."""
    assert account(place, options).schedule(Channel.SMS, None) == expected


def test_a_message_may_name_a_schedule(place: Place) -> None:
    main = account(
        place,
        """
        first_look = "2s"
        [accounts.main.schedules]
        urgent = { looks = ["5s", "10s"], then = "30s", jitter = 0 }
        rare = { then = "1d" }
        once = { looks = [] }
        """,
    )
    two = timedelta(seconds=2)

    assert main.schedule(Channel.SMS, "urgent") == Schedule(ages(5, 10), timedelta(seconds=30), 0, two)
    assert main.schedule(Channel.EMAIL, "rare") == Schedule((), timedelta(days=1), first_look=two)
    assert main.schedule(Channel.EMAIL, "once") == Schedule(first_look=two)
    assert main.schedule(Channel.SMS, "unknown") == main.schedule(Channel.SMS, None)


def test_no_schedule_follows_by_itself_unless_it_is_told_to(place: Place) -> None:
    assert account(place).adaptive == {}
    assert account(place, 'adaptive = false\nadaptive_every = "2h"').adaptive == {}


def test_a_channel_follows_within_its_own_limits_over_those_of_the_account(place: Place) -> None:
    main = account(
        place,
        """
        adaptive = true
        adaptive_looks_per_message = 4
        adaptive_every = "2h"
        [accounts.main.channels.sms]
        looks = ["5s"]
        adaptive_looks_per_message = 3
        adaptive_earliest = "2s"
        adaptive_longest_pause = "3h"
        [accounts.main.channels.email]
        adaptive = false
        """,
    )
    two, three = timedelta(hours=2), timedelta(hours=3)

    assert set(main.adaptive) == set(Channel) - {Channel.EMAIL}
    assert main.adaptive[Channel.SMS] == Adaptive(Schedule(ages(5)), 3, timedelta(seconds=2), three, two)
    assert main.adaptive[Channel.PUSH] == Adaptive(DEFAULTS[Channel.PUSH], 4, None, None, two)


def test_what_a_stream_brings_is_seldom_looked_up(place: Place) -> None:
    """Unless the operator wants it."""
    main = built(place, QUEUE.format("main"))["main"]
    other = built(place, QUEUE.format("main") + 'looks = ["5s"]')["main"]

    assert main.schedule(Channel.SMS, None) == STREAMED
    assert other.schedule(Channel.SMS, None).looks == ages(5)


@pytest.mark.parametrize(
    ("options", "sms", "email"),
    [
        ("", ALLOWANCES[Channel.SMS], ALLOWANCES[Channel.EMAIL]),
        ('deadline = "1h"', timedelta(hours=1), timedelta(hours=1)),
        ('deadline = "1h"\nchannels.sms.deadline = "2h"', timedelta(hours=2), timedelta(hours=1)),
        ('channels.sms.deadline = "2h"', timedelta(hours=2), ALLOWANCES[Channel.EMAIL]),
        ('deadline = "1h"\nchannels.sms.looks = ["5s"]', timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_a_deadline_is_the_channels_else_the_accounts_else_the_default(
    place: Place, options: str, sms: timedelta, email: timedelta
) -> None:
    main = account(place, options)

    assert (main.allowance(Channel.SMS), main.allowance(Channel.EMAIL)) == (sms, email)


def test_what_blocks_besides_goes_to_every_account(place: Place) -> None:
    """By channel: the recipient's provider may refuse a text message as spam, and the address is blocked for those."""
    main = account(place, '[suppression.sms]\nreasons = ["spam"]')
    refused = Word(Status.FAILED.bit, NOW, Reason.SPAM)

    assert main.blocks(refused) == 1 << Channel.SMS


def test_all_problems_of_all_accounts_are_told_at_once(place: Place) -> None:
    found = problems(
        place,
        """
        [accounts.a]
        adapter = "twillio"
        [accounts.b]
        adapter = "twilio"
        acount_sid = "AC1"
        [accounts.c]
        adapter = "acme.sms:Acme"
        [accounts.d]
        adapter = "expo"
        base_url = "exp.host"
        first_lok = "5s"
        [accounts.e]
        adapter = "expo"
        """,
    )

    assert [line.partition(";")[0] for line in found] == [
        "accounts.a.adapter: there is no adapter 'twillio'",
        "accounts.b.account_sid is missing",
        "accounts.b.auth_token is missing",
        "unknown setting 'acount_sid' in accounts.b",
        "accounts.c.adapter: the adapter 'acme.sms:Acme' cannot be loaded: No module named 'acme'",
        "accounts.d.base_url: must be an address like https://api.example.com",
        "unknown setting 'first_lok' in accounts.d",
    ]
    assert "did you mean 'twilio'?" in found[0]
    assert found[2].endswith("set it in landed.toml or as LANDED_ACCOUNTS__B__AUTH_TOKEN")
    assert found[3].endswith("did you mean 'account_sid'?")
    assert found[6].endswith("did you mean 'first_look'?")


def test_problems_with_a_secret_do_not_tell_it(place: Place) -> None:
    found = problems(place, '[accounts.a]\nadapter = "expo"\naccess_token = ["planted"]\nacces_token = "planted"')

    assert len(found) == 2
    assert "planted" not in "".join(found)


def test_faults_are_the_problems_without_raising(place: Place) -> None:
    assert faults(place.load(PLAIN)) == []
    assert len(faults(place.load('[accounts.a]\nadapter = "x"\n[accounts.b]\nadapter = "y"'))) == 2


@pytest.mark.parametrize("adapter", ["messagemedia", "infobip"])
def test_two_accounts_cannot_read_the_same_queue_or_drain(place: Place, adapter: str) -> None:
    """Each would take the other's reports. Another address or another key makes another account."""
    settings = {"messagemedia": 'api_key = "k"\napi_secret = "s"', "infobip": 'api_key = "k"'}[adapter]
    base = '\nbase_url = "https://one.example.com"'

    def one(name: str, more: str) -> str:
        return f'[accounts.{name}]\nadapter = "{adapter}"\n{settings}{more}\n'

    same = problems(place, one("first", base) + one("other", base) + one("third", base[:-1] + '/"'))
    differs = built(place, one("first", base) + one("other", '\nbase_url = "https://two.example.com"'))

    assert [line.partition(" is the same account as ")[::2] for line in same] == [
        ("accounts.other", "accounts.first; each would take the other's reports: remove one"),
        ("accounts.third", "accounts.first; each would take the other's reports: remove one"),
    ]
    assert list(differs) == ["first", "other"]


def test_two_accounts_may_ask_the_same_provider_otherwise(place: Place) -> None:
    """Lookups take nothing from each other."""
    assert len(built(place, PLAIN + PLAIN.replace("main", "other"))) == 2


def test_the_fingerprint_changes_with_the_credentials_and_not_with_a_schedule(place: Place) -> None:
    """A provider that refused us is asked again once its credentials were changed, and it tells nothing of them."""
    prints = {
        options: account(place, options).fingerprint
        for options in ("", 'token = "planted"', 'token = "other"', 'looks = ["5s"]', "rate = 1")
    }

    assert len({prints[""], prints['token = "planted"'], prints['token = "other"']}) == 3
    assert prints[""] == prints['looks = ["5s"]'] == prints["rate = 1"]
    assert [one for one in prints.values() if "planted" in one or len(one) > 16] == []


@every_adapter
def test_no_adapter_wants_a_setting_that_every_account_has(name: str) -> None:
    """It would never get it."""
    assert set(adapters.find(name).Settings.model_fields) & {*AccountOptions.model_fields, "adapter"} == set()


class Odd(AdapterSettings):
    """Settings of a third party's adapter that cannot be hashed."""

    base_url: str = "https://odd.example"
    numbers: list[int]


class OddQueue(Adapter[Odd]):
    """An adapter of a third party, with a queue."""

    name = "odd"
    channels = (Channel.SMS,)
    limits = Limits(queue=10)
    STATUSES: ClassVar[Mapping[str, Status]] = {}
    REASONS: ClassVar[Mapping[str, Reason]] = {}
    Settings = Odd

    def ask(self, what: What) -> httpx.Request:
        """Never."""
        raise self.cannot(what)

    def read(self, what: What, response: httpx.Response) -> Page:
        """Nothing."""
        del what, response
        return Page()

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:
        """None."""
        del now, nonce
        return httpx.Auth()


def test_a_third_partys_settings_may_have_any_shape(place: Place) -> None:
    toml = '[accounts.{}]\nadapter = "tests.config.test_build:OddQueue"\nnumbers = [{}]\n'

    assert len(built(place, toml.format("a", 1) + toml.format("b", 2))) == 2
    assert len(problems(place, toml.format("a", 1) + toml.format("b", 1))) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('keep_settled = "2d30m"\nretention = "2d"', []),
        ('keep_settled = "2d"\nretention = "2d"\nhorizon = "1m"', ["may report on a message for 2d1m"]),
        ('keep_settled = "1h"', ["may report on a message for 3d"]),
        ('keep_settled = "89d"\n[suppression.sms]\nsoft_bounces = {}', ["soft bounces count for 90d"]),
        ('keep_settled = "90d"\n[suppression.sms]\nsoft_bounces = {}', []),
    ],
)
def test_nothing_is_dropped_of_which_something_may_still_be_heard(
    place: Place, options: str, expected: list[str]
) -> None:
    """Or that may count for a block. The problem says what to set."""
    toml = f'[accounts.main]\nadapter = "mailgun"\ndomain = "example.org"\napi_key = "k"\n{options}'
    found = faults(place.load(toml))

    assert len(found) == len(expected)
    for problem, part in zip(found, expected, strict=True):
        assert problem.startswith("accounts.main.keep_settled: ")
        assert part in problem
        assert "keep messages at least so long, or" in problem


def test_settled_messages_are_kept_for_ever_unless_that_is_set(place: Place) -> None:
    assert account(place).keep_settled is None
    assert account(place, 'keep_settled = "400d"').keep_settled == timedelta(days=400)


def test_the_archive_may_lie_beside_the_file_that_names_it(place: Place) -> None:
    assert place.load("").archive is None
    assert place.load('archive = "old"').archive == place.folder / "old"
