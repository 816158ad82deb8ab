"""How to ask each provider and read its answer (sans I/O), one module each. `http.py` sends."""

from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from adapters.base import Adapter

#: Every built-in adapter: its name and its class. A provider's line here is one of the five things that add it.
ADAPTERS = {
    "expo": "adapters.expo:Expo",
    "govuk_notify": "adapters.govuk_notify:GovukNotify",
    "infobip": "adapters.infobip:Infobip",
    "mailgun": "adapters.mailgun:Mailgun",
    "messagemedia": "adapters.messagemedia:MessageMedia",
    "twilio": "adapters.twilio:Twilio",
}


def names() -> tuple[str, ...]:
    """The names of all built-in adapters."""
    return tuple(ADAPTERS)


def find(name: str) -> type["Adapter[Any]"]:
    """The adapter of that name, or a third party's class named like `acme.sms:Acme`. ValueError has a guess."""
    place = name if ":" in name else ADAPTERS.get(name)
    if place is None:
        raise ValueError(f"there is no adapter {name!r}; {_guess(name)} Another one is named like acme.sms:Acme")
    module, _, attribute = place.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # whatever somebody else's module does
        raise ValueError(f"the adapter {name!r} cannot be loaded: {error}") from error
    return _checked(name, found)


def _guess(name: str) -> str:
    close = get_close_matches(name.lower(), ADAPTERS, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else f"known are {', '.join(ADAPTERS)}."


def _checked(name: str, found: object) -> type["Adapter[Any]"]:
    from adapters.base import Adapter  # noqa: PLC0415 - the base imports this package

    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise ValueError(f"{name!r} is not an adapter; it must be a subclass of adapters.base.Adapter")  # noqa: TRY004  as find() promises
    return found
