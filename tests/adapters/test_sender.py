"""The sender: what each answer becomes, when it tries again, and whom it never asks. The provider is imitated."""

import asyncio
import random
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import respx

from adapters.errors import AskError, Refused, Throttled, Unreachable
from adapters.http import Sender
from adapters.patience import patience
from tests.adapters.plain import BASE, MESSAGES, TOKEN, Told, plain, request, sender
from tests.adapters.recorded import NOW

OK = httpx.Response(200, json={"messages": []})


@pytest.fixture
def provider() -> Iterator[respx.Router]:
    with respx.mock(using="httpx", assert_all_called=False) as router:
        yield router


def answering(provider: respx.Router, *answers: httpx.Response | Exception) -> respx.Route:
    """The provider gives these answers one after another."""
    return provider.get(url__startswith=MESSAGES).mock(side_effect=list(answers))


@pytest.mark.parametrize("status", [200, 201, 204, 400, 404, 406, 409, 410, 422])
async def test_any_answer_that_is_for_the_adapter_reaches_it(provider: respx.Router, status: int) -> None:
    """A missing message or a refused request means something else at each provider."""
    answering(provider, httpx.Response(status, headers={"x-from": "provider"}, content=b"as it came"))
    async with sender() as to:
        answer = await to.send(request())

    assert (status, b"as it came", "provider") == (answer.status_code, answer.content, answer.headers["x-from"])


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_credentials_are_not_tried_again(provider: respx.Router, status: int) -> None:
    told, route = Told(), answering(provider, httpx.Response(status), OK)
    async with sender(told) as to:
        with pytest.raises(Refused, match=rf"plain \(account main\) refuses our credentials \(status {status}\)") as at:
            await to.send(request())

    assert at.value.credentials
    assert (route.call_count, told.pauses) == (1, [])


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
async def test_a_redirect_is_not_followed(provider: respx.Router, status: int) -> None:
    elsewhere = provider.get("https://elsewhere.example/messages").mock(OK)
    answering(provider, httpx.Response(status, headers={"location": "https://elsewhere.example/messages"}))
    async with sender() as to:
        with pytest.raises(Refused, match=rf"redirect \(status {status}\); correct base_url") as caught:
            await to.send(request())

    assert not caught.value.credentials
    assert not elsewhere.called


@pytest.mark.parametrize("status", [500, 502, 503, 504, 520, 529])
async def test_trouble_at_the_provider_is_tried_again(provider: respx.Router, status: int) -> None:
    told, route = Told(), answering(provider, httpx.Response(status), httpx.Response(status), OK)
    async with sender(told) as to:
        answer = await to.send(request())

    assert answer.status_code == 200
    assert (route.call_count, len(told.pauses)) == (3, 2)


@pytest.mark.parametrize("error", [httpx.ConnectError("x"), httpx.ReadError("x"), httpx.ReadTimeout("x"), OSError("x")])
async def test_no_answer_is_tried_again(provider: respx.Router, error: Exception) -> None:
    told, route = Told(), answering(provider, error, OK)
    async with sender(told) as to:
        answer = await to.send(request())

    assert answer.status_code == 200
    assert (route.call_count, len(told.pauses)) == (2, 1)


async def test_tries_are_bounded(provider: respx.Router) -> None:
    told, route = Told(), answering(provider, *[httpx.Response(500)] * 9)
    async with sender(told, tries=4) as to:
        with pytest.raises(Unreachable, match="is in trouble"):
            await to.send(request())

    assert (route.call_count, len(told.pauses)) == (4, 3)


async def test_pauses_grow_and_are_never_the_same(provider: respx.Router) -> None:
    """Workers that failed together do not come back together, and nobody is asked again at once."""
    random.seed(5)  # chance, but the same each time
    told = Told()
    answering(provider, *[httpx.Response(500)] * 400)
    async with sender(told, tries=8, patience=timedelta(hours=1)) as to:
        for _ in range(50):
            with pytest.raises(Unreachable):
                await to.send(request())
    by_try = [told.pauses[number::7] for number in range(7)]
    middle = [sorted(pauses)[25] for pauses in by_try[:5]]

    assert all(len(set(pauses)) == 50 for pauses in by_try)
    assert middle[0] < middle[2] / 2 < middle[4] / 4
    assert 0.2 <= min(told.pauses) <= max(told.pauses) <= 8


async def test_whoever_asks_may_have_no_time_for_another_try(provider: respx.Router) -> None:
    """A poll whose time is over, and one that only sees whether the provider is well again."""
    told, route = Told(), answering(provider, *[httpx.Response(500)] * 9)
    asked: list[float] = []

    def patient(pause: float) -> bool:
        asked.append(pause)
        return len(asked) < 2

    async with sender(told) as to:
        with pytest.raises(Unreachable), patience(patient):
            await to.send(request())
        once = route.call_count
        with pytest.raises(Unreachable):
            await to.send(request())

    assert (once, route.call_count) == (2, 5)
    assert asked[0] >= told.pauses[0]


async def test_patience_is_that_of_the_task_that_asks(provider: respx.Router) -> None:
    """And of those that it starts; others at the same sender go on as they did."""
    route = answering(provider, *[httpx.Response(500)] * 9)
    async with sender() as to:
        with patience(lambda _pause: False):
            hurried = asyncio.ensure_future(to.send(request()))
        usual = asyncio.ensure_future(to.send(request()))
        await asyncio.gather(hurried, usual, return_exceptions=True)

    assert route.call_count == 1 + 3


async def test_a_pause_longer_than_the_patience_is_not_begun(provider: respx.Router) -> None:
    """The worker then leaves the account alone and does other things."""
    told, route = Told(), answering(provider, httpx.Response(429, headers={"retry-after": "30"}), OK)
    async with sender(told, patience=timedelta(seconds=20)) as to:
        with pytest.raises(Throttled) as caught:
            await to.send(request())

    assert timedelta(seconds=30) == caught.value.retry_after
    assert (route.call_count, told.pauses) == (1, [])


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "Tue, 24 Nov 2026 12:00:09 GMT"}, 9),
        ({"retry-after": "Tue, 24 Nov 2026 15:00:05 GMT", "date": "Tue, 24 Nov 2026 15:00:00 GMT"}, 5),
    ],
    ids=["seconds", "date", "date by their clock"],
)
async def test_retry_after_is_never_undercut(
    provider: respx.Router, status: int, headers: dict[str, str], seconds: int
) -> None:
    """Whatever our own back-off would be."""
    told = Told()
    answering(provider, *[httpx.Response(status, headers=headers), OK] * 30)
    async with sender(told) as to:
        for _ in range(30):
            await to.send(request())

    assert [seconds] * 30 == told.pauses


async def test_retry_after_does_not_shorten_our_own_pause(provider: respx.Router) -> None:
    told = Told()
    answering(provider, *[httpx.Response(429, headers={"retry-after": "0"}), OK] * 30)
    async with sender(told) as to:
        for _ in range(30):
            await to.send(request())

    assert min(told.pauses) >= 0.2


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}])
async def test_asked_too_often_without_a_time_backs_off(provider: respx.Router, headers: dict[str, str]) -> None:
    told, route = Told(), answering(provider, *[httpx.Response(429, headers=headers)] * 9)
    async with sender(told) as to:
        with pytest.raises(Throttled, match="asked too often") as caught:
            await to.send(request())

    assert caught.value.retry_after is None
    assert (route.call_count, len(told.pauses)) == (3, 2)


@pytest.mark.parametrize(
    "place",
    [
        "https://elsewhere.example/messages?page=2",
        "http://api.plain.example/messages?page=2",
        "https://api.plain.example:8443/messages?page=2",
        "https://api.plain.example.elsewhere.example/messages?page=2",
        "https://api.plain.example@elsewhere.example/messages?page=2",
        "https://someone:secret@api.plain.example/messages?page=2",
        "http://pages.plain.example/messages?page=2",
        "https://pages.plain.example:8443/messages?page=2",
        "https://127.0.0.1/messages?page=2",
    ],
)
async def test_a_page_elsewhere_is_refused_and_nothing_is_sent(provider: respx.Router, place: str) -> None:
    """No credentials are made for it, and no quota is used."""
    anything = provider.route().mock(OK)
    told, asks, permits = Told(), plain(), list[int]()

    async def permit() -> None:
        permits.append(1)

    async with sender(told, adapter=asks, permit=permit) as to:
        with pytest.raises(Refused, match="led to another host; nothing was sent") as caught:
            await to.send(httpx.Request("GET", place))

    assert not caught.value.credentials
    assert (anything.call_count, asks.proofs, permits, told.attempts) == (0, [], [], [])


@pytest.mark.parametrize(
    "place",
    [
        "https://api.plain.example/messages?page=2",
        "https://api.plain.example:443/other/path",
        "https://API.plain.example/messages",
        "https://pages.plain.example/messages?page=2",
    ],
)
async def test_a_page_of_the_provider_is_asked_for(provider: respx.Router, place: str) -> None:
    """The host of the base address in any spelling, and those that the adapter declares."""
    provider.route().mock(OK)
    async with sender() as to:
        answer = await to.send(httpx.Request("GET", place))

    assert answer.status_code == 200


async def test_credentials_are_made_afresh_for_each_attempt(provider: respx.Router) -> None:
    """With the time of the attempt, for those that hold only for a while."""
    times = iter([NOW, NOW + timedelta(seconds=40), NOW + timedelta(seconds=80)])
    asks, asked = plain(), request()
    route = answering(provider, httpx.ReadError("x"), httpx.ReadError("x"), OK)
    async with sender(adapter=asks, clock=lambda: next(times)) as to:
        await to.send(asked)

    assert [NOW, NOW + timedelta(seconds=40), NOW + timedelta(seconds=80)] == [now for now, _ in asks.proofs]
    assert len({nonce for _, nonce in asks.proofs}) == 3
    assert all(len(nonce) >= 32 for _, nonce in asks.proofs)
    assert [f"Bearer {TOKEN}"] * 3 == [call.request.headers["authorization"] for call in route.calls]
    assert "authorization" not in asked.headers


async def test_a_permit_is_awaited_before_each_try_and_each_is_observed(provider: respx.Router) -> None:
    story: list[object] = []
    answering(provider, httpx.Response(503), httpx.ReadError("x"), httpx.Response(200, content=b"12345"))

    async def permit() -> None:
        await asyncio.sleep(0)
        story.append("permit")

    async with sender(permit=permit, observe=lambda one: story.append((one.status, one.size, one.problem))) as to:
        await to.send(request())

    assert story == [
        "permit",
        (503, 0, "unreachable"),
        "permit",
        (None, 0, "unreachable"),
        "permit",
        (200, 5, None),
    ]


async def test_only_so_many_are_asked_at_once(provider: respx.Router) -> None:
    """Those that wait for a second try count too, so that a provider in trouble is not asked by ever more."""
    now, most = 0, 0

    async def answer(_: httpx.Request) -> httpx.Response:
        nonlocal now, most
        now, most = now + 1, max(most, now + 1)
        await asyncio.sleep(0)
        now -= 1
        return OK

    provider.route().mock(side_effect=answer)
    async with sender(concurrency=3) as to:
        await asyncio.gather(*(to.send(request()) for _ in range(20)))

    assert most == 3


async def test_patience_begins_when_a_request_gets_its_turn(provider: respx.Router) -> None:
    """Waiting for others costs a request none of its tries."""
    patience = timedelta(seconds=1)
    answers = iter([(200, patience.total_seconds()), (503, 0), (200, 0)])

    async def answer(_: httpx.Request) -> httpx.Response:
        status, seconds = next(answers)
        await asyncio.sleep(seconds)
        return httpx.Response(status)

    provider.route().mock(side_effect=answer)
    async with sender(concurrency=1, patience=patience) as to:
        came = await asyncio.gather(to.send(request()), to.send(request()))

    assert [one.status_code for one in came] == [200, 200]


async def test_what_is_asked_arrives_to_the_letter(provider: respx.Router) -> None:
    """Method, body and headers are the adapter's; only what it leaves open is filled in, the same at each try."""
    route = provider.post(f"{BASE}/confirm").mock(side_effect=[httpx.Response(500), OK])
    asked = httpx.Request("POST", f"{BASE}/confirm", json={"ids": ["m1"]}, headers={"accept": "application/json"})
    async with sender() as to:
        await to.send(asked)
    first, second = (call.request for call in route.calls)

    assert b'{"ids":["m1"]}' == first.content == second.content
    assert first.headers == second.headers
    assert {"accept": "application/json", "user-agent": "landed", "accept-encoding": "gzip, deflate"}.items() <= (
        first.headers.items()
    )


async def test_what_is_not_imitated_never_touches_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test of an adapter that asks for something unforeseen fails, and no provider hears of it."""

    def reach(*_: object, **__: object) -> None:
        pytest.fail("the network was touched")

    loop = asyncio.get_running_loop()
    for name in ("getaddrinfo", "create_connection", "sock_connect"):
        monkeypatch.setattr(loop, name, reach)
    monkeypatch.setattr(socket.socket, "connect", reach)
    with respx.mock(using="httpx") as router:
        router.get(f"{BASE}/something/else").mock(OK)
        async with sender() as to:
            with pytest.raises(AssertionError, match="not mocked"):
                await to.send(request())
        router.reset()
        router.clear()


async def test_every_error_says_who_and_what_next(provider: respx.Router) -> None:
    answers = [httpx.Response(status) for status in (302, 401, 403, 429, 500)]
    answering(provider, *answers, httpx.ReadError("x"))
    said = []
    async with sender(tries=1) as to:
        for _ in range(len(answers) + 1):
            with pytest.raises(AskError) as caught:
                await to.send(request())
            said.append(str(caught.value))

    assert all(text.startswith("plain (account main) ") for text in said)
    assert all("; " in text for text in said)


async def test_the_clock_is_the_worlds_unless_another_is_given(provider: respx.Router) -> None:
    answering(provider, OK)
    asks, before = plain(), datetime.now(UTC)
    async with Sender(asks, "main") as to:
        await to.send(request())

    assert before <= asks.proofs[0][0] <= datetime.now(UTC)
