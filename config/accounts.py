"""What may be set for an account besides what its adapter wants: when to look, how long to wait, how fast to ask."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, SerializeAsAny, field_validator, model_validator

from config.kinds import AtMost, Duration, DurationOrNone, Durations, Rate, Table
from config.problems import hint
from rules.statuses import Channel

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*_?")


def _is_channel(name: str) -> str:
    known = [channel.word for channel in Channel]
    if name not in known:
        msg = f"unknown channel {name!r}; {hint(name, known)}"
        raise ValueError(msg)
    return name


#: Checked for itself, so that what is wrong below it is told too.
ChannelWord = Annotated[str, AfterValidator(_is_channel)]


class ScheduleOptions(Table):
    """Ages at which to look at a message that is still open."""

    #: Ages of a message at which to ask, rising.
    looks: Durations | None = None
    #: The pause between looks after the last of them. `looks` without it mean that only the last look before settling
    #: follows.
    then: Duration | None = None
    #: The share by which a pause may be longer, so that messages sent together are not asked about together.
    jitter: float | None = Field(default=None, ge=0, le=1)

    @field_validator("looks")
    @classmethod
    def _rise(cls, looks: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
        if looks is not None and list(looks) != sorted(set(looks)):
            msg = "ages must rise"
            raise ValueError(msg)
        return looks


class ChannelOptions(ScheduleOptions):
    """The same for one channel of an account, and its deadline."""

    #: How long after acceptance a message is settled.
    deadline: Duration | None = None
    #: Whether the schedule follows the recorded settling times by itself, within these limits:
    adaptive: bool | None = None
    #: the most looks a message may take on average; else as many as the configured schedule takes,
    adaptive_looks_per_message: float | None = Field(default=None, ge=1, le=1000)
    #: no look below this age; else a quarter of the age of the first configured look,
    adaptive_earliest: Duration | None = None
    #: no pause longer than this; else twice the longest of the configured schedule,
    adaptive_longest_pause: Duration | None = None
    #: and no two changes closer together than this.
    adaptive_every: Duration | None = None


class AccountOptions(ChannelOptions):
    """Ordinary settings of an account. What is not set is as the adapter declares it, or as the channel's default."""

    #: Whether not to ask this account at all.
    paused: bool = False
    #: Age of a message below which asking is useless.
    first_look: DurationOrNone | None = None
    #: How long the provider remembers a message.
    retention: Duration | None = None
    #: How long a lookup may still not show what has happened.
    lag: DurationOrNone | None = None
    #: How far behind its newest event a feed may still insert late ones.
    horizon: DurationOrNone | None = None
    #: Requests a second that are always safe; also like `120/m`.
    rate: Rate | None = None
    #: Requests in flight at once, over all workers together.
    concurrency: int | None = Field(default=None, ge=1, le=1000)
    #: The most requests in any time of a length, besides `rate`: like `100/10s`, `2500/h`.
    requests: AtMost | None = None
    #: The most records that answers may bring, where the provider bills them.
    records: AtMost | None = None
    #: The most that requests may cost.
    cost: AtMost | None = None
    #: What one request costs, in the same money.
    cost_per_request: float | None = Field(default=None, gt=0)
    #: A name under which several accounts share all these limits.
    quota: str | None = None
    #: How many polls of it there may be at once, in any workers.
    slices: int | None = Field(default=None, ge=1, le=100)
    #: How often a feed, queue or drain is read.
    read_every: Duration | None = None
    #: How long past its deadline a message waits for a provider that cannot be asked.
    hard_limit: Duration | None = None
    #: How long one request may take.
    timeout: Duration | None = None
    #: Whether this route ever confirms delivery. Where not, `sent` settles as `unconfirmed`.
    confirms: bool | None = None
    #: How long after the last that was heard of it a settled message is kept; then it is archived, or dropped where
    #: there is no archive.
    keep_settled: Duration | None = None
    #: Other settings for single channels, by channel.
    channels: dict[ChannelWord, ChannelOptions] = Field(default_factory=dict)
    #: Schedules that a message may name in its `schedule`.
    schedules: dict[str, ScheduleOptions] = Field(default_factory=dict)

    @field_validator("quota")
    @classmethod
    def _is_name(cls, quota: str | None) -> str | None:
        if quota is not None and not NAME.fullmatch(quota):
            msg = f"{quota!r} is no name; use a-z, 0-9 and single _, beginning with a letter"
            raise ValueError(msg)
        return quota

    @field_validator("schedules")
    @classmethod
    def _say_something(cls, schedules: dict[str, ScheduleOptions]) -> dict[str, ScheduleOptions]:
        for name, schedule in schedules.items():
            if schedule.looks is None and schedule.then is None:
                msg = f"the schedule {name!r} is empty; set looks, or then, or both"
                raise ValueError(msg)
        return schedules


class AccountTable(BaseModel):
    """One account as it was set. `settings` are those of its adapter, still raw; entry points check them against it."""

    model_config = Table.model_config

    adapter: str
    options: SerializeAsAny[AccountOptions] = AccountOptions()
    settings: dict[str, Any] = Field(default_factory=dict, repr=False)

    @model_validator(mode="before")
    @classmethod
    def _split(cls, raw: Any) -> Any:
        """Tell our settings from the adapter's by their names."""
        if not isinstance(raw, dict):
            msg = 'must be a table with at least adapter = "NAME"'
            raise ValueError(msg)  # noqa: TRY004 - pydantic collects ValueErrors
        ours = {name: value for name, value in raw.items() if name in AccountOptions.model_fields}
        rest = {name: value for name, value in raw.items() if name not in ours and name != "adapter"}
        adapter = {"adapter": raw["adapter"]} if "adapter" in raw else {}
        return {**adapter, "options": ours, "settings": rest}
