"""Sending through a simulated provider by its real API, to practise with a sending service of one's own.

Each answers as the provider does when it accepts a message, or when the request is wrong. Nothing else goes wrong.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from email.utils import getaddresses

import msgspec
from aiohttp import web

from rules.statuses import Channel
from simulator.account import Account, Route
from simulator.exchange import body, json
from simulator.govuk_notify import refused
from simulator.infobip import STATUSES
from simulator.message import Message
from simulator.twilio import Twilio

Place = Callable[[Account, web.Request], Awaitable[web.Response]]

#: Notifications in one request to Expo, and recipients in one to Mailgun.
MOST_PUSHES, MOST_RECIPIENTS = 100, 1000


def routes(account: Account) -> Iterable[Route]:
    """Where messages are handed over to this account."""
    for path, place in PLACES[account.name].items():
        yield Route("POST", path, _at(account, place), is_calm=True)


def _at(account: Account, place: Place) -> Callable[[web.Request], Awaitable[web.Response]]:
    return lambda request: place(account, request)


def _one(account: Account, channel: Channel, recipient: str, reference: object = "") -> Message:
    return account.accept(channel, [recipient], str(reference or ""), None)[0]


async def _twilio(account: Account, request: web.Request) -> web.Response:
    assert isinstance(account, Twilio)  # noqa: S101  only its own path leads here
    form = await request.post()
    to = str(form.get("To", ""))
    if not to:
        return json(TO_IS_MISSING, 400)
    prefix, _, number = to.rpartition(":")
    message = _one(account, Channel.CHAT if prefix == "whatsapp" else Channel.SMS, number)
    return json(account.plain(message, message.says[0]), 201)


TO_IS_MISSING = {
    "code": 21604,
    "message": "A 'To' phone number is required.",
    "more_info": "https://www.twilio.com/docs/errors/21604",
    "status": 400,
}


async def _govuk_notify(account: Account, request: web.Request) -> web.Response:
    given = await body(request)
    channel = Channel.EMAIL if request.path.endswith("email") else Channel.SMS
    field = "email_address" if channel is Channel.EMAIL else "phone_number"
    for name in (field, "template_id"):
        if not isinstance(given.get(name), str):
            return refused(400, "ValidationError", f"{name} is a required property")
    message = _one(account, channel, str(given[field]), given.get("reference"))
    template = given["template_id"]
    return json(
        {
            "id": message.provider_id,
            "reference": message.reference or None,
            "content": {"body": "A message to practise on"},
            "uri": str(request.url.with_path(f"/v2/notifications/{message.provider_id}")),
            "template": {"id": template, "version": 1, "uri": f"/v2/template/{template}"},
            "scheduled_for": None,
        },
        201,
    )


async def _expo(account: Account, request: web.Request) -> web.Response:
    """One notification or several, each to one token or to several."""
    try:
        given = msgspec.json.decode(await request.read(), type=Pushes)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _expo_refuses("VALIDATION_ERROR", '"to" is required.')
    pushes = given if isinstance(given, list) else [given]
    tokens = [token for push in pushes for token in ([push.to] if isinstance(push.to, str) else push.to)]
    if len(tokens) > MOST_PUSHES:
        return _expo_refuses("PUSH_TOO_MANY_NOTIFICATIONS", f"Send at most {MOST_PUSHES} notifications at once.")
    tickets = [{"status": "ok", "id": _one(account, Channel.PUSH, token).provider_id} for token in tokens]
    alone = not isinstance(given, list) and isinstance(given.to, str)
    return json({"data": tickets[0] if alone else tickets})


class Push(msgspec.Struct):
    """A notification; only to whom it goes matters here."""

    to: str | list[str]


Pushes = Push | list[Push]


def _expo_refuses(code: str, text: str) -> web.Response:
    return json({"errors": [{"code": code, "message": text}]}, 400)


async def _mailgun(account: Account, request: web.Request) -> web.Response:
    """One message; all its recipients share its id."""
    form = await request.post()
    given = [str(value) for name in ("to", "cc", "bcc") for value in form.getall(name, [])]
    addresses = list(dict.fromkeys(address for _, address in getaddresses(given) if "@" in address))
    if not form.get("to") or not addresses or len(addresses) > MOST_RECIPIENTS:
        return json({"message": "to parameter is not a valid address. please check documentation"}, 400)
    message = account.accept(Channel.EMAIL, addresses, str(form.get("v:reference", "")), None)[0]
    return json({"id": f"<{message.provider_id}>", "message": "Queued. Thank you."})


async def _messagemedia(account: Account, request: web.Request) -> web.Response:
    given = (await body(request)).get("messages")
    if not isinstance(given, list) or not given or not all(_has_text(one, "destination_number") for one in given):
        return json({"message": "Validation failed", "details": ["destination_number is required"]}, 400)
    accepted = []
    for one in given:
        metadata = one.get("metadata")
        reference = metadata.get("reference") if isinstance(metadata, dict) else ""
        message = _one(account, Channel.SMS, one["destination_number"], reference)
        accepted.append({**one, "message_id": message.provider_id, "status": message.says[0].word, "format": "SMS"})
    return json({"messages": accepted}, 202)


async def _infobip(account: Account, request: web.Request) -> web.Response:
    """Several messages, each to several destinations."""
    given = (await body(request)).get("messages")
    messages = given if isinstance(given, list) else []
    numbers = [
        destination["to"]
        for one in messages
        if isinstance(one, dict) and isinstance(one.get("destinations"), list)
        for destination in one["destinations"]
        if _has_text(destination, "to")
    ]
    if not numbers:
        return account.error(400)
    accepted = [_one(account, Channel.SMS, number) for number in numbers]
    group, group_name, number, description = STATUSES["PENDING_ACCEPTED"]
    status = {
        "groupId": group,
        "groupName": group_name,
        "id": number,
        "name": "PENDING_ACCEPTED",
        "description": description,
    }
    plain = [
        {"messageId": message.provider_id, "status": status, "destination": message.recipient} for message in accepted
    ]
    return json({"bulkId": f"B{accepted[0].provider_id}", "messages": plain})


def _has_text(value: object, name: str) -> bool:
    return isinstance(value, dict) and isinstance(value.get(name), str) and bool(value[name])


#: What is handed over where, by provider and path.
PLACES: Mapping[str, Mapping[str, Place]] = {
    "expo": {"/--/api/v2/push/send": _expo},
    "govuk_notify": {"/v2/notifications/email": _govuk_notify, "/v2/notifications/sms": _govuk_notify},
    "infobip": {"/sms/3/messages": _infobip},
    "mailgun": {"/v3/{domain}/messages": _mailgun},
    "messagemedia": {"/v1/messages": _messagemedia},
    "twilio": {"/2010-04-01/Accounts/{account}/Messages.json": _twilio},
}
