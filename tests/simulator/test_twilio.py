"""Twilio as its documentation has it."""

from email.utils import parsedate_to_datetime

import httpx

from rules.statuses import Channel
from tests.simulator.playing import START, Playing


def _path(playing: Playing, rest: str) -> str:
    return f"/2010-04-01/Accounts/{playing.simulator.settings('twilio')['account_sid']}/{rest}"


async def _look_up(playing: Playing, sid: str) -> httpx.Response:
    return await playing.ask("twilio", _path(playing, f"Messages/{sid}.json"))


async def test_a_message_is_found_by_its_sid_with_its_present_word(playing: Playing) -> None:
    sent = playing.send("twilio", "unknown_number")

    first = (await _look_up(playing, sent.provider_id)).json()
    playing.end()
    last = (await _look_up(playing, sent.provider_id)).json()

    assert (first["status"], first["error_code"], first["date_sent"]) == ("queued", None, None)
    assert (last["status"], last["error_code"]) == ("undelivered", 30005)
    assert last["error_message"] == "Unknown destination handset"
    assert parsedate_to_datetime(last["date_created"]) == START
    assert START < parsedate_to_datetime(last["date_updated"]) <= playing.clock.now
    assert (last["direction"], last["num_segments"]) == ("outbound-api", "1")


async def test_an_unknown_sid_is_404_with_code_20404(playing: Playing) -> None:
    response = await _look_up(playing, "SM" + "0" * 32)

    assert (response.status_code, response.json()["code"], response.json()["status"]) == (404, 20404, 404)


async def test_wrong_credentials_are_401_with_code_20003(playing: Playing) -> None:
    path = _path(playing, "Messages.json")
    wrong = await playing.ask("twilio", path, settings={"auth_token": "wrong"})
    none = await playing.client.get(path)
    other = await playing.ask("twilio", path.replace("/AC", "/AD"))

    assert [(answer.status_code, answer.json()["code"]) for answer in (wrong, none, other)] == [(401, 20003)] * 3


async def test_a_listing_is_read_to_its_end_by_its_next_pages_newest_first(playing: Playing) -> None:
    sent = []
    for _ in range(7):
        sent.append(playing.send("twilio", "delivered").provider_id)
        playing.clock.advance(1)
    playing.end()

    pages, path = [], _path(playing, "Messages.json?PageSize=3")
    while path:
        page = (await playing.ask("twilio", path)).json()
        pages.append([message["sid"] for message in page["messages"]])
        path = page["next_page_uri"]

    assert [len(page) for page in pages] == [3, 3, 1]
    assert sent[::-1] == [sid for page in pages for sid in page]


async def test_a_message_sent_while_pages_are_read_moves_nothing(playing: Playing) -> None:
    old = [playing.send("twilio", "delivered").provider_id for _ in range(4)]
    first = (await playing.ask("twilio", _path(playing, "Messages.json?PageSize=2"))).json()
    playing.send("twilio", "delivered")
    second = (await playing.ask("twilio", first["next_page_uri"])).json()

    assert old[::-1] == [message["sid"] for page in (first, second) for message in page["messages"]]


async def test_a_listing_is_bounded_by_times_or_days_both_ends_included(playing: Playing) -> None:
    for _ in range(3):
        playing.send("twilio", "delivered")
        playing.clock.advance(3600)
    playing.end()
    windows = {
        "hour": {"DateSent>": "2026-11-24T12:30:00Z", "DateSent<": "2026-11-24T13:30:00Z"},
        "day": {"DateSent>": "2026-11-24", "DateSent<": "2026-11-24"},
        "that day": {"DateSent": "2026-11-24"},
        "before": {"DateSent<": "2026-11-23"},
    }
    found = {
        name: len((await playing.ask("twilio", _path(playing, "Messages.json"), params=window)).json()["messages"])
        for name, window in windows.items()
    }

    assert found == {"hour": 1, "day": 3, "that day": 3, "before": 0}


async def test_a_window_that_is_no_time_is_refused(playing: Playing) -> None:
    response = await playing.ask("twilio", _path(playing, "Messages.json"), params={"DateSent>": "yesterday"})

    assert response.status_code == 400


async def test_whatsapp_addresses_say_so_and_are_read(playing: Playing) -> None:
    sent = playing.send("twilio", "chat_read", channel=Channel.CHAT)
    playing.end()
    message = (await _look_up(playing, sent.provider_id)).json()

    assert (message["to"], message["status"]) == ("whatsapp:+15550100001", "read")
