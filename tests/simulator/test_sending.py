"""Sending through the simulator as the providers' documentation has it."""

import httpx
import pytest

from tests.simulator.playing import Playing, credentials


async def _post(playing: Playing, provider: str, path: str, **content: object) -> httpx.Response:
    auth = credentials(provider, playing.simulator.settings(provider), playing.clock.now)
    return await playing.client.post(path, auth=auth, **content)  # type: ignore[arg-type]


def _paths(playing: Playing) -> dict[str, str]:
    settings = {name: playing.simulator.settings(name) for name in playing.simulator.providers}
    return {
        "twilio": f"/2010-04-01/Accounts/{settings['twilio']['account_sid']}/Messages",
        "mailgun": f"/v3/{settings['mailgun']['domain']}",
    }


async def test_twilio_accepts_an_sms_and_a_whatsapp_message(playing: Playing) -> None:
    path = _paths(playing)["twilio"]
    for to in ("+15550100001", "whatsapp:+15550100001"):
        made = await _post(playing, "twilio", f"{path}.json", data={"To": to, "From": "+15550100000", "Body": "Hi"})
        found = (await playing.ask("twilio", f"{path}/{made.json()['sid']}.json")).json()

        assert (made.status_code, made.json()["status"]) == (201, "queued")
        assert (found["to"], found["direction"]) == (to, "outbound-api")


async def test_govuk_notify_accepts_texts_and_emails_with_a_reference(playing: Playing) -> None:
    given = {"sms": {"phone_number": "+447700900001"}, "email": {"email_address": "ann@example.org"}}
    for kind, to in given.items():
        content = {**to, "template_id": "f33517ff-2a88-4f6e-b855-c550268ce08a", "reference": "mine"}
        made = await _post(playing, "govuk_notify", f"/v2/notifications/{kind}", json=content)
        found = (await playing.ask("govuk_notify", f"/v2/notifications/{made.json()['id']}")).json()

        assert made.status_code == 201
        assert (found["type"], found["reference"], found["status"]) == (kind, "mine", "created")


async def test_expo_gives_a_ticket_for_each_token(playing: Playing) -> None:
    path = "/--/api/v2/push/send"
    alone = (await _post(playing, "expo", path, json={"to": "ExponentPushToken[a]", "title": "Hi"})).json()["data"]
    several = [{"to": ["ExponentPushToken[a]", "ExponentPushToken[b]"]}, {"to": "ExponentPushToken[c]"}]
    tickets = (await _post(playing, "expo", path, json=several)).json()["data"]
    playing.end()
    ids = [ticket["id"] for ticket in [alone, *tickets]]
    receipts = await playing.ask("expo", "/--/api/v2/push/getReceipts", method="POST", json={"ids": ids})

    assert alone["status"] == "ok"
    assert len(set(ids)) == 4
    assert set(receipts.json()["data"]) == set(ids)


async def test_mailgun_gives_all_recipients_one_id_in_angle_brackets(playing: Playing) -> None:
    path = _paths(playing)["mailgun"]
    given = {"to": ["Ann <ann@example.org>, bob@example.org", "cy@example.org"], "from": "us@example.com", "text": "Hi"}
    made = (await _post(playing, "mailgun", f"{path}/messages", data=given)).json()
    playing.end()
    name = made["id"].strip("<>")
    events = (await playing.ask("mailgun", f"{path}/events", params={"message-id": name})).json()["items"]

    assert made["id"] == f"<{name}>"
    assert {event["recipient"] for event in events} == {"ann@example.org", "bob@example.org", "cy@example.org"}


async def test_messagemedia_accepts_several_messages(playing: Playing) -> None:
    given = [{"content": "Hi", "destination_number": f"+6149157000{one}", "delivery_report": True} for one in (1, 2)]
    made = await _post(playing, "messagemedia", "/v1/messages", json={"messages": given})
    playing.end()
    reports = (await playing.ask("messagemedia", "/v1/delivery_reports")).json()["delivery_reports"]

    assert made.status_code == 202
    assert [one["status"] for one in made.json()["messages"]] == ["queued", "queued"]
    assert {one["message_id"] for one in made.json()["messages"]} == {report["message_id"] for report in reports}


async def test_infobip_accepts_several_destinations(playing: Playing) -> None:
    given = [{"sender": "Us", "destinations": [{"to": "4179302"}, {"to": "4179303"}], "content": {"text": "Hi"}}]
    made = (await _post(playing, "infobip", "/sms/3/messages", json={"messages": given})).json()
    ids = [one["messageId"] for one in made["messages"]]
    logs = (await playing.ask("infobip", "/sms/3/logs", params={"messageId": ",".join(ids)})).json()["results"]

    assert [one["status"]["name"] for one in made["messages"]] == ["PENDING_ACCEPTED"] * 2
    assert {one["destination"] for one in logs} == {"4179302", "4179303"}


WRONG = [
    ("twilio", "{twilio}.json", {"data": {"Body": "Hi"}}),
    ("govuk_notify", "/v2/notifications/sms", {"json": {"phone_number": "+447700900001"}}),
    ("govuk_notify", "/v2/notifications/email", {"json": []}),
    ("expo", "/--/api/v2/push/send", {"json": {"title": "Hi"}}),
    ("expo", "/--/api/v2/push/send", {"json": [{"to": ["ExponentPushToken[a]"] * 101}]}),
    ("mailgun", "{mailgun}/messages", {"data": {"from": "us@example.com", "text": "Hi"}}),
    ("mailgun", "{mailgun}/messages", {"data": {"to": "nobody"}}),
    ("messagemedia", "/v1/messages", {"json": {"messages": [{"content": "Hi"}]}}),
    ("messagemedia", "/v1/messages", {"json": {"messages": []}}),
    ("infobip", "/sms/3/messages", {"json": {"messages": [{"destinations": []}]}}),
    ("infobip", "/sms/3/messages", {"content": b"{"}),
]


@pytest.mark.parametrize(("provider", "path", "content"), WRONG)
async def test_a_request_that_names_nobody_is_refused(
    playing: Playing, provider: str, path: str, content: dict[str, object]
) -> None:
    response = await _post(playing, provider, path.format(**_paths(playing)), **content)

    assert response.status_code == 400
    assert response.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize(("provider", "path", "content"), WRONG)
async def test_nobody_sends_without_credentials(
    playing: Playing, provider: str, path: str, content: dict[str, object]
) -> None:
    response = await playing.client.post(path.format(**_paths(playing)), **content)  # type: ignore[arg-type]

    assert response.status_code == 401, provider
