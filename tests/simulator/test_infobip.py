"""Infobip as its documentation has it."""

from datetime import datetime
from typing import Any

import pytest

from tests.simulator.playing import START, Playing

REPORTS, LOGS = "/sms/3/reports", "/sms/3/logs"


async def _results(playing: Playing, path: str, **params: str | int) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = (await playing.ask("infobip", path, params=params)).json()["results"]
    return results


async def test_a_report_is_given_once_and_a_later_change_is_another(playing: Playing) -> None:
    sent = playing.send("infobip", "by_operator")
    playing.clock.advance(3)
    early = await _results(playing, REPORTS)
    playing.end()
    late, over = await _results(playing, REPORTS), await _results(playing, REPORTS)
    names = [report["status"]["name"] for report in late[::-1] + early[::-1]]

    assert {"PENDING_ENROUTE", "DELIVERED_TO_OPERATOR", "DELIVERED_TO_HANDSET"} == set(names)
    assert len(names) == 3
    assert over == []
    assert (sent.provider_id, sent.recipient) == (late[0]["messageId"], late[0]["to"])


async def test_the_newest_reports_come_first_as_many_as_asked_for(playing: Playing) -> None:
    for _ in range(60):
        playing.send("infobip", "no_credit")
    playing.end()
    usual, rest = await _results(playing, REPORTS), await _results(playing, REPORTS, limit=1000)

    assert [len(usual), len(rest)] == [50, 10]
    assert min(report["doneAt"] for report in usual) >= max(report["doneAt"] for report in rest)


async def test_a_report_has_groups_ids_and_whether_its_error_is_permanent(playing: Playing) -> None:
    playing.send("infobip", "absent")
    playing.end()
    report = (await _results(playing, REPORTS))[0]

    assert tuple(report["status"][name] for name in ("groupId", "groupName", "id")) == (2, "UNDELIVERABLE", 9)
    assert tuple(report["error"][name] for name in ("id", "name", "permanent")) == (27, "EC_ABSENT_SUBSCRIBER", False)
    assert report["sentAt"].endswith("+0000")
    assert datetime.fromisoformat(report["sentAt"]) == START


async def test_logs_can_be_read_again_by_id_several_at_once(playing: Playing) -> None:
    ids = [playing.send("infobip", "delivered").provider_id for _ in range(3)]
    playing.end()
    wanted = ",".join([*ids[:2], "unknown"])
    first, again = await _results(playing, LOGS, messageId=wanted), await _results(playing, LOGS, messageId=wanted)

    assert set(ids[:2]) == {entry["messageId"] for entry in first}
    assert first == again
    assert {"DELIVERED_TO_HANDSET"} == {entry["status"]["name"] for entry in first}
    assert "destination" in first[0]


async def test_logs_are_listed_by_the_time_of_sending_page_by_page(playing: Playing) -> None:
    sent = []
    for _ in range(5):
        sent.append(playing.send("infobip", "delivered").provider_id)
        playing.clock.advance(10)
    window: dict[str, str | int] = {
        "sentSince": "2026-11-24T12:00:05.000Z", "sentUntil": "2026-11-24T12:00:35.000+0000", "limit": 2,
    }  # fmt: skip
    found, cursor = [], ""
    while True:
        more = {"cursor": cursor} if cursor else {}
        params = {**window, "useCursor": "true", **more}
        page = (await playing.ask("infobip", LOGS, params=params)).json()
        found += [entry["messageId"] for entry in page["results"]]
        cursor = page["cursor"]["nextCursor"]
        if not cursor:
            break

    assert sent[3:0:-1] == found


async def test_nothing_is_older_than_48_hours(playing: Playing) -> None:
    sent = playing.send("infobip", "delivered")
    playing.end()
    playing.clock.advance(48 * 3600)

    assert await _results(playing, REPORTS) == []
    assert await _results(playing, LOGS, messageId=sent.provider_id) == []


@pytest.mark.parametrize(
    ("path", "params"),
    [
        (REPORTS, {"limit": "1001"}),
        (LOGS, {"limit": "0"}),
        (LOGS, {"messageId": "1" * 2049}),
        (LOGS, {"sentSince": "yesterday"}),
    ],
)
async def test_a_wrong_request_is_refused(playing: Playing, path: str, params: dict[str, str | int]) -> None:
    response = await playing.ask("infobip", path, params=params)

    assert (
        response.status_code,
        response.json()["requestError"]["serviceException"]["messageId"],
    ) == (400, "BAD_REQUEST")


async def test_a_wrong_key_is_401(playing: Playing) -> None:
    response = await playing.ask("infobip", LOGS, settings={"api_key": "wrong"})

    assert (
        response.status_code,
        response.json()["requestError"]["serviceException"]["messageId"],
    ) == (401, "UNAUTHORIZED")
