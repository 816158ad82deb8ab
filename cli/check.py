"""`check`: format, lint, types, layers and documentation. Every step runs, even after one has failed."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_DOCUMENTS = ("tests/test_docs.py", "tests/test_layout.py")


def main(arguments: Sequence[str]) -> int:
    """Run every step and return 1 if one failed. `--fix` formats and mends first what a program can mend."""
    if unknown := [argument for argument in arguments if argument != "--fix"]:
        print(f"unknown: {' '.join(unknown)}; the only option is --fix", file=sys.stderr)
        return 2
    failed = [name for name, command in _steps(fix="--fix" in arguments) if not _passes(name, command)]
    print(f"failed: {', '.join(failed)}" if failed else "all checks passed", flush=True)
    return 1 if failed else 0


def _steps(*, fix: bool) -> list[tuple[str, list[str]]]:
    python = [sys.executable, "-m"]
    documents = [path for path in _DOCUMENTS if (ROOT / path).exists()]
    return [
        # What the linter mends may need formatting, so it goes first.
        ("lint", [*python, "ruff", "check", *(["--fix"] if fix else ["--quiet"])]),
        ("format", [*python, "ruff", "format", *([] if fix else ["--check", "--quiet", "--diff"])]),
        ("types", [*python, "mypy", "--no-error-summary"]),
        ("layers", [str(Path(sys.executable).with_name("lint-imports"))]),
        ("documents", [*python, "pytest", "-q", *documents]),
    ]


def _passes(name: str, command: Sequence[str]) -> bool:
    started = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # noqa: S603  our own tools
    passed = done.returncode == 0
    print(f"{name}: {'passed' if passed else 'FAILED'} in {time.monotonic() - started:.1f} s", flush=True)
    if not passed:
        print(done.stdout, flush=True)
    return passed
