"""All settings: `landed.toml` (its path in LANDED_CONFIG) and the environment (`LANDED_*`), which wins."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.accounts import NAME, AccountOptions, AccountTable, ChannelOptions, ScheduleOptions
from config.addresses import check_postgres, check_redis
from config.files import read_files
from config.kinds import Duration, Table, Words
from config.problems import ConfigError, problems, unknown
from rules.statuses import Channel, Reason
from rules.suppression import OPTIONAL, SoftBounces, Triggers

ROOT = Path(__file__).resolve().parent.parent

#: Variables of the launcher and of tests, which are no settings.
OTHER_VARIABLES = ("LANDED_CONFIG", "LANDED_VENV", "LANDED_TEST_", "LANDED_SET_")


class WorkerOptions(Table):
    """How a worker process works."""

    #: How long one poll of an account may go on before others get their turn.
    poll_seconds: Duration = Field(default="20s", validate_default=True)
    #: How long an account belongs to a worker that does not say that it lives.
    lease: Duration = Field(default="30s", validate_default=True)
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

    model_config = SettingsConfigDict(
        env_prefix="LANDED_", env_nested_delimiter="__", frozen=True, extra="forbid", hide_input_in_errors=True
    )

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
    worker: WorkerOptions = WorkerOptions()
    retention: RetentionOptions = RetentionOptions()
    #: By channel.
    suppression: dict[str, SuppressionOptions] = Field(default_factory=dict)
    accounts: dict[str, AccountTable] = Field(default_factory=dict)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - reads os.environ, and ours is passed
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

    @field_validator("suppression")
    @classmethod
    def _are_channels(cls, tables: dict[str, SuppressionOptions]) -> dict[str, SuppressionOptions]:
        known = [channel.word for channel in Channel]
        for name in tables:
            if name not in known:
                msg = f"unknown channel {name!r}; use {', '.join(known)}"
                raise ValueError(msg)
        return tables

    def triggers(self) -> dict[Channel, Triggers]:
        """What else blocks, by channel."""
        return {Channel[name.upper()]: table.triggers() for name, table in self.suppression.items()}


class _Environment(EnvSettingsSource):
    """The environment as it was passed, not as the process has it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        super().__init__(Settings)
        self.env_vars = {name.lower(): value for name, value in environ.items()}


def load(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read all settings. Raises ConfigError with every problem at once."""
    faults: list[str] = []
    values = _merge(_file(environ, cwd, faults), _variables(environ, faults))
    values = read_files(values, faults)
    faults += _bad_names(values)
    try:
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigError(faults + problems(error, "", _known(values))) from None
    if faults:
        raise ConfigError(faults)
    return settings


def _bad_names(values: Mapping[str, Any]) -> list[str]:
    accounts = values.get("accounts")
    return [
        f"{name!r} is no name for an account; use a-z, 0-9 and single _, beginning with a letter"
        for name in (accounts if isinstance(accounts, Mapping) else ())
        if not NAME.fullmatch(name) or "__" in name
    ]


def _file(environ: Mapping[str, str], cwd: Path, faults: list[str]) -> dict[str, Any]:
    named = environ.get("LANDED_CONFIG")
    path = cwd / (named or "landed.toml")
    if named is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
    except tomllib.TOMLDecodeError as error:
        faults.append(f"{path} is not valid TOML: {error}")
    return {}


def _variables(environ: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """What the environment sets. A name that nobody knows is a fault, and so are two that differ in case alone."""
    ours: dict[str, str] = {}
    for name, value in environ.items():
        if not name.upper().startswith("LANDED_") or name.upper().startswith(OTHER_VARIABLES):
            continue
        if name.upper() in {other.upper() for other in ours}:
            faults.append(f"the environment sets {name.upper()} twice, in different cases; keep one")
        setting = name.lower().removeprefix("landed_").partition("__")[0].removesuffix("_file")
        if setting not in Settings.model_fields:
            faults.append(unknown(setting, "the environment", Settings.model_fields))
            continue
        ours[name] = value
    return _nested(ours)


def _nested(variables: Mapping[str, str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    plain = {name: value for name, value in variables.items() if not name.lower().endswith("_file")}
    source = _Environment(plain)
    values = dict(source())
    for name, value in variables.items():
        if name not in plain:
            _put(values, name.lower().removeprefix("landed_").split("__"), value)
    return values


def _put(values: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for name, value in over.items():
        present = merged.get(name)
        both = isinstance(present, Mapping) and isinstance(value, Mapping)
        merged[name] = _merge(present, value) if both else value  # type: ignore[arg-type]
    return merged


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that each table may have, for guesses."""
    known: dict[str, Any] = {
        "": Settings.model_fields,
        "worker": WorkerOptions.model_fields,
        "retention": RetentionOptions.model_fields,
    }
    for channel in Channel:
        known[f"suppression.{channel.word}"] = SuppressionOptions.model_fields
        known[f"suppression.{channel.word}.soft_bounces"] = SoftBounceOptions.model_fields
    accounts = values.get("accounts")
    for name in accounts if isinstance(accounts, Mapping) else ():
        place = f"accounts.{name}.options"
        known[place] = AccountOptions.model_fields
        known |= {f"{place}.channels.{channel.word}": ChannelOptions.model_fields for channel in Channel}
        table = accounts[name] if isinstance(accounts, Mapping) else {}
        schedules = table.get("schedules", {}) if isinstance(table, Mapping) else {}
        known |= {f"{place}.schedules.{schedule}": ScheduleOptions.model_fields for schedule in schedules}
    return known
