"""`test`: the test suite on this interpreter, then on every other supported one that the machine has.

The others run in a venv of their own below `.venvs`, made by the launcher, and without the tests marked `once`.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: The interpreters that Landed is tested on.
SUPPORTED = ("3.11", "3.12", "3.13")

_WORKERS = ("-n", "2")
_CHOOSES_WORKERS = ("-n", "--numprocesses", "--pdb", "--trace", "-s")


@dataclass(frozen=True, slots=True)
class Run:
    """The tests on one interpreter: how they ended, and the line with which pytest closed."""

    version: str
    passed: bool
    closing: str


def main(arguments: Sequence[str]) -> int:
    """Run the tests and return 1 if any failed.

    Arguments go to pytest on this interpreter, and then no other one runs; `--all` runs the others too.
    """
    own = [argument for argument in arguments if argument != "--all"]
    this = f"{sys.version_info.major}.{sys.version_info.minor}"
    runs = [_run(this, [sys.executable, "-m", "pytest", *_workers(own), *own], {})]
    if not own or "--all" in arguments:
        runs += _others(this)
    for run in runs:
        print(f"Python {run.version}: {'passed' if run.passed else 'FAILED'}\n{run.closing}", flush=True)
    return 0 if all(run.passed for run in runs) else 1


def _others(this: str) -> Iterator[Run]:
    for version in SUPPORTED:
        if version == this:
            continue
        python, trouble = _interpreter(version)
        if python:
            # The launcher of the other interpreter makes its venv, and comes back here with arguments.
            command = [python, str(ROOT / "landed"), "test", "-m", "not once"]
            yield _run(version, command, {"LANDED_VENV": str(ROOT / ".venvs" / version)})
        else:
            print(f"\nPython {version}: not run, {trouble}", flush=True)


def _workers(arguments: Sequence[str]) -> Sequence[str]:
    return () if any(argument.startswith(_CHOOSES_WORKERS) for argument in arguments) else _WORKERS


def _run(version: str, command: Sequence[str], settings: Mapping[str, str]) -> Run:
    """Run the tests, show what they say as they say it, and keep the last line."""
    print(f"\nPython {version}", flush=True)
    colour = {"PY_COLORS": "1"} if sys.stdout.isatty() else {}
    environment = {**os.environ, **colour, **settings}
    said = b""
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as tests:  # noqa: S603  our own
        assert tests.stdout is not None  # noqa: S101  for the types
        while piece := os.read(tests.stdout.fileno(), 65536):
            sys.stdout.buffer.write(piece)
            sys.stdout.flush()
            said = (said + piece)[-2000:]
    return Run(version, tests.returncode == 0, (said.decode(errors="replace").strip().splitlines() or [""])[-1])


def _interpreter(version: str) -> tuple[str | None, str]:
    """Find an interpreter that works; else say what is wrong with those that there are."""
    trouble = "this machine has none"
    for candidate in _candidates(version):
        parts = "venv" if shutil.which("uv") else "venv, ensurepip"
        probe = f"import ctypes, fcntl, ssl, sys, {parts}; print(sys.executable, '%d.%d' % sys.version_info[:2])"
        found = subprocess.run([candidate, "-I", "-c", probe], capture_output=True, text=True, check=False)  # noqa: S603  as above
        words = found.stdout.split()
        if found.returncode == 0 and words[-1] == version:
            return words[0], ""
        trouble = f"{candidate}: {(found.stderr.strip() or 'it is another version').splitlines()[-1]}"
    return None, trouble


def _candidates(version: str) -> Iterator[Path]:
    name = f"python{version}"
    if on_path := shutil.which(name):
        yield Path(on_path)
    yield from sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/{name}"), reverse=True)
    for folder in ("/usr/local/bin", "/usr/bin"):
        if (found := Path(folder) / name).exists():
            yield found
