"""What the sending service says: messages in bulk, and what recipients answered. All of it goes into the inbox."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field, model_validator

from rules import rows
from rules.columns import stored
from rules.rows import Row
from rules.statuses import Channel
from store import recording
from store.connections import Connection, Pool
from store.recording import Spool, Values
from web.api.messages import numbered
from web.api.routing import router as new_router
from web.problem import Problem
from web.site import PATIENCE, Here, Store
from web.who import Recorder

router: APIRouter = new_router("recording")

#: Bytes of a row.
LONGEST = 64 * 1024

#: Bytes of rows that are recorded all or none.
LARGEST = 1 << 30

#: Rows written at once, and bad rows that are named; more are counted.
BATCH, NAMED = 2000, 1000

KINDS = ("application/x-ndjson", "application/ndjson", "application/jsonl")


class BadRow(BaseModel):
    """A row that was not recorded."""

    line: int = Field(description="From 1.", examples=[17])
    problem: str = Field(examples=["channel is missing"])


class Recorded(BaseModel):
    """What came of the rows."""

    recorded: int = Field(examples=[2400])
    bad: int = Field(description="How many rows were not recorded.", examples=[0])
    rows: list[BadRow] = Field(description=f"Those rows; the first {NAMED} of them.", examples=[[]])


class Tally:
    """What came of the rows so far."""

    def __init__(self) -> None:
        self.recorded = 0
        self.bad = 0
        self.named: list[BadRow] = []

    def name(self, line: int, problem: str) -> None:
        """Note a bad row."""
        self.bad += 1
        if len(self.named) < NAMED:
            self.named.append(BadRow(line=line, problem=problem))

    def plain(self) -> Recorded:
        """The same for the answer."""
        return Recorded(recorded=self.recorded, bad=self.bad, rows=self.named)


_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A JSON object a line, with the inbox's columns; docs/recording.md says what each means.",
        "content": {
            "application/x-ndjson": {
                "schema": {"type": "string"},
                "example": '{"account": "alerts", "channel": "sms", "recipient": "+447700900123",'
                ' "provider_id": "SM1", "communication": "Flood warning 7"}\n',
            }
        },
    }
}


@router.post("/messages", status_code=201, openapi_extra=_BODY)
async def record(
    request: Request,
    live: Here,
    viewer: Recorder,
    partial: Annotated[bool, Query(description="Record the good rows also where others are bad.")] = False,
) -> Recorded:
    """Record messages in bulk. All or none, unless `partial`: then each bad row is named and the others count.

    Recording twice is harmless. A row is 64 KiB at most; without `partial` all are 1 GiB at most.
    """
    del viewer
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in KINDS:
        raise Problem(415, f"send a JSON object a line, as content-type {KINDS[0]}")
    tally = Tally()
    values = _values(_lines(request), tally)
    if partial:
        await _record_some(live.pool, values, tally)
    else:
        await _record_all(live.pool, values, tally)
    return tally.plain()


async def _lines(request: Request) -> AsyncIterator[tuple[int, bytes]]:
    """The lines of a body with their numbers. Raises Problem for one that is too long."""
    number, waiting = 1, bytearray()
    async for chunk in request.stream():
        waiting += chunk
        *whole, rest = waiting.split(b"\n")
        for line in whole:
            _check_length(number, line)
            yield number, bytes(line)
            number += 1
        waiting = bytearray(rest)
        _check_length(number, waiting)
    if waiting:
        yield number, bytes(waiting)


def _check_length(number: int, line: bytes | bytearray) -> None:
    if len(line) > LONGEST:
        raise Problem(413, f"line {number} is longer than {LONGEST:,} bytes; nothing after it was read")


async def _values(lines: AsyncIterator[tuple[int, bytes]], tally: Tally) -> AsyncIterator[list[Values]]:
    """The good rows as the inbox keeps them, some at a time; the bad ones are named."""
    batch: list[Values] = []
    async for number, line in lines:
        row = rows.of_json(number, line)
        if row is not None and (values := _stored(row, tally)) is not None:
            batch.append(values)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _stored(row: Row, tally: Tally) -> Values | None:
    if not row.problem:
        try:
            return stored(row.fields)
        except ValueError as error:
            tally.name(row.line, str(error))
            return None
    tally.name(row.line, row.problem)
    return None


async def _record_some(pool: Pool, batches: AsyncIterator[list[Values]], tally: Tally) -> None:
    async for batch in batches:
        async with pool.acquire(timeout=PATIENCE) as connection:
            await recording.copy(connection, batch)
        tally.recorded += len(batch)


async def _record_all(pool: Pool, batches: AsyncIterator[list[Values]], tally: Tally) -> None:
    """Keep the rows in a file until the last is here: a transaction that waits for a sender would hold up readers."""
    with contextlib.closing(Spool()) as spool:
        async for batch in batches:
            if not tally.bad:
                spool.put(batch)
            if spool.size > LARGEST:
                raise Problem(413, f"all or none goes up to {LARGEST:,} bytes; use ?partial=true, or several requests")
        if tally.bad:
            detail = f"{tally.bad:,} rows are bad, so nothing was recorded; ?partial=true records the others"
            raise Problem(422, detail, "bad-rows", bad=tally.bad, rows=[row.model_dump() for row in tally.named])
        async with pool.acquire(timeout=PATIENCE) as connection, connection.transaction():
            for batch in spool.batches():
                await recording.copy(connection, batch)
        tally.recorded = spool.rows


class Answer(BaseModel):
    """What a recipient did with a message, as the sending service knows."""

    acknowledged_at: AwareDatetime | None = Field(default=None, examples=["2026-03-01T09:31:00Z"])
    responded_at: AwareDatetime | None = Field(default=None, examples=["2026-03-01T09:32:00Z"])
    response: str | None = Field(default=None, max_length=10_000, examples=["I am safe"])
    opted_out_at: AwareDatetime | None = Field(default=None, examples=[None])

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not (self.acknowledged_at or self.responded_at or self.response or self.opted_out_at):
            msg = "give acknowledged_at, responded_at, response or opted_out_at"
            raise ValueError(msg)
        if self.response and "\0" in self.response:
            msg = "response holds a NUL character, which Postgres cannot keep"
            raise ValueError(msg)
        return self


class Accepted(BaseModel):
    """It is in the inbox; a worker takes it in within a second or so."""

    accepted: bool = Field(default=True, examples=[True])


@router.post("/messages/{number}/response", status_code=202)
async def respond(store: Store, viewer: Recorder, number: int, answer: Answer) -> Accepted:
    """Tell what the recipient of a message did: acknowledged it, answered, opted out. It shows in the report."""
    del viewer
    await _tell(store, number, answer)
    return Accepted()


async def _tell(store: Connection, number: int, answer: Answer) -> None:
    row = await numbered(store, number)
    said: dict[str, Any] = answer.model_dump()
    if answer.response and answer.responded_at is None:
        said["responded_at"] = datetime.now(UTC)
    names = {name: row[name] for name in ("account", "provider_id", "reference")}
    fields = {**names, "part": row["part"] or None, "channel": Channel(row["channel"]).word, **said}
    await recording.copy(store, [recording.values(fields)])
