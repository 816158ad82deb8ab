"""Who runs the servers: never root, nobody new, and no folder's mode is changed for it."""

import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from embedded import EmbeddedError, Servers
from embedded.account import Account, reaches
from embedded.errors import OWN_SERVERS, explain
from embedded.place import SHARED
from tests.embedded.running import NOBODY, ROOT, ROOT_USER, TEMPORARY, Program, a_home, kept, shared, write

pytestmark = pytest.mark.once
as_root = pytest.mark.skipif(not ROOT_USER, reason="only root can try what root does")


@as_root
def test_roots_servers_run_as_nobody() -> None:
    with a_home() as home:
        servers = Servers(home)
        with servers:
            for pid in servers.pids.values():
                assert _runner(pid) == NOBODY.pw_uid
                assert _groups(pid) == []


@as_root
@pytest.mark.parametrize("killed", [(), ("program",), ("postgres", "valkey", "program")], ids=len)
async def test_roots_closed_home_works_and_stays_closed(killed: tuple[str, ...]) -> None:
    before = _users_and_modes()
    with a_home(mode=0o700) as home:
        with Program(home) as program:
            await write(program.ready(), "kept")
            program.kill(*killed) if killed else program.stop()
        with Program(home) as program:
            assert await kept(program.ready()) == ["kept"]

            assert program.stop() == 0
        assert shared(home).stat().st_mode & 0o777 == 0o711
        assert (shared(home) / "postgres").stat().st_mode & 0o777 == 0o700

    assert _users_and_modes() == before


@as_root
def test_a_second_program_on_roots_closed_home_is_refused() -> None:
    with a_home(mode=0o700) as home, Program(home) as first:
        first.ready()
        with Program(home) as second:
            assert "in use" in second.error()


@as_root
def test_programs_out_of_reach_run_from_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("embedded.binaries._usable", lambda *_: False)
    with a_home() as home:
        for _ in range(2):
            with Servers(home):
                pass
        copies = sorted(path.name.rsplit("-", 1)[0] for path in home.glob("programs-*"))

        assert copies == ["programs-postgres", "programs-valkey-server"]


@as_root
async def test_root_goes_on_with_an_ordinary_users_data_as_that_user() -> None:
    user = next(user for user in pwd.getpwall() if user.pw_uid not in {0, NOBODY.pw_uid})
    with a_home(mode=0o755) as home:
        home.mkdir()
        os.chown(home, user.pw_uid, user.pw_gid)
        python = _python_for(Account(user.pw_uid, user.pw_gid, switch=True))
        with Program(home, before=_become(user.pw_uid, user.pw_gid), python=python) as program:
            await write(program.ready(), "kept")
            assert program.stop() == 0
        servers = Servers(home)
        with servers as urls:
            assert await kept(urls) == ["kept"]

            assert _runner(servers.pids["postgres"]) == user.pw_uid


@as_root
def test_root_that_may_not_change_users_is_told_what_to_do() -> None:
    with a_home() as home, Program(home, before=("setpriv", "--bounding-set=-all", "--inh-caps=-all")) as program:
        assert OWN_SERVERS in program.error()


@as_root
def test_a_user_without_an_entry_is_told_what_to_do() -> None:
    with a_home() as home:
        home.mkdir()
        os.chown(home, 54321, 54321)
        python = _python_for(Account(54321, 54321, switch=True))
        with Program(home, before=_become(54321, 54321), python=python) as program:
            said = program.error()

        assert "user number 54321" in said
        assert OWN_SERVERS in said


def test_a_disk_that_is_full_while_programs_are_copied_is_said_in_one_line() -> None:
    """Root's servers run from a copy where `nobody` cannot reach the project."""
    failed = shutil.Error([("here", "there", "[Errno 28] No space left on device: 'here' -> 'there'")])

    assert str(explain(Path("/srv/home"), failed)) == (
        "The disk that holds /srv/home is full: free some space there and start again."
    )


@as_root
def test_a_full_disk_is_said_in_one_line() -> None:
    with a_home() as home:
        home.mkdir(mode=0o711)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=711", "tmpfs", home], check=False)
        if mounted.returncode:
            pytest.skip("this root may not mount")
        try:
            with pytest.raises(EmbeddedError, match="is full: free some space") as raised:
                Servers(home).start()
        finally:
            subprocess.run(["umount", home], check=True)

        assert "\n" not in str(raised.value)


@pytest.mark.skipif(ROOT_USER, reason="root may write everywhere")
def test_a_home_that_may_not_be_written_is_said() -> None:
    with pytest.raises(EmbeddedError, match="Set LANDED_HOME to a folder that you may write to"):
        Servers(Path("/proc/landed")).start()


def _become(uid: int, gid: int) -> tuple[str, ...]:
    return ("setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups")


def _groups(pid: int) -> list[str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line for line in lines if line.startswith("Groups:")).split()[1:]


def _users_and_modes() -> tuple[bytes, list[int]]:
    folders = [*ROOT.parents, Path("/root"), TEMPORARY, SHARED]
    return Path("/etc/passwd").read_bytes(), [folder.stat().st_mode for folder in folders]


def _runner(pid: int) -> int:
    return Path(f"/proc/{pid}").stat().st_uid


def _python_for(account: Account) -> str:
    """Find an interpreter that an ordinary user reaches; ours may be in root's own folder."""
    for path in (sys.executable, *map(shutil.which, ("python3.11", "python3.12", "python3.13")), "/usr/bin/python3"):
        found = Path(path).resolve() if path else None
        if found and found.exists() and reaches(account, found.parent) and reaches(account, ROOT):
            version = subprocess.run(
                [found, "-c", "import sys; print(sys.version_info >= (3, 11))"], check=False, capture_output=True
            )
            if version.stdout.strip() == b"True":
                return str(found)
    pytest.skip("an ordinary user reaches no interpreter, or not this folder")
