"""What an operator may set: `landed.toml` and the environment. Only entry points read it; below, values are passed."""

from config.accounts import AccountOptions, AccountTable
from config.loading import load, servers
from config.problems import ConfigError
from config.settings import Settings

__all__ = ["AccountOptions", "AccountTable", "ConfigError", "Settings", "load", "servers"]
