"""Finding an adapter by its name, or a third party's by its class."""

import subprocess
import sys
from pathlib import Path

import pytest

import adapters
from adapters.base import Adapter
from adapters.bearer import Bearer
from tests.adapters.plain import Plain
from tests.adapters.recorded import every_adapter

ROOT = Path(__file__).parents[2]


@every_adapter
def test_every_built_in_adapter_is_found_by_its_name(name: str) -> None:
    found = adapters.find(name)

    assert issubclass(found, Adapter)
    assert found.name == name


def test_a_third_partys_adapter_is_found_by_its_class() -> None:
    assert adapters.find("tests.adapters.plain:Plain") is Plain


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("twillio", "there is no adapter 'twillio'; did you mean 'twilio'?"),
        ("Twilio", "there is no adapter 'Twilio'; did you mean 'twilio'?"),
        ("govuk", "there is no adapter 'govuk'; did you mean 'govuk_notify'?"),
        ("carrier pigeon", "there is no adapter 'carrier pigeon'; known are expo, govuk_notify, "),
        ("", "there is no adapter ''; known are expo"),
    ],
)
def test_an_unknown_name_is_told_with_a_guess(name: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the next line looks at its text
        adapters.find(name)

    assert str(caught.value).startswith(said)
    assert "acme.sms:Acme" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_package.sms:Acme", "cannot be loaded: No module named 'no_such_package'"),
        ("tests.adapters.plain:NoSuch", "cannot be loaded: module 'tests.adapters.plain' has no attribute 'NoSuch'"),
        (":Acme", "cannot be loaded"),
        ("tests.adapters.plain:", "cannot be loaded"),
        ("..sms:Acme", "cannot be loaded"),
        ("pathlib:Path", "is not an adapter; it must be a subclass of adapters.base.Adapter"),
        ("tests.adapters.plain:BASE", "is not an adapter"),
    ],
)
def test_a_class_that_is_no_adapter_is_told(name: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        adapters.find(name)

    assert name in str(caught.value)


def test_an_adapter_whose_module_is_broken_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A third party's mistake does not bring down `config check` with a traceback."""
    monkeypatch.syspath_prepend(tmp_path)
    for number, text in enumerate(("1 / 0", "def", "import no_such_thing")):
        (tmp_path / f"broken_adapter_{number}.py").write_text(text)

        with pytest.raises(ValueError, match=rf"'broken_adapter_{number}:A' cannot be loaded"):
            adapters.find(f"broken_adapter_{number}:A")


@pytest.mark.once
def test_nothing_is_imported_before_it_is_wanted() -> None:
    """Help comes at once, and one broken adapter spoils no other."""
    script = "import adapters, sys; adapters.names(); print([name for name in sys.modules if 'adapters.' in name])"
    found = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert found.stdout == "[]\n"


def test_a_bearer_token_is_not_shown() -> None:
    shown = Bearer("planted")

    assert "planted" not in f"{shown!r} {shown}"
