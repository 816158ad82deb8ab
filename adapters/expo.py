"""Expo, push: a lookup of up to 1,000 receipts. There is no other way to learn of them.

A receipt says what Apple or Google answered. It has no time, comes some minutes after sending, and is deleted after a
day. https://docs.expo.dev/push-notifications/sending-notifications/ and https://github.com/expo/expo-server-sdk-node
`src/ExpoClient.ts` (both read November 2026).
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import assert_never

import httpx
import msgspec
from pydantic import Field, SecretStr

from adapters.base import Adapter, AdapterSettings, Ids, Limits, Page, References, Since, Take, What, Window
from adapters.bearer import Bearer
from adapters.errors import Refused, Throttled, Unreadable
from adapters.reading import GIVEN_UP, decode, each, expect, items
from rules.reports import Report
from rules.statuses import Channel, Reason, Status

#: What became of a notification that was refused with this error, where it was not simply a failure.
OUTCOMES: dict[str, tuple[Status, ...]] = {
    "DeviceNotRegistered": (Status.HARD_BOUNCED,),
    "MessageRateExceeded": GIVEN_UP,
    "MessageTooBig": (Status.NOT_SENT,),
    "MismatchSenderId": (Status.NOT_SENT,),
    "InvalidCredentials": (Status.NOT_SENT,),
    "DeveloperError": (Status.NOT_SENT,),
}


class Settings(AdapterSettings):
    """What an account at Expo needs: nothing, unless the project asks for an access token."""

    base_url: str = "https://exp.host"
    access_token: SecretStr | None = Field(default=None, repr=False)


class Details(msgspec.Struct):
    """Why a notification was refused."""

    error: str | None = None


class Receipt(msgspec.Struct):
    """What Apple or Google said about one notification."""

    status: str
    message: str | None = None
    details: Details | None = None


class Problem(msgspec.Struct):
    """Why a request as a whole was refused."""

    code: str | None = None


class Answer(msgspec.Struct):
    """Receipts by id; an id without one is missing. Or problems with the request."""

    data: dict[str, msgspec.Raw] | None = None
    errors: list[Problem] = []


class Expo(Adapter[Settings]):
    """Asks Expo for push receipts."""

    name = "expo"
    channels = (Channel.PUSH,)
    limits = Limits(
        ids=1000,
        concurrency=6,  # what the official client allows itself
        retention=timedelta(hours=24),
        first_look=timedelta(minutes=15),  # the documented advice
        confirms=False,  # nobody says that a device got it
    )
    STATUSES = {
        "ok": Status.UNCONFIRMED,  # Apple or Google took it; no better news will ever come
        "error": Status.FAILED,  # refused; the error may say better
    }
    REASONS = {
        "DeviceNotRegistered": Reason.INVALID_ADDRESS,  # the token is no longer valid
        "MessageRateExceeded": Reason.RATE_LIMITED,  # too many to this device
        "MessageTooBig": Reason.TOO_LARGE,  # over 4,096 bytes
        "MismatchSenderId": Reason.ACCOUNT,  # our credentials for Google
        "InvalidCredentials": Reason.ACCOUNT,  # our credentials for Apple or Google
        "DeveloperError": Reason.ACCOUNT,
        "ExpoError": Reason.UNKNOWN,  # trouble at Expo
        "ProviderError": Reason.UNKNOWN,  # trouble at Apple or Google
    }
    Settings = Settings

    def ask(self, what: What) -> httpx.Request:
        """The receipts of these ids."""
        match what:
            case Ids(ids=ids) if 0 < len(ids) <= self.limits.ids:
                body = {"ids": [self.normal_id(provider_id) for provider_id in ids]}
                return httpx.Request("POST", self.url("/--/api/v2/push/getReceipts"), json=body)
            case Ids() | References() | Window() | Since() | Take():
                raise self.cannot(what)
            case _:
                assert_never(what)

    def read(self, what: What, response: httpx.Response) -> Page:  # noqa: ARG002  an answer says what it is about
        """A report for each receipt."""
        answer = self._answer(response)
        if answer.data is None:
            raise Unreadable(f"{self.name}: the answer has no receipts; it is kept in the journal")
        reports: list[Report] = []
        unreadable: list[str] = []
        for provider_id, raw in answer.data.items():
            said, wrong = items([raw], Receipt, partial(self._reports, provider_id))
            reports.extend(said)
            unreadable.extend(wrong)
        return Page(tuple(reports), unreadable=tuple(unreadable))

    def auth(self, now: datetime, nonce: str) -> httpx.Auth:  # noqa: ARG002  a token needs neither
        """The access token, where the project asks for one."""
        token = self.settings.access_token
        return Bearer(token.get_secret_value()) if token else httpx.Auth()

    def _answer(self, response: httpx.Response) -> Answer:
        """The answer, unless the request as a whole was refused, which may have any status."""
        try:
            answer = decode(response, Answer, self.name)
        except Unreadable:
            expect(response, self.name, 200)
            raise
        if answer.errors:
            raise self._refusal(answer.errors)
        expect(response, self.name, 200)
        return answer

    def _reports(self, provider_id: str, receipt: Receipt) -> Iterable[Report]:
        about = Report(provider_id=self.normal_id(provider_id))
        if receipt.status not in self.STATUSES:
            return (replace(about, unknown=receipt.status),)
        status = self.STATUSES[receipt.status]
        if status is not Status.FAILED:
            return (replace(about, status=status),)
        code = (receipt.details and receipt.details.error) or ""
        reason = self.REASONS.get(code, Reason.UNKNOWN)
        about = replace(about, code=code, reason=reason, detail=receipt.message or "")
        return each(about, OUTCOMES.get(code, (status,)))

    def _refusal(self, problems: Iterable[Problem]) -> Refused | Throttled:
        """What to raise when the request as a whole was refused. The text beside the code may hold a token."""
        codes = {problem.code for problem in problems}
        if "TOO_MANY_REQUESTS" in codes:
            return Throttled(f"{self.name} says that it is asked too often; it is left alone for a while")
        if "UNAUTHORIZED" in codes:
            return Refused(f"{self.name} refuses our credentials; set access_token", credentials=True)
        return Refused(f"{self.name} refused the request; check the account's settings")
