"""What may be set for the page and the API: where they are, and who may see them."""

import re
from ipaddress import ip_network

from pydantic import Field, field_validator

from config.kinds import Period, Table, Words
from rules.viewers import Scope, scopes

#: A name with an optional port, or an address of IPv6 in brackets with one.
_HOST = re.compile(r"([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")

_HEADER = re.compile(r"[A-Za-z0-9-]+")


class WebOptions(Table):
    """The page and the API."""

    #: The address on which they listen.
    host: str = "127.0.0.1"
    #: The port; 0 is any that is free.
    port: int = Field(default=8026, ge=0, le=65535)
    #: Names under which they are reached, besides `localhost`: what a browser has in its address bar.
    hosts: Words = ()
    #: Whether also those on this machine must have a token.
    require_token: bool = False
    #: How long a log-in lasts.
    session: Period = Field(default="12h", validate_default=True)
    #: Connections to Postgres.
    connections: int = Field(default=8, ge=2, le=500)
    #: Addresses, or networks like 10.0.0.0/8, of proxies whose word is believed.
    trusted_proxies: Words = ()
    #: The header in which such a proxy says who it is.
    identity_header: str = "X-Forwarded-User"
    #: What those may do whom such a proxy names.
    proxy_scopes: Words = (Scope.READ.value,)
    #: Whether they see recipients only in part.
    proxy_masked: bool = False

    @field_validator("hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if not _HOST.fullmatch(host.lower()):
                msg = f"{host!r} is no name of a host; write it like reports.example.com or reports.example.com:8443"
                raise ValueError(msg)
        return tuple(host.lower() for host in hosts)

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            try:
                ip_network(network)
            except ValueError:
                msg = f"{network!r} is no address; write it like 10.0.0.7 or 10.0.0.0/8"
                raise ValueError(msg) from None
        return networks

    @field_validator("identity_header")
    @classmethod
    def _is_header(cls, name: str) -> str:
        if not _HEADER.fullmatch(name):
            msg = f"{name!r} is no name of a header"
            raise ValueError(msg)
        return name

    @field_validator("proxy_scopes")
    @classmethod
    def _are_scopes(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        scopes(words)
        return words
