"""Where a request comes from, and whether what it says about that is believed."""

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.requests import HTTPConnection

from config.web import WebOptions

Address = IPv4Address | IPv6Address

#: Any of these tells that a proxy has passed the request on.
FORWARDING = (
    "forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-server", "x-real-ip", "via",
)  # fmt: skip

LOOPBACK = frozenset({"localhost", "127.0.0.1", "[::1]"})


def peer(request: HTTPConnection) -> Address | None:
    """The address at the other end of the connection; None for a socket that has none."""
    return _address(request.client.host) if request.client else None


def is_trusted(options: WebOptions, address: Address | None) -> bool:
    """Whether it is a proxy whose word is believed."""
    return address is not None and any(address in ip_network(network) for network in options.trusted_proxies)


def is_local(options: WebOptions, request: HTTPConnection) -> bool:
    """Whether whoever asks is on this machine, and no proxy that asks for somebody else.

    A proxy on this machine tells itself by a header, by the name that it was asked for, or by HTTP/1.0, which nginx
    spoke to its servers for twenty years and no browser speaks. One that hides all three must be told of: set
    `require_token`, or name it in `trusted_proxies`.
    """
    address = peer(request)
    if address is None or not address.is_loopback or is_trusted(options, address):
        return False
    forwarded = any(name in request.headers for name in (*FORWARDING, options.identity_header))
    return not forwarded and request.scope["http_version"] != "1.0" and name_of(host(request)) in LOOPBACK


def is_https(options: WebOptions, request: HTTPConnection) -> bool:
    """Whether the browser speaks TLS, perhaps to a proxy that is believed."""
    if request.scope["scheme"] == "https":
        return True
    said = request.headers.get("x-forwarded-proto", "").strip().lower()
    return said == "https" and is_trusted(options, peer(request))


def place(options: WebOptions, request: HTTPConnection) -> str:
    """Where a request comes from in the end, to count tries. A network of IPv6 that one customer has is one place."""
    address = peer(request)
    if is_trusted(options, address):
        said = request.headers.get("x-forwarded-for", "").split(",")
        address = _first_untrusted(options, reversed(said)) or address
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return str(address or "")


def _first_untrusted(options: WebOptions, said: Iterable[str]) -> Address | None:
    """From the nearest on: whatever stands further away may have been made up."""
    for text in said:
        address = _address(text.strip())
        if address is None or not is_trusted(options, address):
            return address
    return None


def host(request: HTTPConnection) -> str:
    """The name and port that were asked for."""
    return request.headers.get("host", "").lower()


def name_of(host: str) -> str:
    """A host without its port."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


@lru_cache(maxsize=1024)
def _address(text: str) -> Address | None:
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
