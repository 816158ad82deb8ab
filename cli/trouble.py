"""Foreseeable trouble in one clear line that says what to do next. Imported only when something went wrong."""

import errno

import asyncpg

from adapters.errors import AskError
from config import ConfigError
from config.words import BadVocabulary
from embedded import EmbeddedError
from store.connections import LOST, StoreUnreachable
from store.hashing import WrongKey
from store.migrations import NewerDatabase
from web.app import NotReady
from worker.run import NotMigrated

#: Errors whose own text says what to do next.
CLEAR = (AskError, BadVocabulary, EmbeddedError, NewerDatabase, NotMigrated, NotReady, StoreUnreachable, WrongKey)

MIGRATE = "the database is not ready for this release: run `landed migrate`"

#: What Postgres refuses, and what to do about it.
REFUSALS: dict[tuple[type[Exception], ...], str] = {
    (asyncpg.InvalidPasswordError, asyncpg.InvalidAuthorizationSpecificationError): (
        "Postgres refuses this user or password: check LANDED_DATABASE_URL"
    ),
    (asyncpg.InvalidCatalogNameError,): "Postgres has no such database: create it, or check LANDED_DATABASE_URL",
    (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.UndefinedColumnError): MIGRATE,
    (asyncpg.UndefinedFunctionError,): MIGRATE,
    (asyncpg.InsufficientPrivilegeError,): (
        "Postgres does not let this user do that: grant it landed_worker (`landed migrate --roles` makes the roles)"
    ),
    (asyncpg.DiskFullError,): "Postgres has no room left on its disk: free some and try again",
    (asyncpg.ReadOnlySQLTransactionError,): "this Postgres is read-only, a replica perhaps: name the primary",
    (asyncpg.exceptions.ClientConfigurationError,): (
        "LANDED_DATABASE_URL is not an address of Postgres: write postgresql://user:password@host:5432/database"
    ),
}


def explain(error: Exception) -> str | None:
    """What to say of `error`; None if nobody foresaw it, and then its traceback is what a developer needs."""
    if isinstance(error, ConfigError):
        return problems(error.problems)
    if isinstance(error, CLEAR):
        return str(error)
    refused = (said for kinds, said in REFUSALS.items() if isinstance(error, kinds))
    return next(refused, None) or _servers(error)


def _servers(error: Exception) -> str | None:
    if type(error).__module__.startswith("redis."):
        return f"Redis cannot be asked ({error}): check LANDED_REDIS_URL"
    if isinstance(error, BrokenPipeError):
        return None  # whoever read what we print has seen enough; click ends quietly
    if isinstance(error, OSError) and error.errno is not None:
        return _system(error)
    if isinstance(error, LOST):
        return f"the connection to Postgres was lost ({type(error).__name__}); try again"
    return None


def problems(found: list[str]) -> str:
    """All problems of a configuration at once."""
    if len(found) == 1:
        return f"the configuration has a problem: {found[0]}"
    return f"the configuration has {len(found)} problems:\n" + "\n".join(f"  - {problem}" for problem in found)


def _system(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"that port is in use ({error.strerror}): choose another with --port"
    if error.errno == errno.ENOSPC:
        return "the disk is full: free some space and try again"
    return f"{error.filename}: {error.strerror}" if error.filename else str(error)
