"""MessageMedia as its documentation has it."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from tests.simulator.playing import START, Playing

QUEUE = "/v1/delivery_reports"


async def _waiting(playing: Playing) -> list[dict[str, Any]]:
    reports: list[dict[str, Any]] = (await playing.ask("messagemedia", QUEUE)).json()["delivery_reports"]
    return reports


async def _confirm(playing: Playing, reports: list[dict[str, Any]]) -> int:
    ids = {"delivery_report_ids": [report["delivery_report_id"] for report in reports]}
    return (await playing.ask("messagemedia", f"{QUEUE}/confirmed", method="POST", json=ids)).status_code


async def test_reports_come_again_until_they_are_confirmed(playing: Playing) -> None:
    sent = playing.send("messagemedia", "invalid")
    playing.end()
    first, second = await _waiting(playing), await _waiting(playing)
    confirmed = await _confirm(playing, first[:1])
    third = await _waiting(playing)

    assert [report["status"] for report in first] == ["enroute", "submitted", "undeliverable"]
    assert first == second
    assert confirmed == 202
    assert first[1:] == third
    assert {sent.provider_id} == {report["message_id"] for report in first}


async def test_a_report_has_its_code_and_the_moment_of_the_change(playing: Playing) -> None:
    sent = playing.send("messagemedia", "invalid")
    playing.end()
    report = (await _waiting(playing))[-1]

    assert report["status_code"] == "411"
    assert sent.recipient == report["source_number"]
    assert report["submitted_date"].endswith("Z")
    assert START < datetime.fromisoformat(report["submitted_date"]) < playing.clock.now


async def test_100_of_the_oldest_come_at_once(playing: Playing) -> None:
    for _ in range(40):
        playing.send("messagemedia", "delivered")
    playing.end()
    sizes = []
    while reports := await _waiting(playing):
        times = [report["date_received"] for report in reports]
        sizes.append(len(reports))
        await _confirm(playing, reports)

        assert sorted(times) == times

    assert sizes == [100, 20]


async def test_a_confirmation_of_nothing_or_of_too_much_is_refused(playing: Playing) -> None:
    for ids in ([], [str(uuid4()) for _ in range(101)], "all"):
        wrong = {"delivery_report_ids": ids}
        response = await playing.ask("messagemedia", f"{QUEUE}/confirmed", method="POST", json=wrong)

        assert response.status_code == 400


async def test_a_message_is_looked_up_with_words_that_no_report_has(playing: Playing) -> None:
    sent = playing.send("messagemedia", "cancelled")
    before = (await playing.ask("messagemedia", f"/v1/messages/{sent.provider_id}")).json()
    playing.end()
    after = (await playing.ask("messagemedia", f"/v1/messages/{sent.provider_id}")).json()

    assert (before["status"], after["status"]) == ("scheduled", "cancelled")
    assert sent.recipient == after["destination_number"]
    assert await _waiting(playing) == []


async def test_an_unknown_message_is_404_and_wrong_credentials_401(playing: Playing) -> None:
    unknown = await playing.ask("messagemedia", f"/v1/messages/{uuid4()}")
    wrong = await playing.ask("messagemedia", QUEUE, settings={"api_secret": "wrong"})

    assert [unknown.status_code, wrong.status_code] == [404, 401]
