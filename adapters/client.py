"""The HTTP client below the sender: httpx over aiohttp, without what they do unasked; and why no answer came."""

import logging
import ssl
from base64 import b64encode
from collections.abc import Callable
from errno import ECONNREFUSED, EHOSTUNREACH, ENETUNREACH
from socket import EAI_AGAIN
from urllib.request import getproxies, proxy_bypass

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

#: What the transport and the libraries below it raise when no answer comes.
NO_ANSWER = (httpx.TransportError, aiohttp.ClientError, OSError, TimeoutError)

#: What says why, and how it is told.
CAUSES: tuple[tuple[Callable[[BaseException], bool], str], ...] = (
    (
        lambda error: isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError),
        "the proxy that the environment names lets nothing through; check HTTPS_PROXY, HTTP_PROXY and NO_PROXY",
    ),
    (
        lambda error: isinstance(error, ssl.SSLCertVerificationError | aiohttp.ClientConnectorCertificateError),
        "the TLS certificate of {host} is not valid",
    ),
    (
        lambda error: isinstance(error, ssl.SSLError | aiohttp.ClientConnectorSSLError),
        "{host} does not speak TLS as it should; check base_url",
    ),
    (
        lambda error: isinstance(error, aiohttp.ClientConnectorDNSError) and error.errno == EAI_AGAIN,
        "the name {host} cannot be looked up now; check this machine's name service",
    ),
    (
        lambda error: isinstance(error, aiohttp.ClientConnectorDNSError),
        "there is no host {host}; check base_url",
    ),
    (
        lambda error: isinstance(error, OSError) and error.errno == ECONNREFUSED,
        "{host} refuses the connection",
    ),
    (
        lambda error: isinstance(error, OSError) and error.errno in {ENETUNREACH, EHOSTUNREACH},
        "this machine's network does not lead to {host}",
    ),
    (
        lambda error: isinstance(error, aiohttp.ClientResponseError),
        "{host} does not speak HTTP as it should; check base_url",
    ),
    (
        # The transport calls every broken connection a ConnectTimeout.
        lambda error: (
            isinstance(error, TimeoutError | httpx.TimeoutException) and not isinstance(error, httpx.ConnectTimeout)
        ),
        "it took too long",
    ),
)

# httpx logs the whole address of every request, and addresses of people may stand in it.
logging.getLogger("httpx").addFilter(lambda record: record.levelno >= logging.WARNING)


class NoCookies(httpx.Cookies):
    """Keeps no cookie, and does not even look for one: that would take a tenth of the time of a request."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Leave them where they are."""


class Client(httpx.AsyncClient):
    """A client without cookies."""

    @property
    def cookies(self) -> httpx.Cookies:
        """None, ever."""
        return NO_COOKIES

    @cookies.setter
    def cookies(self, cookies: object) -> None:
        raise NotImplementedError("a client of ours has no cookies")


NO_COOKIES = NoCookies()


def open_client(base_url: httpx.URL, concurrency: int, timeout: float) -> httpx.AsyncClient:
    """A client with `concurrency` connections. Nothing is opened before the first request."""
    context = httpx.create_ssl_context()

    def session() -> aiohttp.ClientSession:
        # It may not read ~/.netrc, as it would with trust_env: what stands there belongs to someone else.
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=concurrency, ssl=context, keepalive_timeout=15),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    return Client(
        transport=AiohttpTransport(verify=context, client=session, proxy=proxy(base_url)),
        timeout=httpx.Timeout(timeout),
        follow_redirects=False,
    )


def proxy(url: httpx.URL) -> httpx.Proxy | None:
    """The proxy that the environment names for `url`: HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY excepts it."""
    address = getproxies().get(url.scheme)
    if not address or proxy_bypass(f"{url.host}:{url.port}" if url.port else url.host):
        return None
    named = httpx.URL(address)
    if not named.userinfo:
        return httpx.Proxy(address)
    # aiohttp makes of this what its proxy is told; httpx-aiohttp's own way is one that aiohttp gives up.
    told = b"Basic " + b64encode(f"{named.username}:{named.password}".encode())
    return httpx.Proxy(named.copy_with(userinfo=b""), headers={"authorization": told.decode()})


def cause(error: BaseException, host: str) -> str:
    """Why no answer came, in one line, without anything that stood in the request but its host."""
    said = (text for one in _chain(error) for is_it, text in CAUSES if is_it(one))
    return next(said, "the connection broke").format(host=host)


def _chain(error: BaseException) -> list[BaseException]:
    chain = [error]
    while (below := chain[-1].__cause__ or chain[-1].__context__) is not None and below not in chain:
        chain.append(below)
    return chain
