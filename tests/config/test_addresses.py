"""Addresses of servers: what can be read is taken, anything else is refused without a word of its password."""

from pathlib import Path

import pytest

from adapters.base import AdapterSettings
from config import ConfigError, load

SECRET = "planted-p4ss"


def problems(**urls: str) -> list[str]:
    try:
        load({f"LANDED_{name.upper()}_URL": url for name, url in urls.items()}, Path("/nowhere"))
    except ConfigError as error:
        return error.problems
    return []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://",
        "postgres://ann@db.example.org/landed",
        f"postgresql://ann:{SECRET}@db.example.org:5432/landed?sslmode=require",
        f"postgresql://ann:{SECRET}%40%3A%2F@db.example.org/landed",
        "postgresql://ann@/landed?host=/var/run/postgresql",
        "postgresql://one:5432,two:5433/landed",
        "postgresql://[::1]:5432/landed",
    ],
)
def test_an_address_of_postgres_is_taken(url: str) -> None:
    assert problems(database=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "landed",
        f"mysql://ann:{SECRET}@db.example.org/landed",
        f"postgresql://ann:{SECRET}@db.example.org:port/landed",
        f"postgresql://ann:{SECRET}@db.example.org:99999/landed",
        f"postgresql://ann:{SECRET}/and:more@db.example.org/landed",
        f"postgresql://ann:{SECRET}#and:more@db.example.org/landed",
    ],
)
def test_anything_else_for_postgres_is_refused_without_its_password(url: str) -> None:
    (said,) = problems(database=url)

    assert said.startswith("database_url: must be like postgresql://user:password@host:5432/database, with %40 for @")
    assert SECRET not in said


@pytest.mark.parametrize(
    "url",
    [
        "redis://localhost",
        f"redis://:{SECRET}@redis.example.org:6379/0",
        f"rediss://ann:{SECRET}@redis.example.org?db=2",
        "unix:///run/valkey.sock",
        "unix:///run/valkey.sock?db=0",
    ],
)
def test_an_address_of_redis_is_taken(url: str) -> None:
    assert problems(redis=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "localhost:6379",
        f"http://:{SECRET}@redis.example.org",
        f"redis://:{SECRET}@redis.example.org:port",
        f"redis://:{SECRET}@redis.example.org:99999",
        f"redis://:{SECRET}@redis.example.org/",
        f"redis://:{SECRET}@redis.example.org/first",
        f"redis://:{SECRET}/more@redis.example.org",
        "unix://?db=0",
        "redis://",
    ],
)
def test_anything_else_for_redis_is_refused_without_its_password(url: str) -> None:
    (said,) = problems(redis=url)

    assert said.startswith("redis_url: must be like redis://:password@host:6379/0, rediss:// for TLS,")
    assert SECRET not in said


def test_both_addresses_are_named_at_once() -> None:
    assert [line.partition(":")[0] for line in problems(database="x", redis="y")] == ["database_url", "redis_url"]


@pytest.mark.parametrize(
    "url", ["api.example.com", "ftp://api.example.com", "http://:80", "http://a:port", "http://a:99999"]
)
def test_a_base_url_that_cannot_be_asked_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"base_url\n.*must be an address like https://api\.example\.com"):
        AdapterSettings(base_url=url)
