"""Whether Landed and the simulated providers say the same of every message."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cli.sending import Message
from rules import deadlines
from rules.state import State, join
from rules.statuses import Engagement, Mark
from simulator import Simulator
from store import messages
from store.connections import Connection
from worker.accounts import Account

#: More communications than any run has.
COMMUNICATIONS = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """A message of which Landed says something else than its provider. `ours` is None if it is not recorded."""

    message: Message
    ours: State | None
    theirs: State

    def __str__(self) -> str:
        """Which message, what Landed says, and what its provider has."""
        ours = "nothing" if self.ours is None else _said(self.ours)
        fate = f", fate {self.message.sent.fate}" if self.message.sent else ""
        who = f"{self.message.account} {self.message.reference}"
        return f"{who}: Landed says {ours}, {_said(self.theirs)} is true{fate}"


def differences(
    sent: Iterable[Message],
    ours: Mapping[tuple[str, str, str], State],
    simulator: Simulator,
    accounts: Mapping[str, Account],
) -> list[Difference]:
    """Every message whose state in Landed is not the one that it must have in the end."""
    found = []
    for message in sent:
        account = accounts[message.account]
        theirs = expected(message, simulator, account)
        state = ours.get((message.account, message.reference, _part(message, account)))
        if state is None or _compared(state, account) != _compared(theirs, account):
            found.append(Difference(message, state, theirs))
    return found


def expected(message: Message, simulator: Simulator, account: Account) -> State:
    """What is true of a message in the end: all that sender and provider say, and what its deadline makes of that."""
    truth = simulator.truth(message.sent) if message.sent else State()
    state = join(truth, message.words)
    if message.is_patient:
        return state
    guess = deadlines.settle(state, Mark.LOOKED, message.words[0].at, confirms=account.limits.confirms)
    return state if guess is None else join(state, [guess])


def _part(message: Message, account: Account) -> str:
    """Which of the recipients of one id it is about, where one id may have several."""
    return account.adapter.normal_part(message.recipient) if account.limits.parts else ""


def _compared(state: State, account: Account) -> tuple[object, ...]:
    """What must be the same. What happens after `delivered` is told only by providers that tell everything."""
    sender = (Engagement.ACKNOWLEDGED, Engagement.RESPONDED, Engagement.OPTED_OUT)
    kinds = tuple(Engagement) if account.limits.feed else sender
    did = tuple(kind for kind in kinds if state.first(kind))
    return state.status, state.reason, state.code, did, state.response[1] if state.response else ""


async def states(connection: Connection) -> dict[tuple[str, str, str], State]:
    """What Landed says of every message, by account, reference and part."""
    said = {}
    for name in await messages.communications(connection, COMMUNICATIONS):
        number = await messages.communication(connection, name)
        if number is not None:
            async for row in messages.all_of(connection, number):
                said[row["account"], row["reference"], row["part"]] = messages.state(row)
    return said


def over_at(sent: Iterable[Message], accounts: Mapping[str, Account]) -> datetime:
    """When the last of the messages that are not patient may be settled."""
    return max(_over_at(message, accounts[message.account]) for message in sent if not message.is_patient)


def _over_at(message: Message, account: Account) -> datetime:
    return message.words[0].at + account.allowance(message.channel) + account.limits.lag


def _said(state: State) -> str:
    did = [kind.word for kind in Engagement if state.first(kind)]
    words = [state.status.word, state.reason.word, state.code, *did]
    return " ".join(word for word in words if word)
