"""What an operator may set: `landed.toml` and the environment. Only entry points read it; below them, values are passed."""

from config.accounts import AccountOptions, AccountTable
from config.problems import ConfigError
from config.settings import Settings, load

__all__ = ["AccountOptions", "AccountTable", "ConfigError", "Settings", "load"]
