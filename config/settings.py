"""All settings that there are, with their defaults."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from config.accounts import AccountTable
from config.addresses import check_postgres, check_redis
from config.kinds import Duration, Period, Table, Words
from config.problems import hint
from config.web import WebOptions
from rules.hashing import Hashing
from rules.statuses import Channel, Reason
from rules.suppression import OPTIONAL, SoftBounces, Triggers

ROOT = Path(__file__).resolve().parent.parent

#: Characters of a key that nobody guesses.
SHORTEST_KEY = 32


class WorkerOptions(Table):
    """How a worker process works."""

    #: How long one poll of an account may go on before others get their turn.
    poll_seconds: Period = Field(default="20s", validate_default=True)
    #: How long an account belongs to a worker that does not say that it lives.
    lease: Period = Field(default="30s", validate_default=True)
    #: Messages claimed at once.
    batch: int = Field(default=1000, ge=1, le=10_000)
    #: Accounts asked at once by one process.
    accounts_at_once: int = Field(default=20, ge=1, le=1000)
    #: Connections to Postgres of one process.
    connections: int = Field(default=16, ge=4, le=500)


class RetentionOptions(Table):
    """How long things are kept."""

    #: The history of messages.
    events: Duration = Field(default="90d", validate_default=True)
    #: Requests made.
    looks: Duration = Field(default="14d", validate_default=True)
    #: Raw answers.
    journal: Duration = Field(default="7d", validate_default=True)
    #: Bytes of raw answers; the oldest go first.
    journal_bytes: int = Field(default=1 << 30, ge=0)
    #: Reports whose message is not recorded.
    early: Duration = Field(default="24h", validate_default=True)
    #: How many of these an account may have.
    early_most: int = Field(default=100_000, ge=0)


class SoftBounceOptions(Table):
    """Block after so many soft bounces of different communications within a time, none of them delivered."""

    count: int = Field(default=5, ge=1)
    within: Duration = Field(default="90d", validate_default=True)


class SuppressionOptions(Table):
    """What else blocks an address on a channel. Everything is off unless set."""

    soft_bounces: SoftBounceOptions | None = None
    #: `spam` and `policy`: a block by the recipient's provider.
    reasons: Words = ()

    @field_validator("reasons")
    @classmethod
    def _may_block(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        known = sorted(reason.word for reason in OPTIONAL)
        for word in words:
            if word not in known:
                msg = f"{word!r} cannot be made to block; use {' or '.join(known)}"
                raise ValueError(msg)
        return words

    def triggers(self) -> Triggers:
        """The same for the rules."""
        soft = self.soft_bounces
        reasons = frozenset(reason for reason in Reason if reason.word in self.reasons)
        return Triggers(reasons, None if soft is None else SoftBounces(soft.count, soft.within))


class Settings(BaseSettings):
    """Everything that may be set. Secrets are never printed."""

    model_config = SettingsConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    #: Postgres; without it an embedded one is started where a command can.
    database_url: SecretStr | None = None
    #: Redis or Valkey; as above.
    redis_url: SecretStr | None = None
    #: False behind a pgbouncer that pools by transaction and is older than 1.21.
    prepared_statements: bool = True
    #: Where embedded servers keep their data.
    home: Path = ROOT / ".landed"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: `auto` is for people on a terminal and JSON elsewhere.
    log_format: Literal["auto", "json", "console"] = "auto"
    #: The vocabulary of reports, unless one is named.
    vocabulary: str = "crisis"
    #: A folder with a team's own vocabularies.
    vocabularies: Path | None = None
    #: The key with which recipients are hashed. It is nowhere else: keep it as long as the database.
    recipient_key: SecretStr | None = None
    #: `hashed`: every recipient is kept as its keyed hash only.
    store_recipients: Literal["plain", "hashed"] = "plain"
    #: The folder to which workers archive settled messages that are not kept any longer.
    archive: Path | None = None
    worker: WorkerOptions = WorkerOptions()
    retention: RetentionOptions = RetentionOptions()
    web: WebOptions = WebOptions()
    #: By channel.
    suppression: dict[str, SuppressionOptions] = Field(default_factory=dict)
    accounts: dict[str, AccountTable] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - it is this one
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - reads a token of digits as a number
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - one file is enough
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see config.files
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Everything comes in through `load`, which puts file and environment together."""
        return (init_settings,)

    @field_validator("database_url", "redis_url")
    @classmethod
    def _is_address(cls, url: SecretStr | None, about: ValidationInfo) -> SecretStr | None:
        if url is not None:
            check = check_postgres if about.field_name == "database_url" else check_redis
            check(url.get_secret_value())
        return url

    @field_validator("recipient_key")
    @classmethod
    def _is_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and len(key.get_secret_value()) < SHORTEST_KEY:
            msg = f"must have at least {SHORTEST_KEY} characters; `openssl rand -hex 32` makes one"
            raise ValueError(msg)
        return key

    @field_validator("store_recipients")
    @classmethod
    def _has_key(cls, wanted: str, about: ValidationInfo) -> str:
        # A key that is wrong is told by itself.
        if wanted == "hashed" and about.data.get("recipient_key", "") is None:
            msg = "'hashed' needs a key; set LANDED_RECIPIENT_KEY, or LANDED_RECIPIENT_KEY_FILE"
            raise ValueError(msg)
        return wanted

    @field_validator("suppression")
    @classmethod
    def _are_channels(cls, tables: dict[str, SuppressionOptions]) -> dict[str, SuppressionOptions]:
        known = [channel.word for channel in Channel]
        for name in tables:
            if name not in known:
                msg = f"unknown channel {name!r}; {hint(name, known)}"
                raise ValueError(msg)
        return tables

    def hashing(self) -> Hashing:
        """How recipients are kept."""
        key = None if self.recipient_key is None else self.recipient_key.get_secret_value()
        return Hashing(key, self.store_recipients == "hashed")

    def triggers(self) -> dict[Channel, Triggers]:
        """What else blocks, by channel."""
        return {Channel[name.upper()]: table.triggers() for name, table in self.suppression.items()}
