"""A PostgreSQL 15, a Redis 7 and a pgbouncer as Debian packages them, for as long as a test session lasts.

The first two have passwords and listen on TCP. The third pools by transaction, before any Postgres, on a unix socket.

Where they are not installed, their packages are fetched and unpacked into a folder of the session. Nothing of the
system is changed: no package is installed, no cluster or service is made.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, unquote, urlsplit

from embedded import Urls
from tests.debian import NotFetched, fetch, libraries

#: What is wanted, and where it is once its package is there.
POSTGRES = Path("usr/lib/postgresql/15/bin/postgres")
REDIS = Path("usr/bin/redis-server")
PGBOUNCER = Path("usr/sbin/pgbouncer")
PACKAGES = {"postgresql-15": POSTGRES, "redis-server": REDIS}

#: Needed to install the packages, and not to run the programs in them.
NOT_NEEDED = (
    "adduser",
    "dpkg",
    "libllvm",
    "libz3",
    "locales",
    "lsb-base",
    "perl",
    "postgresql-common",
    "tzdata",
    "ucf",
)

#: One that a URL must quote.
PASSWORD = f"p@ss/word:{secrets.token_hex(8)}%"

SYSTEM = Path("/")

NOBODY = pwd.getpwnam("nobody")


class NoServers(Exception):
    """They are not to be had here. The message says why."""


@contextmanager
def debian_servers() -> Iterator[Urls]:
    """Both servers, ready; the URL of an empty database and of an empty Redis. Raises NoServers."""
    with _folder() as folder:
        fetched = _fetch(folder, PACKAGES)
        roots = [SYSTEM if (SYSTEM / path).exists() else fetched for path in (POSTGRES, REDIS)]
        with _postgres(roots[0], folder) as database, _redis(roots[1], folder) as redis:
            yield Urls(database, redis)


@contextmanager
def pgbouncer(url: str, connections: int) -> Iterator[str]:
    """A pgbouncer before the server at `url`; where it listens, as a URL without a database. Raises NoServers.

    It gives each transaction the connection that was used the longest time ago, of so many for each database.
    """
    with _folder() as folder:
        fetched = _fetch(folder, {"pgbouncer": PGBOUNCER})
        root = SYSTEM if (SYSTEM / PGBOUNCER).exists() else fetched
        sockets = folder / "pgbouncer"
        sockets.mkdir(mode=0o700)
        written = sockets / "pgbouncer.ini"
        written.write_text(_pgbouncer_ini(url, sockets, connections))
        if not os.geteuid():
            for path in (sockets, written):
                os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
        written.chmod(0o400)
        place = sockets / f".s.PGSQL.{BOUNCER_PORT}"
        with _running([root / PGBOUNCER, written], root, lambda: _listens(place)):
            yield f"postgresql://anyone@/?host={sockets}&port={BOUNCER_PORT}"


#: A part of the socket's name, and of nothing else.
BOUNCER_PORT = 6432


def _pgbouncer_ini(url: str, sockets: Path, connections: int) -> str:
    parts = urlsplit(url)
    place = {
        "host": parse_qs(parts.query).get("host", [parts.hostname or ""])[0],
        "port": str(parts.port or 5432),
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
    }
    behind = " ".join(f"{name}='{value.replace(chr(39), chr(39) * 2)}'" for name, value in place.items() if value)
    settings = {
        "listen_addr": "",
        "listen_port": BOUNCER_PORT,
        "unix_socket_dir": sockets,
        # Whoever may enter the folder.
        "auth_type": "any",
        "pool_mode": "transaction",
        "default_pool_size": connections,
        "max_client_conn": 200,
        "server_round_robin": 1,
        "log_connections": 0,
        "log_disconnections": 0,
        "log_stats": 0,
    }
    lines = [f"{name} = {value}" for name, value in settings.items()]
    return "\n".join(["[databases]", f"* = {behind}", "[pgbouncer]", *lines, ""])


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="landed-debian-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fetch(folder: Path, packages: Mapping[str, Path]) -> Path:
    """Fetch and unpack what is not installed; where it is then."""
    root = folder / "root"
    missing = [name for name, path in packages.items() if not (SYSTEM / path).exists()]
    if not missing:
        return root
    try:
        fetch(folder, missing, NOT_NEEDED)
    except NotFetched as why:
        raise NoServers(str(why)) from None
    return root


@contextmanager
def _postgres(root: Path, folder: Path) -> Iterator[str]:
    """A cluster of its own, as `nobody` where we are root; its URL."""
    bin_, data, port = (root / POSTGRES).parent, folder / "postgres", _free_port()
    data.mkdir(mode=0o700)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    if not os.geteuid():
        for path in (data, secret):
            os.chown(path, NOBODY.pw_uid, NOBODY.pw_gid)
    secret.chmod(0o400)
    asks = ("--auth=scram-sha-256", "--username=landed", f"--pwfile={secret}", "--encoding=UTF8", "--locale=C.UTF-8")
    _serverly([bin_ / "initdb", "--no-sync", *asks, "-D", data], root).communicate()
    settings = {
        "listen_addresses": "127.0.0.1",
        "port": str(port),
        "unix_socket_directories": "",
        "fsync": "off",
        "jit": "off",
        "password_encryption": "scram-sha-256",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with _running([bin_ / "postgres", "-D", data, *options], root, lambda: _answers(port)):
        yield f"postgresql://landed:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/postgres"


@contextmanager
def _redis(root: Path, folder: Path) -> Iterator[str]:
    port = _free_port()
    text = f'bind 127.0.0.1\nport {port}\nrequirepass "{PASSWORD}"\nsave ""\nappendonly no\ndir {folder}\n'
    # On standard input, so that nobody finds the password among the processes.
    with _running([root / REDIS, "-"], root, lambda: _answers(port), text):
        yield f"redis://:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/0"


@contextmanager
def _running(command: Sequence[str | Path], root: Path, answers: Callable[[], bool], said: str = "") -> Iterator[None]:
    """A server from when it answers until it is not needed any more."""
    server = _serverly(command, root)
    try:
        assert server.stdin is not None
        server.stdin.write(said.encode())
        server.stdin.close()
        while not answers():
            if server.poll() is not None:
                assert server.stdout is not None
                raise NoServers(
                    f"{Path(command[0]).name} ended: {server.stdout.read().decode(errors='replace')[-500:]}"
                )
        yield
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        assert server.stdout is not None
        server.stdout.close()


def _serverly(command: Sequence[str | Path], root: Path) -> "subprocess.Popen[bytes]":
    """Start a program, as `nobody` where we are root, with the libraries that were unpacked beside it."""
    root_user = not os.geteuid()
    environment = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    if root != SYSTEM:
        environment["LD_LIBRARY_PATH"] = libraries(root)
    return subprocess.Popen(
        [str(part) for part in command],
        cwd="/",
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        user=NOBODY.pw_uid if root_user else None,
        group=NOBODY.pw_gid if root_user else None,
        extra_groups=[] if root_user else None,
    )


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    with socket.socket() as one:
        one.settimeout(0.2)
        return one.connect_ex(("127.0.0.1", port)) == 0


def _listens(place: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as one:
        return one.connect_ex(str(place)) == 0
