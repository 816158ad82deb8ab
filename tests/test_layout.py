"""What holds for the whole tree."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

pytestmark = pytest.mark.once

# Each has a letter in brackets, so that this file does not hold it.
_WORKPLACE = re.compile(r"/wor[k]/|/tmp/too[l]s|/opt/py[p]i|/opt/whee[l]s")
_NOT_OURS = {"__pycache__", "node_modules"}


def test_every_folder_with_code_is_a_package() -> None:
    """Without `__init__.py`, an installed package of the same name would win over ours."""
    folders = {path.parent for path in _files() if path.suffix == ".py"}

    assert [folder for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-develop.txt"])
def test_a_lock_names_no_host_and_every_package_has_its_hashes(name: str) -> None:
    text = (ROOT / name).read_text()
    packages = re.findall(r"^[a-z0-9]\S*==\S+.* \\\n    --hash=sha256:", text, re.MULTILINE)

    assert "://" not in text
    assert "index" not in text
    assert len(packages) == len(re.findall(r"^[a-z0-9]", text, re.MULTILINE))


def test_what_runs_is_part_of_what_developers_have() -> None:
    run, develop = (
        set((ROOT / name).read_text().splitlines()) for name in ("requirements.txt", "requirements-develop.txt")
    )

    assert {line for line in run if "==" in line} <= develop


def test_nothing_names_the_place_where_it_was_made() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in _files()
        if (match := _WORKPLACE.search(path.read_text(encoding="utf-8", errors="ignore")))
    ]

    assert found == []


def _files(folder: Path = ROOT) -> Iterator[Path]:
    """Every file of the project: none of hidden folders but `.ci`, and none that a tool made."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in _NOT_OURS and (not path.name.startswith(".") or path.name == ".ci"):
                yield from _files(path)
        else:
            yield path
