"""Mailgun as its documentation has it."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from rules.statuses import Channel
from simulator import Faults, Scenario
from tests.simulator.conftest import Play
from tests.simulator.playing import START, Params, Playing


def _path(playing: Playing) -> str:
    return f"/v3/{playing.simulator.settings('mailgun')['domain']}/events"


async def _ask(playing: Playing, query: Params) -> dict[str, Any]:
    """A first page."""
    return _page(await playing.ask("mailgun", _path(playing), params=query))


async def _follow(playing: Playing, page: dict[str, Any], to: str = "next") -> dict[str, Any]:
    """The page to which another leads."""
    return _page(await playing.ask("mailgun", page["paging"][to]))


def _page(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


async def _all(playing: Playing, query: Params) -> list[dict[str, Any]]:
    """All events, page by page until one is empty."""
    page = await _ask(playing, query)
    events = list(page["items"])
    while page["items"]:
        page = await _follow(playing, page)
        events += page["items"]
    return events


async def test_a_message_to_several_recipients_has_events_of_each_under_one_id(playing: Playing) -> None:
    sent = playing.simulator.send("mailgun", Channel.EMAIL, ["Ann@example.org", "bob@example.org"], fate="delivered")
    playing.end()
    events = (await _ask(playing, {"message-id": sent[0].provider_id}))["items"]

    assert len({one.provider_id for one in sent}) == 1
    assert [one.part for one in sent] == ["ann@example.org", "bob@example.org"]
    assert {("Ann@example.org", "accepted"), ("Ann@example.org", "delivered")} == {
        (event["recipient"], event["event"]) for event in events if event["recipient"].startswith("A")
    }
    assert len(events) == 4


async def test_an_unknown_message_has_no_events(playing: Playing) -> None:
    playing.send("mailgun", "delivered")

    assert (await _ask(playing, {"message-id": "20260101.1.nobody@example.org"}))["items"] == []


async def test_a_failure_has_severity_reason_code_and_attempt(playing: Playing) -> None:
    sent = playing.send("mailgun", "full_until_given_up")
    playing.end()
    query = {"message-id": sent.provider_id, "ascending": "yes"}
    _, first, second, last = (await _ask(playing, query))["items"]

    assert _failure(first) == ("failed", "temporary", 452, "4.2.2", 1)
    assert _failure(second) == ("failed", "temporary", 452, "4.2.2", 2)
    assert _failure(last) == ("failed", "permanent", 602, None, None)
    assert last["reason"] == "old"
    assert START.timestamp() < first["timestamp"] < second["timestamp"] < last["timestamp"]


def _failure(event: dict[str, Any]) -> tuple[object, ...]:
    status = event["delivery-status"]
    return event["event"], event["severity"], status["code"], status.get("enhanced-code"), status.get("attempt-no")


async def test_a_machine_opens_with_the_name_of_a_bot(playing: Playing) -> None:
    by_person, by_machine = playing.send("mailgun", "opened"), playing.send("mailgun", "machine_opened")
    playing.end()
    opens = await _all(playing, {"event": "opened"})
    bots = {event["message"]["headers"]["message-id"]: event["client-info"]["bot"] for event in opens}

    assert {by_person.provider_id: "", by_machine.provider_id: "apple"} == bots


async def test_a_feed_is_read_in_pages_until_one_is_empty_and_goes_on_from_there(playing: Playing) -> None:
    for _ in range(5):
        playing.send("mailgun", "delivered")
    playing.end()
    page = await _ask(playing, {"begin": START.timestamp() - 1, "ascending": "yes", "limit": 4})
    sizes, times = [len(page["items"])], [event["timestamp"] for event in page["items"]]
    while page["items"]:
        page = await _follow(playing, page)
        sizes.append(len(page["items"]))
        times += [event["timestamp"] for event in page["items"]]
    playing.send("mailgun", "delivered")
    later = await _follow(playing, page)

    assert sizes == [4, 4, 2, 0]
    assert sorted(times) == times
    assert [event["event"] for event in later["items"]] == ["accepted"]


async def test_the_previous_page_is_the_one_before(playing: Playing) -> None:
    for _ in range(4):
        playing.send("mailgun", "silent")
        playing.clock.advance(1)
    first = await _ask(playing, {"begin": START.timestamp() - 1, "ascending": "yes", "limit": 2})
    second = await _follow(playing, first)
    back = await _follow(playing, second, "previous")

    assert first["items"] == back["items"]


async def test_without_a_direction_the_newest_come_first(playing: Playing) -> None:
    playing.send("mailgun", "delivered")
    playing.end()

    assert [event["event"] for event in await _all(playing, {})] == ["delivered", "accepted"]
    assert [event["event"] for event in await _all(playing, {"limit": 1})] == ["delivered", "accepted"]


async def test_an_event_is_inserted_behind_the_position_within_the_horizon(play: Play) -> None:
    playing = await play(Scenario(seed=3, typical=timedelta(seconds=10), faults=Faults(inserted_late=0.5)))
    playing.clock.advance(1)
    seen: dict[str, float] = {}
    newest, late = 0.0, []
    for _ in range(60):
        playing.send("mailgun", "delivered")
        playing.clock.advance(1)
        for event in await _all(playing, {"begin": START.timestamp(), "ascending": "yes", "limit": 300}):
            if event["id"] not in seen and event["timestamp"] < newest:
                late.append(newest - event["timestamp"])
            seen[event["id"]] = event["timestamp"]
        newest = max(seen.values(), default=0.0)

    assert late
    assert max(late) <= playing.simulator.scenario.horizon.total_seconds()
    assert playing.simulator.faulted["inserted_late"] >= len(late)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({"begin": "1"}, "ascending"),
        ({"begin": "2", "end": "1", "ascending": "yes"}, "contradict"),
        ({"limit": "301"}, "limit"),
        ({"begin": "soon", "ascending": "yes"}, ""),
    ],
)
async def test_a_query_that_contradicts_itself_is_refused(playing: Playing, query: dict[str, str], text: str) -> None:
    response = await playing.ask("mailgun", _path(playing), params=query)

    assert response.status_code == 400
    assert text in response.json()["message"]


async def test_times_may_be_those_of_mails(playing: Playing) -> None:
    playing.send("mailgun", "silent")
    wanted = {"begin": "Tue, 24 Nov 2026 11:59:59 +0000", "end": "Tue, 24 Nov 2026 12:00:01 +0000"}

    assert len((await _ask(playing, wanted))["items"]) == 1


async def test_wrong_credentials_and_other_domains_are_refused(playing: Playing) -> None:
    wrong = await playing.ask("mailgun", _path(playing), settings={"api_key": "key-wrong"})
    other = await playing.ask("mailgun", "/v3/another.example.org/events")
    page = await playing.ask("mailgun", _path(playing) + "/nonsense")

    assert [answer.status_code for answer in (wrong, other, page)] == [401, 404, 400]
