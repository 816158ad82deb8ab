"""What goes wrong, how often, and that progress is always made."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime, timedelta
from itertools import groupby

import httpx
import pytest

from rules.statuses import Channel
from simulator import Faults, Scenario, Simulator
from tests.simulator.conftest import Play
from tests.simulator.playing import START, Clock, Playing

#: A request to each provider that it answers.
ASKED: dict[str, dict[str, object]] = {
    "expo": {"path": "/--/api/v2/push/getReceipts", "method": "POST", "json": {"ids": []}},
    "govuk_notify": {"path": "/v2/notifications"},
    "infobip": {"path": "/sms/3/logs"},
    "mailgun": {"path": "/v3/{domain}/events"},
    "messagemedia": {"path": "/v1/delivery_reports"},
    "twilio": {"path": "/2010-04-01/Accounts/{account_sid}/Messages.json"},
}


async def _ask(playing: Playing, name: str) -> httpx.Response:
    asked = dict(ASKED[name])
    path = str(asked.pop("path")).format(**playing.simulator.settings(name))
    return await playing.ask(name, path, **asked)  # type: ignore[arg-type]


def _scenario(typical: float = 10, silence: float = 15, **rates: float) -> Scenario:
    return Scenario(
        seed=2, typical=timedelta(seconds=typical), silence=timedelta(seconds=silence), faults=Faults(**rates)
    )


@pytest.mark.parametrize("name", ASKED)
@pytest.mark.parametrize(
    ("fault", "statuses"), [("throttled", {429}), ("throttled_silently", {429}), ("server_error", {500, 502, 503})]
)
async def test_a_request_goes_wrong_twice_and_then_is_answered(
    play: Play, name: str, fault: str, statuses: set[int]
) -> None:
    playing = await play(_scenario(**{fault: 1}))
    answers = [await _ask(playing, name) for _ in range(6)]

    assert [answer.status_code in statuses for answer in answers] == [True, True, False] * 2
    assert [answer.status_code for answer in answers[2::3]] == [200, 200]
    assert Counter({fault: 4}) == playing.simulator.faulted
    assert {"1" if fault == "throttled" else None} == {answers[0].headers.get("Retry-After")}
    assert playing.simulator.requests[name] == 6


@pytest.mark.parametrize("name", ASKED)
async def test_wrong_credentials_are_refused_whatever_goes_wrong(play: Play, name: str) -> None:
    playing = await play(_scenario(server_error=1))
    path = str(ASKED[name]["path"]).format(**playing.simulator.settings(name))
    response = await playing.client.request(str(ASKED[name].get("method", "GET")), path)

    assert response.status_code == 401


@pytest.mark.parametrize("name", ASKED)
async def test_a_cut_answer_is_no_json_and_then_comes_whole(play: Play, name: str) -> None:
    playing = await play(_scenario(truncated=1))
    answers = [await _ask(playing, name) for _ in range(3)]

    assert [_is_json(answer) for answer in answers] == [False, False, True]
    assert Counter({"truncated": 2}) == playing.simulator.faulted


def _is_json(answer: httpx.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


async def test_no_answer_ends_with_a_closed_connection(play: Play) -> None:
    playing = await play(_scenario(timeout=1, silence=0.05))
    for _ in range(2):
        with pytest.raises(httpx.RemoteProtocolError):
            await _ask(playing, "twilio")

    assert (await _ask(playing, "twilio")).status_code == 200
    assert Counter({"timeout": 2}) == playing.simulator.faulted


async def test_a_request_that_is_kept_waiting_does_not_hold_up_the_end(play: Play) -> None:
    playing = await play(_scenario(timeout=1, silence=3600))
    waiting = asyncio.ensure_future(_ask(playing, "twilio"))
    while not playing.simulator.faulted["timeout"]:
        await playing.client.get("/")
    async with asyncio.timeout(5):
        await playing.simulator.stop()
        result = await asyncio.gather(waiting, return_exceptions=True)

    assert isinstance(result[0], httpx.TransportError)


async def test_a_drained_answer_that_is_lost_is_in_the_logs(play: Play) -> None:
    playing = await play(_scenario(lost=1))
    sent = playing.send("infobip", "delivered")
    playing.end()
    got = 0
    try:
        answer = await playing.ask("infobip", "/sms/3/reports")
        got = _is_json(answer)
    except httpx.TransportError:
        pass
    again = await playing.ask("infobip", "/sms/3/reports")
    logs = await playing.ask("infobip", "/sms/3/logs", params={"messageId": sent.provider_id})

    assert not got
    assert again.json() == {"results": []}
    assert logs.json()["results"][0]["status"]["name"] == "DELIVERED_TO_HANDSET"
    assert Counter({"lost": 1}) == playing.simulator.faulted


async def test_a_drained_answer_is_lost_in_both_ways(play: Play) -> None:
    """The connection breaks, or the answer comes cut."""
    playing = await play(_scenario(lost=0.9))
    ways = Counter[str]()
    for _ in range(30):
        playing.send("infobip", "no_credit")
        playing.end()
        try:
            ways["whole" if _is_json(await playing.ask("infobip", "/sms/3/reports")) else "cut"] += 1
        except httpx.TransportError:
            ways["broken"] += 1

    assert {"whole", "cut", "broken"} == set(ways)
    assert ways["cut"] + ways["broken"] == playing.simulator.faulted["lost"]


async def test_what_is_late_is_known_later_and_not_for_ever(play: Play) -> None:
    playing = await play(_scenario(late=1))
    plain = await play(_scenario())
    ids = [one.send("expo", "ok").provider_id for one in (playing, plain)]
    ready = [await _first_receipt(one, name) for one, name in zip((playing, plain), ids, strict=True)]

    assert ready[1] < ready[0] <= ready[1] + playing.simulator.scenario.delay.total_seconds()
    assert Counter({"late": 1}) == playing.simulator.faulted


async def _first_receipt(playing: Playing, name: str) -> float:
    """After how many seconds there is a receipt."""
    while True:
        playing.clock.advance(0.1)
        path = "/--/api/v2/push/getReceipts"
        if (await playing.ask("expo", path, method="POST", json={"ids": [name]})).json()["data"]:
            return (playing.clock.now - START).total_seconds()


async def test_an_old_answer_is_given_for_a_moment_only(play: Play) -> None:
    playing = await play(_scenario(out_of_order=0.5))
    sent = playing.send("twilio", "unknown_number")
    path = (
        f"/2010-04-01/Accounts/{playing.simulator.settings('twilio')['account_sid']}/Messages/{sent.provider_id}.json"
    )
    words: list[str] = []
    while not words or playing.clock.now < START + playing.simulator.scenario.longest:
        words.append((await playing.ask("twilio", path)).json()["status"])
        playing.clock.advance(0.5)

    assert list(dict.fromkeys(words)) == ["queued", "sent", "undelivered"]
    assert words[-1] == "undelivered"
    assert [word for word, _ in groupby(words)] != list(dict.fromkeys(words))
    assert playing.simulator.faulted["out_of_order"] > 0


async def test_reports_come_in_any_order(play: Play) -> None:
    orders = {}
    for name, path, key in (
        ("messagemedia", "/v1/delivery_reports", "delivery_reports"),
        ("infobip", "/sms/3/reports", "results"),
    ):
        playing = await play(_scenario(out_of_order=1))
        for _ in range(10):
            playing.send(name, "delivered")
        playing.end()
        reports = (await playing.ask(name, path)).json()[key]
        times = [report.get("submitted_date") or report["doneAt"] for report in reports]
        orders[name] = (sorted(times), sorted(times, reverse=True), times)

    for up, down, given in orders.values():
        assert given not in (up, down)


async def test_events_run_backwards_in_time(play: Play) -> None:
    playing = await play(_scenario(out_of_order=1))
    sent = playing.send("mailgun", "delivered")
    playing.end()
    path = f"/v3/{playing.simulator.settings('mailgun')['domain']}/events"
    events = (await playing.ask("mailgun", path, params={"message-id": sent.provider_id, "ascending": "yes"})).json()

    assert [event["event"] for event in events["items"]] == ["delivered", "accepted"]
    assert Counter({"out_of_order": 1}) == playing.simulator.faulted


async def test_a_confirmed_report_comes_again_once(play: Play) -> None:
    playing = await play(_scenario(repeated=0.5))
    for _ in range(30):
        playing.send("messagemedia", "blocked")
    playing.end()
    seen = Counter[str]()
    while True:
        reports = (await playing.ask("messagemedia", "/v1/delivery_reports")).json()["delivery_reports"]
        ids = [report["delivery_report_id"] for report in reports]
        if not ids:
            break
        seen.update(ids)
        await playing.ask(
            "messagemedia", "/v1/delivery_reports/confirmed", method="POST", json={"delivery_report_ids": ids}
        )

    assert len(seen) == 60
    assert seen.total() - len(seen) == playing.simulator.faulted["repeated"] > 0


@pytest.mark.parametrize("name", ["twilio", "govuk_notify", "infobip", "mailgun"])
async def test_an_item_comes_twice_and_pages_still_end(play: Play, name: str) -> None:
    playing = await play(_scenario(repeated=1))
    sent = [playing.send(name).provider_id for _ in range(300 if name == "govuk_notify" else 12)]
    playing.end()
    found = Counter(await READERS[name](playing))

    assert set(sent) <= set(found)
    assert playing.simulator.faulted["repeated"] > 0


async def _twilio(playing: Playing) -> list[str]:
    path: str | None = f"{ASKED['twilio']['path']}?PageSize=1".format(**playing.simulator.settings("twilio"))
    found: list[str] = []
    while path:
        page = (await playing.ask("twilio", path)).json()
        found += [message["sid"] for message in page["messages"]]
        path = page["next_page_uri"]
    return found


async def _govuk_notify(playing: Playing) -> list[str]:
    path: str | None = "/v2/notifications"
    found: list[str] = []
    while path:
        page = (await playing.ask("govuk_notify", path)).json()
        found += [one["id"] for one in page["notifications"]]
        path = page["links"].get("next")
    return found


async def _infobip(playing: Playing) -> list[str]:
    found: list[str] = []
    while results := (await playing.ask("infobip", "/sms/3/reports")).json()["results"]:
        found += [one["messageId"] for one in results]
    return found


async def _mailgun(playing: Playing) -> list[str]:
    path = str(ASKED["mailgun"]["path"]).format(**playing.simulator.settings("mailgun"))
    page = (await playing.ask("mailgun", path, params={"begin": START.timestamp() - 1, "ascending": "yes"})).json()
    found: list[str] = []
    while page["items"]:
        found += [event["message"]["headers"]["message-id"] for event in page["items"]]
        page = (await playing.ask("mailgun", page["paging"]["next"])).json()
    return found


READERS = {"twilio": _twilio, "govuk_notify": _govuk_notify, "infobip": _infobip, "mailgun": _mailgun}


async def test_what_is_missing_in_a_stream_is_in_a_lookup(play: Play) -> None:
    playing, plain = await play(_scenario(missing=1)), await play(_scenario())
    for _ in range(40):
        plain.send("infobip")
    plain.end()
    whole = len(await _infobip(plain))
    ids = {name: [playing.send(name).provider_id for _ in range(40)] for name in ("mailgun", "infobip", "messagemedia")}
    playing.end()
    events, reports = Counter(await _mailgun(playing)), Counter(await _infobip(playing))
    domain = playing.simulator.settings("mailgun")["domain"]
    looked = 0
    for name in ids["mailgun"]:
        page = await playing.ask("mailgun", f"/v3/{domain}/events", params={"message-id": name})
        looked += len(page.json()["items"])
    logs = await playing.ask("infobip", "/sms/3/logs", params={"messageId": ",".join(ids["infobip"])})

    assert set(ids["infobip"]) == {one["messageId"] for one in logs.json()["results"]}
    assert 0 < looked - events.total() <= 40
    assert 0 < reports.total() < whole
    assert looked - events.total() < playing.simulator.faulted["missing"]


async def test_a_clock_that_is_off_shows_in_times_and_in_what_tokens_are_fresh(play: Play) -> None:
    playing = await play(_scenario(clock_skew=1))
    sent = playing.send("govuk_notify", "sms_delivered")
    found = (await playing.ask("govuk_notify", f"/v2/notifications/{sent.provider_id}")).json()
    off = abs(datetime.fromisoformat(found["created_at"]) - START)

    assert timedelta() < off <= playing.simulator.scenario.skew
    assert Counter({"clock_skew": 1}) == playing.simulator.faulted


@pytest.mark.parametrize(("rate", "count"), [(0.01, 1), (0.5, 3), (1, 6)])
def test_so_many_clocks_are_off_and_at_least_one_if_any_may_be(rate: float, count: int) -> None:
    right, off = (Simulator(Scenario(seed=5, faults=Faults(clock_skew=share)), Clock()) for share in (0, rate))
    times = [{name: _told_at(simulator, name) for name in ASKED} for simulator in (right, off)]

    assert count == sum(times[0][name] != times[1][name] for name in ASKED)


def _told_at(simulator: Simulator, name: str) -> datetime | None:
    """When, by the provider's clock, the end of a first message came."""
    (sent,) = simulator.send(name, next(iter(simulator.fates(name).values()))[0], ["+15550100001"])
    return simulator.truth(sent, START + simulator.scenario.longest).status_at


@pytest.mark.parametrize("name", READERS)
async def test_others_on_the_account_are_listed_and_are_not_ours(play: Play, name: str) -> None:
    playing = await play(_scenario(others=1))
    sent = {playing.send(name).provider_id for _ in range(10)}
    playing.end()
    found = set(await READERS[name](playing))

    assert sent < found
    assert len(found) - len(sent) == playing.simulator.faulted["others"] == 10


async def test_a_word_that_nobody_knows_is_shown_and_then_the_right_one(play: Play) -> None:
    playing = await play(_scenario(unknown_word=1))
    sent = playing.send("govuk_notify", "sms_wrong_number")
    stays = playing.send("govuk_notify", "sms_created_for_ever")
    words: dict[str, list[str]] = {sent.provider_id: [], stays.provider_id: []}
    while playing.clock.now < START + playing.simulator.scenario.longest:
        for name, said in words.items():
            said.append((await playing.ask("govuk_notify", f"/v2/notifications/{name}")).json()["status"])
        playing.clock.advance(0.25)

    assert list(dict.fromkeys(words[sent.provider_id])) == ["created", "sending", "pondering", "permanent-failure"]
    assert list(dict.fromkeys(words[stays.provider_id])) == ["created", "pondering"]
    assert Counter({"unknown_word": 2}) == playing.simulator.faulted


async def test_what_was_never_sent_may_be_in_no_window(play: Play) -> None:
    playing = await play(_scenario(unlisted=1))
    sent, unsent = (playing.send("twilio", fate).provider_id for fate in ("delivered", "queue_full"))
    playing.end()
    path = str(ASKED["twilio"]["path"]).format(**playing.simulator.settings("twilio"))
    window = (await playing.ask("twilio", path, params={"DateSent>": "2026-11-24"})).json()["messages"]
    everything = (await playing.ask("twilio", path)).json()["messages"]

    assert [sent] == [message["sid"] for message in window]
    assert {sent, unsent} == {message["sid"] for message in everything}
    assert Counter({"unlisted": 1}) == playing.simulator.faulted


async def test_on_a_bad_day_everything_goes_wrong_and_all_is_told(play: Play) -> None:
    """A client that asks again and looks everything up learns all, and every fault has happened."""
    usual = Faults.usual()
    playing = await play(Scenario(seed=9, typical=timedelta(seconds=4), silence=timedelta(seconds=0.01), faults=usual))
    for _ in range(25):
        for name in playing.simulator.providers:
            for channel in {one for channels in playing.simulator.fates(name).values() for one in channels}:
                playing.send(name, channel=channel)
        playing.clock.advance(0.5)
        for name in playing.simulator.providers:
            await _patiently(playing, name)
    playing.end()
    for name in playing.simulator.providers:
        await _patiently(playing, name)

    # This client asks for no list by time, from which something could be left out.
    rates: Mapping[str, float] = {
        one.name: getattr(usual, one.name) for one in fields(Faults) if one.name != "unlisted"
    }
    assert {name for name, rate in rates.items() if rate} == set(playing.simulator.faulted)


async def _patiently(playing: Playing, name: str) -> None:
    """Ask until there is an answer; at the third try there is."""
    for _ in range(3):
        try:
            answer = await _ask(playing, name)
        except httpx.TransportError:
            continue
        if answer.status_code == 200 and _is_json(answer):
            if name == "messagemedia":
                ids = [report["delivery_report_id"] for report in answer.json()["delivery_reports"]]
                await _confirm(playing, ids)
            if name == "infobip":
                await _drain(playing)
            return
    raise AssertionError(name)


async def _confirm(playing: Playing, ids: list[str]) -> None:
    confirmed = {"delivery_report_ids": ids}
    while ids:
        try:
            answer = await playing.ask("messagemedia", "/v1/delivery_reports/confirmed", method="POST", json=confirmed)
        except httpx.TransportError:
            continue
        if answer.status_code == 202:
            return


async def _drain(playing: Playing) -> None:
    try:
        await playing.ask("infobip", "/sms/3/reports", params={"limit": 1000})
    except httpx.TransportError:
        return


async def test_requests_go_wrong_in_the_same_way_with_the_same_seed(play: Play) -> None:
    async def statuses() -> list[int]:
        playing = await play(Scenario(seed=4, faults=Faults(throttled=0.3, server_error=0.3)))
        playing.simulator.send("twilio", Channel.SMS, ["+15550100001"])
        return [(await _ask(playing, "twilio")).status_code for _ in range(30)]

    first, second = await statuses(), await statuses()

    assert first == second
    assert len(set(first)) > 2
