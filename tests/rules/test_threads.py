"""What has gone wrong elsewhere and must not here. Each test is named after what happened and says where."""

from datetime import timedelta
from itertools import permutations

import pytest

from rules.deadlines import ALLOWANCES, deadline, settle
from rules.reports import Report, words
from rules.schedules import horizon
from rules.state import State, join
from rules.statuses import OPEN, Channel, Engagement, Mark, Reason, Status, statuses_in
from rules.suppression import Triggers, blocks, is_blocked
from rules.vocabularies import label
from tests.rules.label_table import ours, told
from tests.rules.saying import after, joined, minute, swept, word


def said(status: Status, at: float, reason: Reason = Reason.NONE) -> Report:
    return Report("id", status=status, occurred_at=minute(at), reason=reason)


def did(kind: Engagement, at: float) -> Report:
    return Report("id", engagement=((kind, minute(at)),))


def test_wired_after_failed() -> None:
    """nyaruka/courier#1189, #796: a late word of an earlier step must not bring a failed message back."""
    state = after(said(Status.FAILED, 2), said(Status.SENT, 3), said(Status.DEFERRED, 4))

    assert state.status is Status.FAILED
    assert state.status_at == minute(2)


def test_sent_after_delivered() -> None:
    """nyaruka/courier#1189, chatwoot/chatwoot#14529: a late webhook took `delivered` back to `sent`."""
    state = after(said(Status.DELIVERED, 2), said(Status.SENT, 5))

    assert (state.status, state.status_at) == (Status.DELIVERED, minute(2))


def test_delivered_after_read() -> None:
    """nyaruka/courier#1189, djdang3r/whatsapp-api-manager#102, rmyndharis/OpenWA#225: read stays read."""
    state = after(said(Status.SENT, 0), did(Engagement.READ, 3), said(Status.DELIVERED, 4))

    assert state.first(Engagement.READ) == minute(3)
    assert label(ours("crisis"), Channel.EMAIL, state).text == "Read"


def test_failed_is_left_only_for_better_knowledge() -> None:
    """chatwoot/chatwoot#14149, #14544, #9962: how may a message leave `failed`? By being delivered, or hard bounced."""
    failed = after(said(Status.FAILED, 1))
    left = {status for status in Status if after(said(status, 2), state=failed).status is not Status.FAILED}

    assert left == {Status.HARD_BOUNCED, Status.DELIVERED}


def test_success_after_segment_error() -> None:
    """opengovsg/postmangovsg#1150: one part's error came first, and the delivery of the whole was dropped."""
    state = after(said(Status.FAILED, 1, Reason.UNREACHABLE), said(Status.DELIVERED, 2))

    assert (state.status, state.reason) == (Status.DELIVERED, Reason.NONE)


def test_delivered_with_no_sent_before_it() -> None:
    """opengovsg/postmangovsg#2151: the first word about a message may be its last."""
    assert after(said(Status.DELIVERED, 1)).status is Status.DELIVERED


def test_bounce_after_delivered() -> None:
    """cds-snc/notification-api#1295: it stays delivered, the bounce is kept, and the address is blocked."""
    bounce = said(Status.HARD_BOUNCED, 9, Reason.INVALID_ADDRESS)
    state = after(said(Status.DELIVERED, 1), bounce)

    assert state.status is Status.DELIVERED
    assert Status.HARD_BOUNCED in statuses_in(state.heard)
    assert any(blocks(one, Triggers()) for one in words(bounce, minute(10)))


def test_receipt_before_sending() -> None:
    """alphagov/notifications-api#2916: a receipt overtook our own `sending`, and a sweep failed what was delivered."""
    state = after(said(Status.DELIVERED, 1), said(Status.PENDING, 0), said(Status.SENT, 2))

    assert state.status is Status.DELIVERED
    assert settle(state, Mark.LOOKED, minute(9000)) is None


def test_late_delivered_after_timeout() -> None:
    """alphagov/notifications-api: what came in after the sweep was dropped; here it corrects the guess."""
    guessed = swept(after(said(Status.SENT, 0)))
    corrected = after(said(Status.DELIVERED, 2), state=guessed)

    assert guessed.status is Status.TIMED_OUT
    assert (corrected.status, corrected.status_at) == (Status.DELIVERED, minute(2))
    assert not corrected.settled_by_sweep


def test_late_failed_after_timeout() -> None:
    """The same for bad news, which was also dropped."""
    corrected = after(said(Status.FAILED, 2, Reason.SPAM), state=swept(after(said(Status.SENT, 0))))

    assert (corrected.status, corrected.reason) == (Status.FAILED, Reason.SPAM)


def test_a_failed_batch_overwrites_what_was_delivered() -> None:
    """GSA/notifications-api: a batch of failures written last won. Any batch may come last here."""
    batches = [[word(Status.SENT, at=0)], [word(Status.DELIVERED, at=1)], [word(Status.FAILED, at=2)]]
    states = []
    for order in permutations(batches):
        state = State()
        for batch in order:
            state = join(state, batch)
        states.append(state)

    assert {state.status for state in states} == {Status.DELIVERED}
    assert len(set(states)) == 1


def test_three_minute_sweep() -> None:
    """GSA `dao_close_out_delivery_receipts` closed messages after 3 minutes in place of 3 days."""
    deadline_at = deadline(minute(0), None, ALLOWANCES[Channel.EMAIL])
    bounds = horizon(minute(0), deadline_at, timedelta(), None)

    assert bounds.settle_at - minute(0) == timedelta(days=3)


def test_a_sweep_that_misses_a_status() -> None:
    """cds-snc/notification-api never swept SMS in `sent`; GSA/notifications-api#1453: pending for ever."""
    settled = {status: settle(joined(word(status)), Mark.UNASKABLE, minute(9000)) for status in OPEN}

    assert all(settled.values())


def test_a_sweep_that_does_not_tell_created_from_sending() -> None:
    """alphagov/notifications-api#397, #768: what was never accepted must not look as if it had been."""
    expected = {"pending, settle": "Not Sent", "sent, settle": "Sent"}
    shown = {story: label(ours("crisis"), Channel.SMS, told(story)).text for story in expected}

    assert shown == expected


def test_unknown_code() -> None:
    """cds-snc/notification-api: a code nobody knew (TTL) became a failure. It says nothing until someone knows it."""
    state = after(said(Status.SENT, 0))

    assert after(Report("id", unknown="TTL", occurred_at=minute(3)), state=state) == state


def test_providers_times_reversed() -> None:
    """gip-inclusion/rdv-insertion#2182: the soft bounce was dated before the send, the delivery before both."""
    state = after(said(Status.SENT, 5), said(Status.SOFT_BOUNCED, 3, Reason.MAILBOX_FULL), said(Status.DELIVERED, 1))

    assert (state.status, state.status_at) == (Status.DELIVERED, minute(1))
    assert state.settled_from is Status.SOFT_BOUNCED


def test_duplicate_writes() -> None:
    """nyaruka/courier#503, alphagov/notifications-api#2272: the same receipt again changes nothing."""
    report = Report("id", status=Status.DEFERRED, occurred_at=minute(1), reason=Reason.UNREACHABLE, attempts=2)
    once = after(report)

    assert after(report, report, state=once) == once


def test_our_own_send_timed_out_but_the_provider_had_it() -> None:
    """alphagov/notifications-api#802: no word about a send is no failure; it stays pending until there is an answer."""
    unknown = after(said(Status.PENDING, 0))

    assert unknown.status.is_open
    assert after(said(Status.DELIVERED, 2), state=unknown).status is Status.DELIVERED


def test_a_late_delivered_erases_a_complaint() -> None:
    """twentyhq/twenty#24473: the last writer won, so the complaint was lost."""
    state = after(did(Engagement.COMPLAINED, 3), said(Status.DELIVERED, 5))

    assert state.first(Engagement.COMPLAINED) == minute(3)
    assert label(ours("crisis"), Channel.EMAIL, state).text == "Failed"


def test_shown_as_sent_though_it_bounced() -> None:
    """novuhq/novu#1247."""
    shown = label(ours("history"), Channel.EMAIL, after(said(Status.SENT, 0), said(Status.HARD_BOUNCED, 1)))

    assert shown.text == "Failed"


@pytest.mark.parametrize("reason", [Reason.MAILBOX_FULL, Reason.UNREACHABLE])
def test_a_full_mailbox_means_do_not_contact(reason: Reason) -> None:
    """mautic/mautic#9190, #7369: a soft bounce blocked for ever, and 6% of good contacts with it."""
    given_up = [word(Status.SOFT_BOUNCED, reason=reason), word(Status.EXPIRED, reason=reason)]

    assert not any(blocks(one, Triggers()) for one in given_up)


def test_our_servers_bad_name_blocks_the_recipient() -> None:
    """mautic/mautic#9222, postalserver/postal#1153: "550 5.7.1 block list" is about our server, not about a person."""
    assert not blocks(word(Status.FAILED, reason=Reason.POLICY, code="550 5.7.1"), Triggers())


def test_an_unblocked_address_is_blocked_again_by_the_same_mail() -> None:
    """knadh/listmonk#1334, postalserver/postal#58: what a person undid stays undone until a new message bounces."""
    sent_at, unblocked_at = minute(0), minute(5)

    assert not is_blocked([sent_at, sent_at], [unblocked_at])
    assert is_blocked([sent_at, minute(6)], [unblocked_at])


def test_an_opt_out_long_ago_is_no_engagement_with_this_message() -> None:
    """A refusal because of an earlier opt-out must not look like a delivery that was answered with one."""
    refused = said(Status.NOT_SENT, 1, Reason.OPTED_OUT)
    state = after(refused)

    assert state.status is Status.NOT_SENT
    assert state.first(Engagement.OPTED_OUT) is None
    assert blocks(words(refused, minute(1))[0], Triggers())
