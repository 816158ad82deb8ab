"""A Chromium: that of the machine, or else Debian's headless shell, fetched once for all workers of a test run."""

import ctypes
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from tests.debian import fetch, libraries

#: What it is called where it is installed. The first is the smallest.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")

PACKAGE = "chromium-headless-shell"

PROGRAM = Path("usr/lib/chromium") / PACKAGE

#: Playwright's own driver does not start without it, and small machines have none.
DRIVER_NEEDS = "libatomic.so.1"

#: Needed to draw with a graphics card, to open other programs and to install packages, and not by a headless shell. The
#: C library is the one that everything else on the machine uses.
NOT_NEEDED = (
    "adduser",
    "dconf",
    "debconf",
    "dpkg",
    "libc-bin",
    "libc6",
    "libdrm-amdgpu",
    "libdrm-intel",
    "libdrm-nouveau",
    "libdrm-radeon",
    "libgl1-mesa-dri",
    "libicu",
    "libllvm",
    "libsensors",
    "libxml2",
    "libz3",
    "lsb-base",
    "mesa-libgallium",
    "perl",
    "sysvinit-utils",
    "x11-common",
    "x11-utils",
    "xdg-utils",
)

FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{root}/usr/share/fonts</dir><cachedir>{root}/cache</cachedir></fontconfig>
"""


@dataclass(frozen=True)
class Chromium:
    """A program, and the variables that it and Playwright's driver need beside those of the system."""

    program: str
    variables: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def chromium(run: str) -> Iterator[Chromium]:
    """One for a worker of the test run that is called `run`. What was fetched goes with the last worker.

    Raises NotFetched.
    """
    installed = next((found for name in NAMES if (found := shutil.which(name))), None)
    packages = [] if installed else [PACKAGE]
    if not _has(DRIVER_NEEDS):
        packages.append("libatomic1")
    if not packages:
        yield Chromium(str(installed))
        return
    folder = Path(tempfile.gettempdir()) / f"landed-browser-{run}"
    lock = _locked(folder.with_suffix(".lock"))
    try:
        root = folder / "root"
        # Made last: whoever finds it finds all.
        fonts = root / "fonts.conf"
        if not fonts.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
            fetch(folder, packages, NOT_NEEDED)
            fonts.write_text(FONTS.format(root=root))
        fcntl.flock(lock, fcntl.LOCK_SH)
        # Debian keeps a part of libpulse in a folder of its own, of which only libpulse at its usual place knows.
        everywhere = [libraries(root), *(str(found) for found in root.glob("usr/lib/*/pulseaudio"))]
        variables = {"LD_LIBRARY_PATH": ":".join(everywhere)}
        if not installed:
            variables["FONTCONFIG_FILE"] = str(fonts)
        yield Chromium(installed or str(root / PROGRAM), variables)
    finally:
        _leave(folder, lock)


def _has(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True


def _locked(path: Path) -> TextIO:
    """The lock, which is ours alone until it is shared. Another worker may have deleted the file while we waited."""
    while True:
        lock = path.open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.exists() and path.stat().st_ino == os.fstat(lock.fileno()).st_ino:
            return lock
        lock.close()


def _leave(folder: Path, lock: TextIO) -> None:
    """Delete what was fetched, unless somebody else still uses it."""
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        shutil.rmtree(folder, ignore_errors=True)
        Path(lock.name).unlink()
