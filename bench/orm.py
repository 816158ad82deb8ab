"""One report after the other through an ORM, each committed: SQLAlchemy, which most Python programs use."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import asyncpg
from sqlalchemy import BigInteger, DateTime, Identity, SmallInteger, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bench.one_by_one import kinds
from bench.saying import NOW, Message
from rules.statuses import Source, Status
from store.connections import Connection
from store.reports import Said


class Base(DeclarativeBase):
    """Everything mapped. Small numbers are small in the table too."""

    type_annotation_map = {int: SmallInteger, datetime: DateTime(timezone=True)}  # noqa: RUF012 - as SQLAlchemy has it


class MessageRow(Base):
    """A message: its names, and what a report changes."""

    __tablename__ = "message"
    __table_args__ = {"schema": "landed"}  # noqa: RUF012 - as above

    account: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    provider_id: Mapped[str | None]
    part: Mapped[str]
    status: Mapped[int]
    heard: Mapped[int] = mapped_column(BigInteger)
    status_at: Mapped[datetime]
    reason: Mapped[int]
    code: Mapped[str]


class WatchRow(Base):
    """An open message."""

    __tablename__ = "watch"
    __table_args__ = {"schema": "landed"}  # noqa: RUF012 - as above

    account: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    heard: Mapped[int] = mapped_column(BigInteger)


class EventRow(Base):
    """A line of the history."""

    __tablename__ = "event"
    __table_args__ = {"schema": "landed"}  # noqa: RUF012 - as above

    position: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    seen_at: Mapped[datetime]
    occurred_at: Mapped[datetime]
    message: Mapped[int] = mapped_column(BigInteger)
    account: Mapped[int]
    kind: Mapped[int]
    from_status: Mapped[int]
    reason: Mapped[int]
    source: Mapped[int]
    applied: Mapped[bool]
    code: Mapped[str]


@dataclass(frozen=True, slots=True)
class Orm:
    """The ORM on one connection of its own."""

    connection: Connection
    engine: AsyncEngine

    async def write(self, account: int, messages: Sequence[Message], said: Sequence[Said]) -> int:
        """Join each report in a transaction of its own; how many changed their message."""
        written = 0
        async with AsyncSession(self.engine, expire_on_commit=False) as session:
            for message, one in zip(messages, said, strict=True):
                written += await _write(session, account, message, one)
                await session.commit()
                # A program has a session for each report; what it remembered would slow the next one down.
                session.expunge_all()
        return written


@asynccontextmanager
async def orm(url: str) -> AsyncIterator[Orm]:
    """The ORM, connected to the database at `url`."""
    connection = await asyncpg.connect(url)

    async def the_one() -> asyncpg.Connection:
        return connection

    engine = create_async_engine("postgresql+asyncpg://", async_creator=the_one, pool_size=1, max_overflow=0)
    try:
        yield Orm(connection, engine)
    finally:
        await engine.dispose()


async def _write(session: AsyncSession, account: int, message: Message, one: Said) -> bool:
    word = one.word
    named = select(MessageRow).where(
        MessageRow.account == account, MessageRow.provider_id == message.provider_id, MessageRow.part == ""
    )
    row = (await session.execute(named.with_for_update(key_share=True))).scalar_one()
    watch = await session.get(WatchRow, (account, row.id))
    if word.top <= row.status:
        return False
    session.add_all(
        EventRow(
            seen_at=NOW,
            occurred_at=word.at,
            message=row.id,
            account=account,
            kind=kind,
            from_status=row.status,
            reason=word.reason,
            source=Source.POLL,
            applied=True,
            code=word.code,
        )
        for kind in kinds(word.bits)
    )
    row.status, row.heard, row.status_at = word.top, row.heard | word.bits, word.at
    row.reason, row.code = word.reason, word.code
    if watch is not None and word.top >= Status.TIMED_OUT:
        await session.delete(watch)
    elif watch is not None:
        watch.heard = row.heard
    return True
