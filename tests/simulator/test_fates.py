"""How messages end."""

from datetime import timedelta
from itertools import pairwise

import pytest

from rules.reports import Word
from rules.state import State, join
from rules.statuses import Channel, Engagement, Status
from simulator import Faults, Scenario, Sent, Simulator
from simulator.server import KINDS
from tests.simulator.playing import START, Clock, recipient

SIMULATED = list(KINDS)

#: Whose lookup shows the present word alone.
SNAPSHOTS = [name for name in SIMULATED if name != "mailgun"]

END = timedelta(days=1)


def _each(simulator: Simulator) -> list[Sent]:
    """A message of every fate."""
    return [
        sent
        for provider in simulator.providers
        for fate, channels in simulator.fates(provider).items()
        for sent in simulator.send(provider, channels[0], [recipient(channels[0])], fate=fate)
    ]


def test_every_status_that_a_provider_can_say_is_the_end_of_a_fate() -> None:
    simulator = Simulator(Scenario(), Clock())
    ends = {simulator.truth(sent, sent.sent_at + END).status for sent in _each(simulator)}
    never = {Status.TIMED_OUT, Status.EXPIRED_OURS}
    ours = {Status.CONTROL_GROUP, Status.NO_ADDRESS, Status.DUPLICATE, Status.BLOCKED}

    assert set(Status) - never - ours == ends


def test_every_engagement_that_a_provider_can_see_is_in_a_fate() -> None:
    simulator = Simulator(Scenario(), Clock())
    states = [simulator.truth(sent, sent.sent_at + END) for sent in _each(simulator)]
    by_sender = {Engagement.ACKNOWLEDGED, Engagement.RESPONDED}

    assert set(Engagement) - by_sender == {kind for kind in Engagement for state in states if state.first(kind)}


@pytest.mark.parametrize("name", SNAPSHOTS)
def test_words_never_go_down_in_rank_where_only_the_present_one_is_shown(name: str) -> None:
    kind = KINDS[name]
    for fate in kind.FATES:
        ranks = [max(kind.MEANINGS[key].statuses) for _, key in fate.steps]

        assert all(one <= other for one, other in pairwise(ranks)), fate.name


@pytest.mark.parametrize("name", SIMULATED)
def test_fates_are_whole(name: str) -> None:
    """Their words mean something, their steps rise, every word is used, and names are unique."""
    kind = KINDS[name]
    for fate in kind.FATES:
        shares = [share for share, _ in fate.steps]

        assert sorted(shares) == shares, fate.name
        assert all(0 <= share <= 1 for share in shares), fate.name
    assert set(kind.MEANINGS) == {key for fate in kind.FATES for _, key in fate.steps}
    assert len({fate.name for fate in kind.FATES}) == len(kind.FATES)


@pytest.mark.parametrize("name", SIMULATED)
def test_a_bad_end_has_a_reason(name: str) -> None:
    for key, meaning in KINDS[name].MEANINGS.items():
        bad = set(meaning.statuses) - {Status.DEFERRED, Status.UNCONFIRMED, Status.DELIVERED}

        assert bool(meaning.reason) or not any(status >= Status.SOFT_BOUNCED for status in bad), key


def test_a_bounce_after_delivered_leaves_it_delivered_and_is_heard() -> None:
    simulator = Simulator(Scenario(), Clock())
    (sent,) = simulator.send("mailgun", Channel.EMAIL, ["ann@example.org"], fate="bounced_after_delivered")
    state = simulator.truth(sent, sent.sent_at + END)

    assert Status.DELIVERED is state.status
    assert state.heard & Status.HARD_BOUNCED.bit


@pytest.mark.parametrize("name", SIMULATED)
def test_the_first_messages_run_through_all_fates_and_later_ones_are_drawn(name: str) -> None:
    simulator = Simulator(Scenario(seed=5), Clock())
    fates = simulator.fates(name)
    for channel in {one for channels in fates.values() for one in channels}:
        wanted = [fate for fate, channels in fates.items() if channel in channels]
        drawn = [_send(simulator, name, channel).fate for _ in range(len(wanted) + 200)]
        commonest = max(set(drawn), key=drawn.count)

        assert wanted == drawn[: len(wanted)]
        assert max(KINDS[name].FATES, key=lambda one: one.weight * (channel in one.channels)).name == commonest


def _send(simulator: Simulator, name: str, channel: Channel) -> Sent:
    return simulator.send(name, channel, [recipient(channel)])[0]


def test_a_fate_without_weight_never_comes() -> None:
    simulator = Simulator(Scenario(weights={"expo": {"ok": 0.0}}), Clock())
    drawn = {_send(simulator, "expo", Channel.PUSH).fate for _ in range(200)}

    assert set(simulator.fates("expo")) - {"ok"} == drawn


def test_the_same_seed_sends_the_same_and_another_does_not() -> None:
    def sent(seed: int) -> list[tuple[Sent, State]]:
        simulator = Simulator(Scenario(seed=seed, faults=Faults.usual()), Clock())
        made = [_send(simulator, name, kind.FATES[0].channels[0]) for name, kind in KINDS.items() for _ in range(40)]
        return [(one, simulator.truth(one, one.sent_at + END)) for one in made]

    assert sent(1) == sent(1)
    assert sent(1) != sent(2)


def test_faults_change_no_id_fate_or_end() -> None:
    """So that a run with faults can be compared with one without."""

    def sent(faults: Faults) -> list[tuple[Sent, Status]]:
        simulator = Simulator(Scenario(seed=3, faults=faults), Clock())
        made = [_send(simulator, name, kind.FATES[0].channels[0]) for name, kind in KINDS.items() for _ in range(40)]
        return [(one, simulator.truth(one, one.sent_at + END).status) for one in made]

    assert sent(Faults.none()) == sent(Faults.usual())


def test_messages_take_about_their_typical_time_and_are_final_in_the_longest() -> None:
    clock = Clock()
    simulator = Simulator(Scenario(seed=3, typical=timedelta(seconds=10), faults=Faults.usual()), clock)
    made = [_send(simulator, "expo", Channel.PUSH) for _ in range(300)]
    clock.advance(10)
    share = sum(simulator.is_final(sent) for sent in made) / len(made)
    clock.now = START + simulator.scenario.longest

    assert 0.3 < share < 0.75
    assert all(simulator.is_final(sent) for sent in made)


def test_the_truth_only_grows_and_is_nothing_before_anything_is_said() -> None:
    clock = Clock()
    simulator = Simulator(Scenario(seed=4, typical=timedelta(seconds=10), faults=Faults.usual()), clock)
    for sent in _each(simulator):
        states = [simulator.truth(sent, START + timedelta(seconds=second)) for second in range(40)]

        for one, other in pairwise(states):
            assert one.heard & other.heard == one.heard
            assert one.status <= other.status
    assert State() == simulator.truth(_send(simulator, "expo", Channel.PUSH))


def test_an_unknown_word_leaves_the_status_alone() -> None:
    plain, odd = (
        Simulator(Scenario(seed=4, faults=faults), Clock()) for faults in (Faults.none(), Faults(unknown_word=1))
    )
    for one, other in zip(_each(plain), _each(odd), strict=True):
        assert plain.truth(one, START + END) == odd.truth(other, START + END)


def test_the_sweep_of_a_client_comes_about() -> None:
    """Some messages stay open for ever in each open status, so every guess of ours is reached."""
    simulator = Simulator(Scenario(), Clock())
    sent = Word(Status.SENT.bit, START)
    ends = {join(simulator.truth(one, START + END), [sent]).status for one in _each(simulator)}

    assert {Status.SENT, Status.DEFERRED, Status.SOFT_BOUNCED} <= ends


def test_what_cannot_be_sent_is_refused() -> None:
    simulator = Simulator(Scenario(), Clock())
    wrong = [
        (("twillio", Channel.SMS, ["+1"]), "did you mean 'twilio'"),
        (("twilio", Channel.EMAIL, ["+1"]), "it sends by sms, chat"),
        (("twilio", Channel.SMS, ["+1", "+2"]), "send one at a time"),
        (("mailgun", Channel.EMAIL, []), "needs a recipient"),
    ]
    for given, said in wrong:
        with pytest.raises(ValueError, match=said):
            simulator.send(*given)
    with pytest.raises(ValueError, match="did you mean 'delivered'"):
        simulator.send("twilio", Channel.SMS, ["+1"], fate="deliverd")


def test_whoever_is_named_twice_gets_one_message() -> None:
    simulator = Simulator(Scenario(), Clock())
    sent = simulator.send("mailgun", Channel.EMAIL, ["Ann@example.org", "bob@example.org", "ann@example.org"])

    assert [one.part for one in sent] == ["ann@example.org", "bob@example.org"]


def test_credentials_follow_from_the_seed() -> None:
    first, same, other = (Simulator(Scenario(seed=seed), Clock()) for seed in (1, 1, 2))

    for name in first.providers:
        assert first.settings(name) == same.settings(name)
        assert first.settings(name) != other.settings(name)
