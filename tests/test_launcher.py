"""The launcher: makes what is missing once, mends what was interrupted, and then gets out of the way.

Most tests run a copy of it in a checkout of its own, with empty locks and a `uv` that makes empty venvs, so that they
take no time and no network.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

LAUNCHER = Path(__file__).resolve().parent.parent / "landed"

# What the command line of the copy shows of its surroundings.
_SHOW = "import json, os, sys; print(json.dumps([sys.argv[1:], os.getcwd(), sys.path, sys.prefix]))"
_UV = """#!/bin/sh
echo "$*" >> "$(dirname "$0")/uv.log"
[ "$2" != venv ] || exec "$4" -m venv --without-pip "$5"
"""
_PYTHON = Path(sys.executable).resolve()


class Checkout:
    """A checkout with nothing but the launcher and a command line that shows its surroundings."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tools = root / "tools"
        for folder in (root / "cli", self.tools):
            folder.mkdir(parents=True)
        shutil.copy(LAUNCHER, root / "landed")
        (root / "cli/__main__.py").write_text(_SHOW)
        for lock in ("requirements.txt", "requirements-develop.txt"):
            (root / lock).write_text(f"# {lock}\n")
        self.tool("uv", _UV)

    def tool(self, name: str, text: str) -> None:
        """Put a program on the path."""
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def start(
        self, *arguments: str, prelude: str = "", cwd: Path | None = None, settings: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        """Start it. `prelude` is Python that runs first, in the same process."""
        launch = f"{prelude}\nimport runpy; runpy.run_path({str(self.root / 'landed')!r}, run_name='__main__')"
        command = ["-c", launch] if prelude else [str(self.root / "landed")]
        clean = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "LANDED_VENV"}}
        environment = {**clean, "PATH": f"{self.tools}:/usr/bin:/bin", **(settings or {})}
        return subprocess.run(
            [_PYTHON, *command, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
        )

    def installed(self) -> list[str]:
        """The locks that uv was asked to install, in order."""
        log = self.tools / "uv.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [Path(line.split()[-1]).name for line in lines if " pip install " in line]


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a checkout")


def test_the_first_start_installs_and_the_second_does_not(checkout: Checkout) -> None:
    first, second = checkout.start("demo", "--fast"), checkout.start("demo")

    assert json.loads(first.stdout)[0] == ["demo", "--fast"]
    assert "this happens once" in first.stderr

    assert second.stderr == ""
    assert checkout.installed() == ["requirements.txt"]


def test_it_stays_in_the_callers_folder_and_puts_ours_first_on_the_path(checkout: Checkout, tmp_path: Path) -> None:
    _, folder, path, prefix = json.loads(checkout.start(cwd=tmp_path, settings={"PYTHONPATH": "/theirs"}).stdout)

    assert folder == str(tmp_path)
    assert path[:2] == [str(checkout.root), "/theirs"]
    assert prefix == str(checkout.root / ".venv")


@pytest.mark.parametrize("command", ["test", "check", "bench"])
def test_what_developers_do_adds_the_larger_lock_and_serves_to_run_too(checkout: Checkout, command: str) -> None:
    for started in ("demo", command, "demo", command):
        assert checkout.start(started).returncode == 0

    assert checkout.installed() == ["requirements.txt", "requirements-develop.txt"]


def test_a_new_lock_is_installed_anew(checkout: Checkout) -> None:
    checkout.start("demo")
    (checkout.root / ".venv/left-over").touch()
    (checkout.root / "requirements.txt").write_text("# newer\n")
    checkout.start("demo")

    assert checkout.installed() == ["requirements.txt"] * 2
    assert not (checkout.root / ".venv/left-over").exists()


def test_an_interrupted_installation_is_made_anew(checkout: Checkout) -> None:
    checkout.start("demo")
    (checkout.root / ".venv/landed-stamp").unlink()
    (checkout.root / ".venv/bin/python").unlink()

    assert checkout.start("demo").returncode == 0


def test_an_interpreter_that_is_gone_is_replaced(checkout: Checkout) -> None:
    checkout.start("demo")
    python = checkout.root / ".venv/bin/python"
    python.unlink()
    python.symlink_to("/nowhere/python3")

    assert checkout.start("demo").returncode == 0


def test_of_two_starts_at_once_one_installs(checkout: Checkout) -> None:
    with ThreadPoolExecutor() as threads:
        done = list(threads.map(checkout.start, ["demo"] * 4))

    assert [start.returncode for start in done] == [0] * 4
    assert checkout.installed() == ["requirements.txt"]


def test_another_folder_can_be_named(checkout: Checkout, tmp_path: Path) -> None:
    venv = tmp_path / "elsewhere" / "venv"
    started = checkout.start(settings={"LANDED_VENV": str(venv)})

    assert json.loads(started.stdout)[3] == str(venv)
    assert not (checkout.root / ".venv").exists()


def test_a_folder_that_holds_something_else_is_left_alone(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters/to-mother").touch()
    started = checkout.start(settings={"LANDED_VENV": str(tmp_path / "letters")})

    assert "holds something else" in started.stderr
    assert started.returncode == 1
    assert (tmp_path / "letters/to-mother").exists()


def test_a_folder_that_cannot_be_written_is_said(checkout: Checkout) -> None:
    started = checkout.start(settings={"LANDED_VENV": "/proc/landed/venv"})

    assert "name a folder that you may write to in LANDED_VENV" in started.stderr
    assert started.returncode == 1


def test_without_uv_it_uses_venv_and_pip(checkout: Checkout) -> None:
    checkout.tool("uv", "#!/bin/sh\necho no certificate; exit 2\n")
    started = checkout.start("demo")

    assert json.loads(started.stdout)[0] == ["demo"]
    assert "no certificate\nuv did not do it; trying pip." in started.stderr
    assert (checkout.root / ".venv/bin/pip").exists()


def test_an_installation_that_fails_says_that_it_can_be_tried_again(checkout: Checkout) -> None:
    (checkout.root / "requirements.txt").write_text("landed-has-no-such-package==1\n")  # no hash: refused unasked
    checkout.tool("uv", "#!/bin/sh\nexit 2\n")
    started = checkout.start("demo")

    assert "Start it again when that is mended" in started.stderr
    assert started.returncode == 1

    checkout.tool("uv", _UV)

    assert checkout.start("demo").returncode == 0


def test_a_python_without_venv_is_told_which_package_to_install(checkout: Checkout) -> None:
    (checkout.tools / "uv").unlink()
    started = checkout.start("demo", prelude="import sys; sys.modules['ensurepip'] = None")

    assert "apt-get install python3-venv" in started.stderr
    assert started.returncode == 1


def test_an_old_python_is_told_what_is_needed(checkout: Checkout) -> None:
    started = checkout.start(prelude=_OLD, settings={"PATH": str(checkout.tools)})

    assert "needs Python 3.11 or newer, and python3 is 3.9" in started.stderr
    assert started.returncode == 1


def test_an_old_python_hands_over_to_a_newer_one_that_works(checkout: Checkout) -> None:
    checkout.tool("python3.13", "#!/bin/sh\nexit 127\n")
    checkout.tool("python3.12", f'#!/bin/sh\nexec "{_PYTHON}" "$@"\n')
    started = checkout.start("demo", prelude=_OLD)

    assert json.loads(started.stdout)[0] == ["demo"]


def test_it_asks_for_hashes_and_wheels_only(checkout: Checkout) -> None:
    checkout.start("demo")
    last = (checkout.tools / "uv.log").read_text().splitlines()[-1]

    assert "--require-hashes" in last
    assert "--only-binary :all:" in last


_OLD = "import sys; sys.version_info = (3, 9, 2, 'final', 0)"
