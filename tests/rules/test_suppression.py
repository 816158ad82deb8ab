"""Which words block an address, and when a block holds."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.reports import Word
from rules.statuses import Engagement, Mark, Reason, Status
from rules.suppression import OUR_SIDE, SoftBounces, Triggers, blocks, is_blocked
from tests.rules.saying import TIMES, minute, thoroughly, word

NOTHING_ELSE = Triggers()

#: Statuses that block with a reason; `None` stands for every reason but those of our side.
BLOCKING = {
    Status.HARD_BOUNCED: None,
    Status.NOT_SENT: {Reason.SUPPRESSED, Reason.OPTED_OUT},
    Status.FAILED: {Reason.SUPPRESSED, Reason.OPTED_OUT},
}


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("status", Status)
def test_by_default_hard_bounces_and_refusals_for_the_recipients_own_sake_block(status: Status, reason: Reason) -> None:
    reasons = BLOCKING.get(status, set())
    expected = reason not in OUR_SIDE if reasons is None else reason in reasons

    assert blocks(word(status, reason=reason), NOTHING_ELSE) is expected


@pytest.mark.parametrize("kind", Engagement)
def test_complaints_and_opt_outs_block_and_nothing_else_that_a_recipient_does(kind: Engagement) -> None:
    expected = kind in {Engagement.COMPLAINED, Engagement.OPTED_OUT}

    assert blocks(word(kind), NOTHING_ELSE) is expected


@pytest.mark.parametrize("reason", sorted(OUR_SIDE))
@pytest.mark.parametrize("status", Status)
def test_our_own_sides_faults_never_block_a_person(status: Status, reason: Reason) -> None:
    """Not even where someone puts them among the triggers."""
    assert not blocks(word(status, reason=reason), Triggers(frozenset(Reason)))


def test_our_side_is_account_rate_content_and_size() -> None:
    assert {reason.word for reason in OUR_SIDE} == {"account", "rate_limited", "content_rejected", "too_large"}


@pytest.mark.parametrize("reason", [Reason.SPAM, Reason.POLICY])
@pytest.mark.parametrize("status", [status for status in Status if status is not Status.HARD_BOUNCED])
def test_a_block_by_the_recipients_provider_blocks_for_who_wants_it(status: Status, reason: Reason) -> None:
    """What was not sent never came to the recipient's provider."""
    expected = status in {Status.SOFT_BOUNCED, Status.EXPIRED, Status.FAILED}

    assert blocks(word(status, reason=reason), Triggers(frozenset({reason}))) is expected
    assert not blocks(word(status, reason=reason), NOTHING_ELSE)


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.SPAM, Reason.POLICY}))
def test_no_other_reason_can_be_made_a_trigger(reason: Reason) -> None:
    assert not blocks(word(Status.SOFT_BOUNCED, reason=reason), Triggers(frozenset({reason})))


def test_one_soft_bounce_never_blocks() -> None:
    """Only counting them does, and that is off unless asked for; five in 90 days is what who asks gets."""
    wanted = Triggers(soft_bounces=SoftBounces())

    assert not blocks(word(Status.SOFT_BOUNCED, reason=Reason.MAILBOX_FULL), wanted)
    assert NOTHING_ELSE.soft_bounces is None
    assert wanted.soft_bounces == SoftBounces(5, timedelta(days=90))


@pytest.mark.parametrize("mark", Mark)
def test_our_guesses_block_nobody(mark: Mark) -> None:
    said = [Word(guess.bit | mark.bit, minute(0)) for guess in (Status.TIMED_OUT, Status.EXPIRED_OURS)]

    assert not any(blocks(one, Triggers(frozenset(Reason))) for one in said)


def test_an_unblocking_holds_until_a_message_sent_after_it_blocks_again() -> None:
    assert not is_blocked([], [])
    assert is_blocked([minute(1)], [])
    assert not is_blocked([minute(1)], [minute(2)])
    assert not is_blocked([minute(2)], [minute(2)])
    assert is_blocked([minute(1), minute(3)], [minute(2)])
    assert not is_blocked([minute(1), minute(3)], [minute(2), minute(4)])


MOMENTS = st.lists(TIMES, max_size=4)


@thoroughly
@given(blocked=MOMENTS, unblocked=MOMENTS, data=st.data())
def test_the_order_in_which_facts_become_known_does_not_matter(
    blocked: list[datetime], unblocked: list[datetime], data: st.DataObject
) -> None:
    expected = is_blocked(blocked, unblocked)
    again = data.draw(st.permutations(blocked + blocked)), data.draw(st.permutations(unblocked + unblocked))

    assert is_blocked(*again) is expected


@thoroughly
@given(blocked=MOMENTS, unblocked=MOMENTS, late=TIMES)
def test_a_late_report_about_an_old_message_does_not_block_again(
    blocked: list[datetime], unblocked: list[datetime], late: datetime
) -> None:
    last = max([*unblocked, late])

    assert not is_blocked([at for at in [*blocked, late] if at <= last], [*unblocked, last])
