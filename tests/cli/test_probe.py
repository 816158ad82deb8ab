"""`probe` asks a real server, which plays Twilio with recorded answers, and prints what a program or a person needs."""

import socket
import time
from datetime import timedelta

import pytest

from cli import probe
from tests.adapters.recorded import imagined
from tests.cli.conftest import Place
from tests.cli.twilio import SECRET, SETTINGS, Twilio, name_of, recorded

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

SID = f"account_sid={SETTINGS['account_sid']}"
TOKEN = f"auth_token={SECRET}"

DELIVERED, UNKNOWN = name_of("delivered"), name_of("unknown_word")


def asking(url: str, *more: str) -> list[str]:
    return ["probe", "--adapter", "twilio", "--base-url", url, "--set", SID, "--set", TOKEN, *more]


def test_it_prints_an_array_of_reports_with_every_field_in_order(bare: Place, twilio: Twilio) -> None:
    said = bare(*asking(twilio.url, "--id", DELIVERED, "--json"))

    assert said.json == recorded("delivered")["reports"]
    assert list(said.json[0]) == [
        "provider_id", "part", "status", "reason", "code", "detail", "occurred_at", "attempts", "engagement",
    ]  # fmt: skip
    assert said.err == ""


def test_engagement_is_a_time_by_its_name(bare: Place, twilio: Twilio) -> None:
    (report,) = bare(*asking(twilio.url, "--id", name_of("delivered-read"), "--json")).json

    assert report["engagement"] == {"read_at": "2019-05-24T17:18:30+00:00"}


def test_several_ids_give_their_reports_in_the_order_asked(bare: Place, twilio: Twilio) -> None:
    said = bare(*asking(twilio.url, "--id", UNKNOWN, "--id", DELIVERED, "--json"))

    assert [(one["provider_id"], one["status"]) for one in said.json] == [(UNKNOWN, None), (DELIVERED, "delivered")]


def test_an_unknown_word_is_in_detail_and_has_no_status(bare: Place, twilio: Twilio) -> None:
    (report,) = bare(*asking(twilio.url, "--id", UNKNOWN, "--json")).json

    assert (report["status"], report["detail"]) == (None, "teleported")


def test_an_id_that_is_not_found_gives_no_element_and_a_line_on_standard_error(bare: Place, twilio: Twilio) -> None:
    said = bare(*asking(twilio.url, "--id", "SMnone", "--id", DELIVERED, "--json"))

    assert [one["provider_id"] for one in said.json] == [DELIVERED]
    assert said.lines == ["twilio: id SMnone was not found"]


def test_nothing_found_is_an_empty_array(bare: Place, twilio: Twilio) -> None:
    assert bare(*asking(twilio.url, "--id", "SMnone", "--json")).json == []


def test_a_window_is_asked_as_it_was_given(bare: Place, twilio: Twilio) -> None:
    window = ("--since", "2026-11-24T10:00:00Z", "--until", "2026-11-24T12:00:00+01:00")
    said = bare(*asking(twilio.url, *window, "--json"))

    assert said.json == recorded("listing")["reports"]
    assert "DateSent>=2026-11-24T10:00:00Z&DateSent<=2026-11-24T11:00:01Z" in twilio.asked[0]


def test_ids_pick_from_a_window(bare: Place, twilio: Twilio) -> None:
    said = bare(*asking(twilio.url, "--since", "2h ago", "--id", DELIVERED, "--id", "SMnone", "--json"))

    assert [one["provider_id"] for one in said.json] == [DELIVERED]
    assert said.lines == ["twilio: id SMnone was not found"]


def test_a_table_leaves_out_what_nobody_says_and_marks_unknown_words(bare: Place, twilio: Twilio) -> None:
    said = bare(*asking(twilio.url, "--id", name_of("failed-30005"), "--id", UNKNOWN))

    heading, failed, unknown = said.out.splitlines()

    assert heading.split("  ")[0] == "provider id"
    assert "attempts" not in heading
    assert failed.split()[1:4] == ["hard_bounced", "invalid_address", "30005"]
    assert "(unknown word)" in unknown
    assert unknown.endswith("teleported")


def test_secrets_come_from_a_file_from_standard_input_or_the_environment(bare: Place, twilio: Twilio) -> None:
    bare.write("token", f"{SECRET}\n")
    start = ["probe", "--adapter", "twilio", "--base-url", twilio.url, "--set", SID, "--id", DELIVERED, "--json"]
    found = [bare(*start, "--set", "auth_token=@token"), bare(*start, "--set", "auth_token=@-", stdin=f"{SECRET}\r\n")]
    bare.set(set_auth_token=SECRET)
    found.append(bare(*start))

    assert [said.json for said in found] == [recorded("delivered")["reports"]] * 3


def test_an_account_of_the_configuration_can_be_asked(landed: Place, twilio: Twilio) -> None:
    landed.set(accounts__text_main__base_url=twilio.url)

    assert (
        landed("probe", "--account", "text_main", "--id", DELIVERED, "--json").json == recorded("delivered")["reports"]
    )


def test_it_needs_no_database(bare: Place, twilio: Twilio) -> None:
    bare.set(database_url="postgresql://127.0.0.1:1/landed")

    bare(*asking(twilio.url, "--id", DELIVERED))


def refused(place: Place, *words: str) -> str:
    """The one line that a probe which does not work ends with."""
    said = place(*words, code=1)
    assert said.out == ""
    assert len(said.lines) == 1, said.err
    assert SECRET not in said.err
    return said.lines[0]


def test_wrong_credentials_are_said_with_where_to_look(bare: Place, twilio: Twilio) -> None:
    words = ["probe", "--adapter", "twilio", "--base-url", twilio.url, "--set", SID, "--set", f"auth_token=x{SECRET}"]

    assert refused(bare, *words, "--id", DELIVERED) == (
        "Error: twilio refuses our credentials (status 401); check what --set and LANDED_SET_... give"
    )


def test_wrong_credentials_of_an_account_are_looked_for_in_the_configuration(landed: Place, twilio: Twilio) -> None:
    landed.set(accounts__text_main__base_url=twilio.url, accounts__text_main__auth_token=f"x{SECRET}")

    assert refused(landed, "probe", "--account", "text_main", "--id", DELIVERED) == (
        "Error: twilio (account text_main) refuses our credentials (status 401); check them in landed.toml or the"
        " environment"
    )


def test_trouble_of_the_provider_is_said_after_few_tries_and_seconds(bare: Place, twilio: Twilio) -> None:
    started = time.monotonic()

    assert refused(bare, *asking(twilio.url, "--id", name_of("trouble"))) == (
        "Error: twilio is in trouble (status 500); try again later"
    )
    assert time.monotonic() - started < 6
    assert 1 < len(twilio.asked) <= 3


def test_a_host_that_does_not_exist_is_said(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    monkeypatch.setattr(probe, "PATIENCE", timedelta(0))

    line = refused(bare, *asking("http://nosuch.invalid", "--id", "SM1"))

    assert line.startswith("Error: twilio gives no answer: there is no host nosuch.invalid")
    assert line.endswith("; try again later")


def test_a_host_that_refuses_the_connection_is_said(bare: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "PATIENCE", timedelta(0))

    line = refused(bare, *asking("http://127.0.0.1:1", "--id", "SM1"))

    assert line.startswith("Error: twilio gives no answer: 127.0.0.1 refuses the connection")
    assert line.endswith("; try again later")


def test_how_long_a_provider_wants_to_be_left_alone_is_said(bare: Place, twilio: Twilio) -> None:
    twilio.answers["SM1"] = {"status": 429, "headers": {"retry-after": "90"}, "json": {}}

    assert refused(bare, *asking(twilio.url, "--id", "SM1")) == (
        "Error: twilio says that it is asked too often (status 429); it asks for 1m30s without requests"
    )


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 200, "headers": {"content-type": "text/html"}, "text": "<html>Welcome</html>"}, "it is not JSON"),
        ({"status": 200, "json": {"sid": 17}}, "wrong type"),
        ({"status": 200, "json": [1]}, "wrong type"),
    ],
)
def test_rubbish_is_said_in_one_line_with_what_kind_it_is(
    bare: Place, twilio: Twilio, answer: dict[str, object], said: str
) -> None:
    twilio.answers["SM1"] = answer
    line = refused(bare, *asking(twilio.url, "--id", "SM1"))

    assert line.startswith("Error: twilio: ")
    assert said in line
    assert line.endswith("is the address right?")


def test_one_unreadable_item_does_not_hide_the_others(bare: Place, twilio: Twilio) -> None:
    twilio.page = recorded("wrong_types-one_of_three")["response"]
    said = bare(*asking(twilio.url, "--since", "2h ago", "--json"), code=1)

    assert said.json == recorded("wrong_types-one_of_three")["reports"]
    assert len(said.lines) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--id", "SM1"], "name either --adapter or --account"),
        (["--adapter", "twilio", "--account", "text_main"], "name either --adapter or --account"),
        (["--account", "text_main", "--set", "a=b"], "--base-url and --set go with --adapter"),
        (["--adapter", "twillio", "--id", "SM1"], "did you mean 'twilio'?"),
        (["--adapter", "twilio", "--id", "SM1"], "setting 'account_sid' is missing: --set account_sid=VALUE, "),
        (["--adapter", "twilio", "--id", "SM1"], "setting 'auth_token' is missing: --set auth_token=VALUE, "),
        (["--adapter", "twilio", "--set", "auth_tokn=x"], "unknown setting 'auth_tokn', did you mean 'auth_token'?"),
        (["--adapter", "twilio", "--set", "auth_token"], "write it as --set auth_token=VALUE, auth_token=@FILE"),
        (["--adapter", "twilio", "--set", "auth_token=@none"], "none cannot be read: No such file or directory"),
        (["--adapter", "twilio", "--set", "a=@-", "--set", "b=@-"], "standard input can be read for one --set only"),
        (asking("http://a:port", "--id", "SM1")[1:], "'base_url': must be an address like https://api.example.com"),
        (
            asking("http://a")[1:],
            "say what to ask about; twilio offers --id (up to 1 in a request), --since (a listing",
        ),
        (asking("http://a", "--id", " ")[1:], "an empty --id or --reference names no message"),
        (asking("http://a", "--reference", "x")[1:], "twilio cannot be asked by --reference; it offers --id"),
        (asking("http://a", "--take")[1:], "twilio has no queue and no drain; it offers --id"),
        (asking("http://a", "--since", "yesterday")[1:], "'yesterday' is not a moment; write it like '2h ago' or"),
        (asking("http://a", "--since", "2026-11-24T10:00:00")[1:], "has no zone"),
        (asking("http://a", "--until", "now")[1:], "--until needs --since"),
        (asking("http://a", "--since", "1h ago", "--until", "2h ago")[1:], "is not before --until"),
    ],
)
def test_wrong_use_says_what_would_be_right_and_asks_nobody(bare: Place, words: list[str], said: str) -> None:
    found = bare("probe", *words, code=2)

    assert said in " ".join(found.err.split())
    assert SECRET not in found.err


def test_an_unknown_account_is_guessed(landed: Place) -> None:
    assert "no account is called 'text_man', did you mean 'text_main'?" in (
        landed("probe", "--account", "text_man", "--id", "SM1", code=1).err
    )


def test_the_shapes_of_every_adapter_are_offered_in_its_own_options(bare: Place) -> None:
    offered = {one["name"]: one["asked_by"] for one in bare("adapters", "--json").json}

    assert "--since (a feed of 300 a page)" in offered["mailgun"]
    assert "--take (a queue of 100)" in offered["messagemedia"]
    assert "--reference" in offered["govuk_notify"]


def test_a_feed_and_a_reference_are_asked_in_their_own_shape(bare: Place, twilio: Twilio) -> None:
    """The server is no Mailgun and no GOV.UK Notify, and says so; what it was asked shows the shape."""
    mailgun = ["--adapter", "mailgun", "--set", "domain=mail.example.org", "--set", "api_key=k", "--since", "1h ago"]
    bare("probe", *mailgun, "--base-url", twilio.url, code=1)
    key = imagined("govuk_notify")["api_key"]
    notify = ["--adapter", "govuk_notify", "--set", f"api_key={key}", "--reference", "order-1"]
    bare("probe", *notify, "--base-url", twilio.url, code=1)

    assert "begin=" in twilio.asked[0]
    assert "reference=order-1" in twilio.asked[-1]
