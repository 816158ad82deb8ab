"""Expo push: receipts of up to 1,000 notifications at once. One that is not there is not ready, unknown or deleted.

https://docs.expo.dev/push-notifications/sending-notifications/ and https://github.com/expo/expo-server-sdk-node
`src/ExpoClient.ts` (both read November 2026).
"""

import random
from collections.abc import Iterable, Mapping
from typing import ClassVar

from aiohttp import web

from rules.statuses import Channel, Reason, Status
from simulator.account import Account, Route
from simulator.exchange import body, json
from simulator.fates import GIVEN_UP, Fate, Meaning, means
from simulator.made_up import token, uuid
from simulator.message import Message, Said

PUSH = (Channel.PUSH,)

#: Ids in one request.
MOST = 1000

ERRORS = {
    401: ("UNAUTHORIZED", "The bearer token is missing or is not valid."),
    429: ("TOO_MANY_REQUESTS", "You are sending too many requests."),
    500: ("INTERNAL_SERVER_ERROR", "An unknown error occurred."),
    502: ("BAD_GATEWAY", "An unknown error occurred."),
    503: ("SERVICE_UNAVAILABLE", "An unknown error occurred."),
}


class Expo(Account):
    """A project at Expo that asks for an access token."""

    name = "expo"
    MEANINGS: ClassVar[Mapping[str, Meaning]] = {
        "ok": means(Status.UNCONFIRMED),
        "error DeviceNotRegistered": means(
            Status.HARD_BOUNCED, why=Reason.INVALID_ADDRESS, text="It is not a registered push notification recipient"
        ),
        "error MessageTooBig": means(Status.NOT_SENT, why=Reason.TOO_LARGE, text="The payload was too large"),
        "error MessageRateExceeded": means(*GIVEN_UP, why=Reason.RATE_LIMITED, text="Too many to this device"),
        "error MismatchSenderId": means(Status.NOT_SENT, why=Reason.ACCOUNT, text="The FCM sender id does not match"),
        "error InvalidCredentials": means(Status.NOT_SENT, why=Reason.ACCOUNT, text="The credentials are not valid"),
        "error ExpoError": means(Status.FAILED, why=Reason.UNKNOWN, text="Something went wrong at Expo"),
        "error ProviderError": means(Status.FAILED, why=Reason.UNKNOWN, text="Something went wrong at FCM or APNs"),
    }
    FATES = (
        Fate("ok", PUSH, 60, ((1, "ok"),)),
        Fate("device_gone", PUSH, 5, ((0.8, "error DeviceNotRegistered"),)),
        Fate("too_big", PUSH, 1, ((0.5, "error MessageTooBig"),)),
        Fate("too_many", PUSH, 2, ((0.9, "error MessageRateExceeded"),)),
        Fate("wrong_sender", PUSH, 1, ((0.5, "error MismatchSenderId"),)),
        Fate("wrong_credentials", PUSH, 1, ((0.5, "error InvalidCredentials"),)),
        Fate("trouble_at_expo", PUSH, 1, ((0.7, "error ExpoError"),)),
        Fate("trouble_at_provider", PUSH, 1, ((0.7, "error ProviderError"),)),
        Fate("no_receipt", PUSH, 2, ()),
    )

    def new_settings(self, chance: random.Random) -> dict[str, str]:
        """The access token."""
        return {"access_token": token(chance, 40)}

    def routes(self) -> Iterable[Route]:
        """Receipts."""
        return (Route("POST", "/--/api/v2/push/getReceipts", self._receipts),)

    def refusal(self, request: web.Request) -> web.Response | None:
        """The access token must be right."""
        right = f"Bearer {self.settings['access_token']}"
        return None if request.headers.get("Authorization") == right else self.error(401)

    def error(self, status: int) -> web.Response:
        """Expo's shape of an error."""
        code, text = ERRORS[status]
        return json({"errors": [{"code": code, "message": text}]}, status)

    def new_id(self, chance: random.Random) -> str:
        """The id of a receipt."""
        return uuid(chance)

    async def _receipts(self, request: web.Request) -> web.Response:
        ids = (await body(request)).get("ids")
        if not isinstance(ids, list) or not all(isinstance(one, str) for one in ids):
            return _refused("VALIDATION_ERROR", '"ids" must be an array of strings.')
        if len(ids) > MOST:
            return _refused("PUSH_TOO_MANY_RECEIPTS", f"You asked for {len(ids)} receipts; the most is {MOST}.")
        found = [self.by_id[name][0] for name in dict.fromkeys(ids) if name in self.by_id]
        shown = ((message, self.present(message)) for message in found)
        return json({"data": {message.provider_id: _receipt(message, said) for message, said in shown if said}})


def _receipt(message: Message, said: Said) -> dict[str, object]:
    if said.word != "error":
        return {"status": said.word}
    text = f'"{message.recipient}": {said.meaning.text}'
    return {"status": "error", "message": text, "details": {"error": said.code}}


def _refused(code: str, text: str) -> web.Response:
    return json({"errors": [{"code": code, "message": text, "isTransient": False}]}, 400)
