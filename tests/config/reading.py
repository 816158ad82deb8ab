"""Reading settings in tests: a file and an environment, given as text."""

from pathlib import Path

import pytest

from config import ConfigError, Settings, load


class Place:
    """A folder with a `landed.toml`, and an environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, toml: str = "", **environ: str) -> Settings:
        """The settings of a file with this text, and of `LANDED_` variables of these names."""
        if toml:
            (self.folder / "landed.toml").write_text(toml, "utf-8")
        return load({f"LANDED_{name}": value for name, value in environ.items()}, self.folder)

    def problems(self, toml: str = "", **environ: str) -> list[str]:
        """What is wrong with them; at least one thing must be."""
        with pytest.raises(ConfigError) as caught:
            self.load(toml, **environ)
        assert str(caught.value) == "\n".join(caught.value.problems)
        return caught.value.problems

    def write(self, name: str, text: str | bytes) -> Path:
        """A file in the folder."""
        path = self.folder / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path
