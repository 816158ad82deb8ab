"""`explain` tells the story of a message and `look` asks about it now; both find it by any of its names."""

import pytest

from adapters.base import Page
from adapters.errors import Unreadable
from adapters.twilio import Twilio as Adapter
from rules.statuses import Status
from tests.cli.conftest import Place, take_in
from tests.cli.twilio import SECRET, Twilio, name_of

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

DELIVERED, UNKNOWN = name_of("delivered"), name_of("unknown_word")

ROWS = f"""account,channel,recipient,provider_id,reference,communication
text_main,sms,+447700900001,{DELIVERED},order-1,Flood warning 7
text_main,sms,+447700900002,SMnone,order-2,Flood warning 7
text_main,sms,+447700900003,{UNKNOWN},order-3,Flood warning 7
text_main,sms,+447700900004,{name_of("trouble")},twice,Flood warning 7
mail_main,email,ann@example.org,20261124.1@mail.example.org,twice,Flood warning 7
"""


@pytest.fixture
def filled(landed: Place, twilio: Twilio) -> Place:
    landed.set(accounts__text_main__base_url=twilio.url)
    landed("record", "-", stdin=ROWS)
    take_in()
    return landed


def number(place: Place, name: str) -> str:
    (story,) = place("explain", name, "--json").json
    return str(story["message"]["number"])


def test_a_message_is_found_by_its_number_its_reference_and_the_providers_id(filled: Place) -> None:
    by_reference = filled("explain", "order-1").out

    assert by_reference.startswith(f"Message {number(filled, 'order-1')}: sent\n")
    assert filled("explain", DELIVERED).out == by_reference
    assert filled("explain", number(filled, "order-1")).out == by_reference


def test_a_schedule_that_nobody_set_is_told_as_long_as_nobody_sets_it(landed: Place) -> None:
    rows = "account,channel,provider_id,schedule\ntext_main,sms,SMcode,codes\n"
    landed("record", "-", stdin=rows)
    take_in()
    before = landed("explain", "SMcode").out
    landed.set(accounts__text_main__schedules__codes__then="1m")
    after = landed("explain", "SMcode").out

    assert "The schedule 'codes' that it names is not set for the account" in before
    assert "is not set for the account" not in after


def test_its_story_has_what_was_said_and_what_is_next(filled: Place) -> None:
    said = filled("explain", "order-1").out

    assert "  recipient          +447700900001\n" in said
    assert "  heard              sent\n" in said
    assert "sender: sent" in said
    assert "It is open. Looks so far: 0." in said
    assert "The next look is due at " in said


def test_its_story_is_the_same_for_programs(filled: Place) -> None:
    (story,) = filled("explain", "order-1", "--json").json

    assert list(story) == ["message", "story", "next"]
    assert story["message"]["heard"] == ["sent"]
    assert [(one["kind"], one["source"], one["said"]) for one in story["story"]] == [("report", "sender", "sent")]
    assert story["next"]["open"] is True


def test_messages_of_one_name_are_listed_to_choose_from(filled: Place) -> None:
    said = filled("explain", "twice").out

    assert said.startswith("2 messages are called that; explain one by its number:\n\nnumber")
    assert "text_main" in said
    assert "20261124.1@mail.example.org" in said
    assert len(filled("explain", "twice", "--json").json) == 2


@pytest.mark.parametrize("command", ["explain", "look"])
def test_a_name_that_nobody_has_is_guessed(filled: Place, command: str) -> None:
    assert "no message has the number, reference or provider id 'ordr-1', did you mean 'order-1'?" in (
        filled(command, "ordr-1", code=1).err
    )
    assert "is it recorded?" in filled(command, "9999999", code=1).err


def test_a_message_that_waits_or_could_not_be_taken_in_is_said_to(filled: Place) -> None:
    filled("record", "-", stdin="account,channel,reference\ntext_man,sms,order-9\n")

    assert "'order-9' waits in the inbox since " in filled("explain", "order-9", code=1).err

    take_in()

    assert "could not be taken in: nobody knows the account 'text_man'" in filled("explain", "order-9", code=1).err


def test_a_look_moves_the_message_and_is_part_of_its_story(filled: Place) -> None:
    said = filled("look", "order-1")

    assert said.out == f"message {number(filled, 'order-1')} was sent and is now delivered\n"
    assert "poll: delivered" in filled("explain", "order-1").out
    assert "It is settled; nothing is asked about it any more." in filled("explain", "order-1").out


def test_the_story_of_a_look_says_why_it_was_asked_that_way(filled: Place) -> None:
    filled("look", "order-1")

    assert "by id because a person asked" in filled("explain", "order-1").out


def test_a_look_at_what_is_settled_asks_again(filled: Place, twilio: Twilio) -> None:
    filled("look", "order-1")
    asked = len(twilio.asked)

    assert filled("look", "order-1").out.endswith(" is still delivered\n")
    assert len(twilio.asked) == asked + 1


def test_a_look_that_finds_nothing_says_so(filled: Place) -> None:
    assert filled("look", "order-2").out.endswith(
        " is still sent: text_main said nothing about it, and may not know it\n"
    )


def test_a_word_that_nobody_knows_is_said_and_kept(filled: Place) -> None:
    said = filled("look", "order-3").out

    assert said.splitlines()[0].endswith(" is still sent")
    assert said.splitlines()[1] == "text_main said a word that nobody knows: see `landed quarantine`"
    (word,) = filled("quarantine", "--json").json
    assert (word["account"], word["word"], word["seen"]) == ("text_main", "teleported", 1)


def test_kept_answers_are_read_again_once_the_adapter_knows_the_word(
    filled: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled("look", "order-3")

    assert filled("quarantine", "apply").out == "0 answers read whole, 1 still not understood; 0 messages changed\n"

    monkeypatch.setattr(Adapter, "STATUSES", {**Adapter.STATUSES, "teleported": Status.DELIVERED})

    assert filled("quarantine", "apply", "--account", "text_main", "--json").json == {
        "read": 1,
        "left": 0,
        "written": 1,
    }
    assert filled("explain", "order-3").out.startswith(f"Message {number(filled, 'order-3')}: delivered\n")
    assert filled("quarantine").out == "every word is known\n"
    assert "teleported" in filled("quarantine", "list", "--all").out


def test_an_answer_that_still_cannot_be_read_does_not_disturb_what_programs_read(
    filled: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(*_: object) -> Page:
        raise Unreadable("twilio: the answer could not be read")

    filled("look", "order-3")
    monkeypatch.setattr(Adapter, "read", unreadable)
    said = filled("quarantine", "apply", "--json")

    assert said.json == {"read": 0, "left": 1, "written": 0}
    assert "answer_still_unreadable" in said.err


def test_a_look_by_a_name_of_several_asks_nobody(filled: Place, twilio: Twilio) -> None:
    said = filled("look", "twice", code=1)

    assert "2 messages are called 'twice' (`landed explain` shows them); look at one by its number: " in said.err
    assert twilio.asked == []


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"accounts__text_main__auth_token": f"x{SECRET}"}, "refuses our credentials (status 401)"),
        ({"accounts__text_main__base_url": "http://127.0.0.1:1"}, "127.0.0.1 refuses the connection"),
    ],
)
def test_a_look_that_cannot_be_made_says_why_and_changes_nothing(
    filled: Place, settings: dict[str, str], said: str
) -> None:
    filled.set(**settings)
    found = filled("look", "order-1", code=1)

    assert said in found.err
    assert SECRET not in found.err
    assert filled("explain", "order-1").out.startswith(f"Message {number(filled, 'order-1')}: sent\n")


def test_a_look_on_an_account_that_is_gone_says_so(filled: Place) -> None:
    text = (filled.folder / "landed.toml").read_text()
    filled.write("landed.toml", text.replace("[accounts.mail_main]", "[accounts.post_main]"))
    found = [story["message"] for story in filled("explain", "twice", "--json").json]
    (gone,) = [str(message["number"]) for message in found if message["account"] == "mail_main"]
    said = filled("look", gone, code=1).err

    assert "the account of this message, 'mail_main', is not configured here: add it to landed.toml" in said
