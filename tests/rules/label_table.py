"""What each of our vocabularies must call each state: the four tables of the status model, written out by story.

A story is what is said about a message, one thing after the other: a status, perhaps with a reason; something that the
recipient did; `settle`, which is the sweep; or `settle unreceipted`, the same on a route that gives no receipts.
`read|clicked` stands for two stories, and so does `failed spam|policy`, for two reasons. The columns are crisis by
email, crisis by SMS, history, log, engage by email, engage by SMS.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path

from rules.deadlines import settle
from rules.reports import Report, Word, words
from rules.state import State, join
from rules.statuses import Channel, Engagement, Mark, Reason, Source, Status
from rules.vocabularies import Vocabulary, read
from tests.rules.saying import minute

FOLDER = Path(__file__).resolve().parents[2] / "config" / "vocabularies"

OURS = ("crisis", "engage", "history", "log")

COLUMNS = (
    ("crisis", Channel.EMAIL),
    ("crisis", Channel.SMS),
    ("history", None),
    ("log", None),
    ("engage", Channel.EMAIL),
    ("engage", Channel.SMS),
)

TABLE = """
pending                          ; Pending             ; Pending      ; Pending   ; Unsent            ; Unknown            ; Unknown
sent                             ; Sent                ; Sent         ; Sent      ; Sent              ; Unknown            ; Unknown
pending, sent                    ; Sent                ; Sent         ; Sent      ; Sent              ; Unknown            ; Unknown
sent, deferred                   ; Bounced Temporarily ; Sent         ; Sent      ; Soft Bounced      ; Deferred           ; Unknown
sent, deferred spam|mailbox_full ; Bounced Temporarily ; Sent         ; Sent      ; Soft Bounced      ; Deferred           ; Unknown
sent, soft_bounced|soft_bounced unreachable|soft_bounced unknown
                                 ; Bounced Temporarily ; Sent         ; Sent      ; Soft Bounced      ; Soft bounce        ; Soft bounce
sent, soft_bounced spam|policy|content_rejected
                                 ; Bounced Temporarily ; Sent         ; Sent      ; Soft Bounced      ; Blocked            ; Soft bounce

pending, settle                  ; Not Sent            ; Not Sent     ; Timed out ; Unsent            ; Expired            ; Expired
pending, settle unreceipted      ; Not Sent            ; Not Sent     ; Timed out ; Unsent            ; Expired            ; Expired
sent, settle                     ; Sent                ; Sent         ; Timed out ; Sent              ; Expired            ; Expired
pending, settle, sent            ; Sent                ; Sent         ; Timed out ; Sent              ; Expired            ; Expired
sent, settle, deferred|soft_bounced
                                 ; Sent                ; Sent         ; Timed out ; Sent              ; Expired            ; Expired
sent, deferred|soft_bounced|soft_bounced spam, settle
                                 ; Bounced Temporarily ; Sent         ; Timed out ; Bounced           ; Soft bounce        ; Expired

sent, unconfirmed                ; Sent                ; Sent         ; Sent      ; Sent              ; Unknown            ; No status available
sent, deferred, unconfirmed      ; Sent                ; Sent         ; Sent      ; Sent              ; Unknown            ; No status available
sent, settle unreceipted         ; Sent                ; Sent         ; Sent      ; Sent              ; Unknown            ; No status available
sent, settle, unconfirmed        ; Sent                ; Sent         ; Sent      ; Sent              ; Unknown            ; No status available

expired                          ; Failed              ; Failed       ; Failed    ; Bounced           ; Expired            ; Undelivered
sent, expired|expired validity_expired|expired unknown
                                 ; Failed              ; Failed       ; Failed    ; Bounced           ; Expired            ; Undelivered
sent, settle, expired            ; Failed              ; Failed       ; Failed    ; Bounced           ; Expired            ; Undelivered
sent, expired spam|policy|content_rejected
                                 ; Failed              ; Failed       ; Failed    ; Bounced           ; Blocked            ; Undelivered
sent, deferred, expired|expired unreachable
                                 ; Bounced Temporarily ; Failed       ; Failed    ; Bounced           ; Soft bounce        ; Undelivered
sent, deferred, settle, expired  ; Bounced Temporarily ; Failed       ; Failed    ; Bounced           ; Soft bounce        ; Undelivered
sent, soft_bounced mailbox_full, expired mailbox_full
                                 ; Bounced Temporarily ; Failed       ; Failed    ; Bounced           ; Soft bounce        ; Soft bounce
sent, soft_bounced spam, expired spam|policy|content_rejected
                                 ; Bounced Temporarily ; Failed       ; Failed    ; Bounced           ; Blocked            ; Soft bounce

control_group                    ; Not Sent            ; Not Sent     ;           ; Unsent            ; Control group      ; Control group
no_address                       ; Not Sent            ; Not Sent     ; Failed    ; No Email Selected ; Not sent           ; Not sent
duplicate                        ; Not Sent            ; Not Sent     ;           ; Duplicate         ; Not sent           ; Not sent
blocked                          ; Not Sent            ; Not Sent     ; Failed    ; Blocked           ; Not sent           ; Not sent
pending, blocked                 ; Not Sent            ; Not Sent     ; Failed    ; Blocked           ; Not sent           ; Not sent

pending, not_sent|not_sent unknown
                                 ; Not Sent            ; Not Sent     ; Failed    ; Unsent            ; Not sent           ; Failed (unknown reason)
pending, not_sent invalid_address; Not Sent            ; Not Sent     ; Failed    ; Failed            ; Not sent           ; Undelivered
pending, not_sent suppressed|opted_out
                                 ; Not Sent            ; Not Sent     ; Failed    ; Blocked           ; Not sent           ; Undelivered
sent, not_sent mailbox_full|unreachable|content_rejected|too_large|spam|policy|validity_expired|canceled|rate_limited|account
                                 ; Not Sent            ; Not Sent     ; Failed    ; Unsent            ; Not sent           ; Undelivered

sent, failed|failed unknown      ; Failed              ; Failed       ; Failed    ; Bounced           ; Soft bounce        ; Failed (unknown reason)
sent, settle, failed             ; Failed              ; Failed       ; Failed    ; Bounced           ; Soft bounce        ; Failed (unknown reason)
sent, failed suppressed|opted_out; Failed              ; Failed       ; Failed    ; Blocked           ; Soft bounce        ; Undelivered
sent, failed spam|policy|content_rejected
                                 ; Failed              ; Failed       ; Failed    ; Bounced           ; Blocked            ; Undelivered
sent, failed invalid_address|mailbox_full|unreachable|too_large|validity_expired|canceled|rate_limited|account
                                 ; Failed              ; Failed       ; Failed    ; Bounced           ; Soft bounce        ; Undelivered

sent, hard_bounced invalid_address
                                 ; Failed              ; Failed       ; Failed    ; Failed            ; Hard bounce        ; Hard bounce
sent, hard_bounced|hard_bounced mailbox_full|hard_bounced unreachable|hard_bounced content_rejected|hard_bounced too_large
                                 ; Failed              ; Failed       ; Failed    ; Bounced           ; Hard bounce        ; Hard bounce
sent, hard_bounced spam|policy|suppressed|opted_out|validity_expired|canceled|rate_limited|account|unknown
                                 ; Failed              ; Failed       ; Failed    ; Bounced           ; Hard bounce        ; Hard bounce

delivered                        ; Delivered           ; Delivered    ; Delivered ; Delivered         ; Delivered          ; Delivered
sent, delivered                  ; Delivered           ; Delivered    ; Delivered ; Delivered         ; Delivered          ; Delivered
sent, delivered, hard_bounced invalid_address
                                 ; Delivered           ; Delivered    ; Delivered ; Delivered         ; Delivered          ; Delivered
sent, settle, delivered          ; Delivered           ; Delivered    ; Delivered ; Delivered         ; Delivered          ; Delivered

sent, machine_opened             ; Delivered           ; Delivered    ; Delivered ; Delivered         ; Delivered (Opened) ; Delivered
sent, read|clicked               ; Read                ; Delivered    ; Delivered ; Opened            ; Delivered (Opened) ; Delivered
sent, acknowledged               ; Acknowledged        ; Acknowledged ; Delivered ; Opened            ; Delivered (Opened) ; Delivered
sent, responded                  ; Responded           ; Responded    ; Delivered ; Opened            ; Delivered (Opened) ; Delivered
sent, opted_out                  ; Opted-out           ; Opted-out    ; Delivered ; Delivered         ; Delivered          ; Delivered
sent, complained                 ; Failed              ; Failed       ; Delivered ; Delivered         ; Delivered          ; Delivered

read, complained                 ; Failed              ; Failed       ; Delivered ; Opened            ; Delivered (Opened) ; Delivered
complained, acknowledged         ; Acknowledged        ; Acknowledged ; Delivered ; Opened            ; Delivered (Opened) ; Delivered
responded, acknowledged          ; Responded           ; Responded    ; Delivered ; Opened            ; Delivered (Opened) ; Delivered
opted_out, responded, complained ; Opted-out           ; Opted-out    ; Delivered ; Opened            ; Delivered (Opened) ; Delivered
"""  # noqa: E501 - a table is read by column


@dataclass(frozen=True, slots=True)
class Case:
    """A story, the state at its end, and what a vocabulary must call it on a channel; on each channel if it is None."""

    vocabulary: str
    channel: Channel | None
    story: str
    label: str
    state: State


def cases() -> Iterator[Case]:
    """Every cell of the table."""
    for line in filter(None, TABLE.replace("\n  ", "").splitlines()):
        stories, *labels = (cell.strip() for cell in line.split(";"))
        for story in _alternatives(stories):
            for (vocabulary, channel), label in zip(COLUMNS, labels, strict=True):
                yield Case(vocabulary, channel, story, label, told(story))


def _alternatives(stories: str) -> Iterator[str]:
    """Each story of a line. Where the first of several alternatives has a reason, the others are reasons."""
    steps = []
    for step in stories.split(", "):
        first, *others = step.split("|")
        status, _, reason = first.partition(" ")
        steps.append([first, *(f"{status} {one}" if reason else one for one in others)])
    yield from (", ".join(story) for story in product(*steps))


def told(story: str) -> State:
    """The state after everything that the story says."""
    return join(State(), (word for _, word in said(story)))


def said(story: str) -> list[tuple[Source, Word]]:
    """What the story says, a minute apart; the sweep comes at the deadline or later."""
    state, everything = State(), []
    for number, step in enumerate(story.split(", ")):
        name, _, rest = step.partition(" ")
        if name == "settle":
            guess = settle(state, Mark.LOOKED, minute(9000 + number), confirms=rest != "unreceipted")
            assert guess is not None
            heard = [(Source.SWEEP, guess)]
        else:
            heard = [(Source.POLL, word) for word in words(_report(name, rest, number), minute(60))]
        state = join(state, (word for _, word in heard))
        everything += heard
    return everything


def _report(name: str, reason: str, number: int) -> Report:
    at = minute(number)
    if name in {kind.name.lower() for kind in Engagement}:
        return Report("id", engagement=((Engagement[name.upper()], at),), response="yes")
    why = Reason[reason.upper()] if reason else Reason.NONE
    return Report("id", status=Status[name.upper()], reason=why, occurred_at=at)


CASES = tuple(cases())


@cache
def ours(name: str) -> Vocabulary:
    """One of our vocabularies."""
    return read((FOLDER / f"{name}.toml").read_text("utf-8"))
