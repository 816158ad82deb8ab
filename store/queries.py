"""Named queries from `queries/*.sql`, loaded when a module is imported, so that a wrong name stops the program at once.

A file holds blocks that begin with `-- name: NAME`. A block that begins with `-- fragment: NAME` is not a query of its
own; a line `-- include: NAME` puts it into one.
"""

import re
from pathlib import Path
from typing import LiteralString

FOLDER = Path(__file__).parent / "queries"
_BLOCK = re.compile(r"^-- (name|fragment): (\w+)\n", re.MULTILINE)
_INCLUDE = re.compile(r"^ *-- include: (\w+)$", re.MULTILINE)


class Queries:
    """The queries of one file, as attributes that cannot be misspelt: an unknown name is an AttributeError."""

    def __init__(self, name: str, folder: Path = FOLDER) -> None:
        """Read `<name>.sql` in `folder`."""
        parts = _BLOCK.split((folder / f"{name}.sql").read_text("utf-8"))[1:]
        blocks = list(zip(parts[::3], parts[1::3], parts[2::3], strict=True))
        fragments = {key: text for kind, key, text in blocks if kind == "fragment"}
        self._queries = {
            key: _INCLUDE.sub(lambda found: fragments[found[1]].rstrip(), text).strip().rstrip(";")
            for kind, key, text in blocks
            if kind == "name"
        }

    def __getattr__(self, name: str) -> LiteralString:
        """The text of one query."""
        try:
            # It comes from a file of ours, which is as literal as the program itself.
            return self._queries[name]
        except KeyError:
            raise AttributeError(name) from None

    def names(self) -> list[str]:
        """The names of all queries of the file."""
        return list(self._queries)


def files() -> list[str]:
    """The names of all query files."""
    return sorted(path.stem for path in FOLDER.glob("*.sql"))
