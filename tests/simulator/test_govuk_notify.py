"""GOV.UK Notify as its documentation has it."""

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from tests.simulator.playing import START, Params, Playing, credentials

LIST = "/v2/notifications"


async def test_a_notification_is_found_by_its_id(playing: Playing) -> None:
    sent = playing.send("govuk_notify", "sms_delivered_late", name="mine")
    playing.end()
    found = (await playing.ask("govuk_notify", f"{LIST}/{sent.provider_id}")).json()

    assert (found["status"], found["type"], found["reference"]) == ("delivered", "sms", "mine")
    assert datetime.fromisoformat(found["created_at"]) == START
    assert START < datetime.fromisoformat(found["sent_at"]) < datetime.fromisoformat(found["completed_at"])


async def test_a_notification_that_is_under_way_has_no_time_of_completion(playing: Playing) -> None:
    sent = playing.send("govuk_notify", "email_delivered")
    found = (await playing.ask("govuk_notify", f"{LIST}/{sent.provider_id}")).json()

    assert (found["status"], found["sent_at"], found["completed_at"]) == ("created", None, None)


async def test_not_found_is_404_and_no_uuid_is_400(playing: Playing) -> None:
    missing = await playing.ask("govuk_notify", f"{LIST}/{uuid4()}")
    wrong = await playing.ask("govuk_notify", f"{LIST}/12")

    assert (missing.status_code, missing.json()["errors"][0]["error"]) == (404, "NoResultFound")
    assert (wrong.status_code, wrong.json()["errors"][0]["message"]) == (400, "id is not a valid UUID")


async def test_a_reference_names_its_notifications(playing: Playing) -> None:
    wanted = {playing.send("govuk_notify", "sms_delivered", name="batch").provider_id for _ in range(2)}
    playing.send("govuk_notify", "sms_delivered", name="another")
    found = (await playing.ask("govuk_notify", LIST, params={"reference": "batch"})).json()

    assert wanted == {one["id"] for one in found["notifications"]}


async def test_the_listing_has_250_on_a_page_newest_first_and_ends_with_an_empty_one(playing: Playing) -> None:
    sent = [playing.send("govuk_notify", "sms_delivered").provider_id for _ in range(260)]
    pages, address = [], LIST
    while address:
        page = (await playing.ask("govuk_notify", address)).json()
        pages.append([one["id"] for one in page["notifications"]])
        address = page["links"].get("next")

    assert [len(page) for page in pages] == [250, 10, 0]
    assert sent[::-1] == [name for page in pages for name in page]


async def test_the_listing_is_filtered_by_several_statuses_and_by_type(playing: Playing) -> None:
    fates = ("sms_pending_for_ever", "sms_created_for_ever", "sms_delivered", "email_delivered", "sms_wrong_number")
    ids = {fate: playing.send("govuk_notify", fate).provider_id for fate in fates}
    playing.end()
    queries: dict[tuple[str, ...], Params] = {
        ("sms_pending_for_ever", "sms_created_for_ever"): {"status": ["pending", "created"]},
        ("email_delivered",): {"template_type": "email"},
        ("sms_wrong_number",): {"status": ["failed"]},
    }

    for wanted, query in queries.items():
        found = (await playing.ask("govuk_notify", LIST, params=query)).json()

        assert {ids[fate] for fate in wanted} == {one["id"] for one in found["notifications"]}


async def test_an_unknown_status_is_refused(playing: Playing) -> None:
    response = await playing.ask("govuk_notify", LIST, params={"status": "gone"})

    assert response.status_code == 400
    assert "gone is not one of" in response.json()["errors"][0]["message"]


@pytest.mark.parametrize("seconds", [-31, 31])
async def test_a_token_is_good_for_30_seconds(playing: Playing, seconds: int) -> None:
    settings = playing.simulator.settings("govuk_notify")
    stale = credentials("govuk_notify", settings, playing.clock.now + timedelta(seconds=seconds))
    fresh = credentials("govuk_notify", settings, playing.clock.now + timedelta(seconds=seconds * 29 / 31))
    refused = await playing.client.get(LIST, auth=stale)

    assert refused.status_code == 403
    assert "accurate to within 30 seconds" in refused.json()["errors"][0]["message"]
    assert (await playing.client.get(LIST, auth=fresh)).status_code == 200


async def test_a_token_of_another_key_or_service_is_403_and_none_is_401(playing: Playing) -> None:
    key = playing.simulator.settings("govuk_notify")["api_key"]
    other_secret = await playing.ask("govuk_notify", LIST, settings={"api_key": key[:-36] + str(uuid4())})
    other_service = await playing.ask("govuk_notify", LIST, settings={"api_key": f"practice-{uuid4()}-{key[-36:]}"})
    none = await playing.client.get(LIST)

    assert [answer.status_code for answer in (other_secret, other_service, none)] == [403, 403, 401]
    assert none.json()["errors"][0]["error"] == "AuthError"
