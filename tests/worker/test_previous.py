"""The program as it was before the newest migration, at work while the database is brought to this release.

It is taken from the history of the repository, so this is proved only where that is there.
"""

import asyncio
import io
import shutil
import subprocess
import zipfile
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from embedded import Urls
from store import migrations
from store.connections import open_pool
from tests.store.test_compatible import empty as empty  # noqa: PLC0414  a fixture
from tests.worker.pretend import statuses
from tests.worker.process import ROOT, Twilio, Worker, configuration
from tests.worker.test_killed import INSERT, settled, until
from tests.worker.test_servers import command

pytestmark = pytest.mark.once


def git(*arguments: str) -> bytes:
    """What git says of the repository. Skips where it says nothing."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("there is no history here to take the previous program from")
    done = subprocess.run(["git", "-C", str(ROOT), *arguments], capture_output=True, check=False)
    if done.returncode or not done.stdout:
        pytest.skip(f"the history says nothing of it: {done.stderr.decode(errors='replace').strip()[:200]}")
    return done.stdout


@pytest.fixture
def previous(tmp_path: Path) -> Path:
    """The folder of the program as it was before the newest migrations were added."""
    ours = sorted(path.name for path in migrations.FOLDER.glob("*.sql"))
    commit = next(
        one for one in git("log", "--format=%H", "--", "store/schema").decode().split() if _is_before(one, ours)
    )
    folder = tmp_path / "previous"
    # As ZIP, because the first releases of Python 3.11 unpack a TAR in another way than later ones.
    with zipfile.ZipFile(io.BytesIO(git("archive", "--format=zip", f"{commit}^"))) as archive:
        archive.extractall(folder)
    return folder


def _is_before(commit: str, ours: list[str]) -> bool:
    """Whether what came before a commit had the first of our migrations, without a gap, and not all of them."""
    names = git("ls-tree", "--name-only", f"{commit}^", "store/schema/").decode().split()
    had = sorted(Path(name).name for name in names)
    return had == ours[: len(had)] and len(had) < len(ours)


async def test_its_worker_goes_on_and_settles_what_is_sent_afterwards(
    previous: Path, empty: asyncpg.Connection, servers: Urls, redis_url: str, tmp_path: Path
) -> None:
    name = await empty.fetchval("select current_database()")
    url = urlsplit(servers.database)._replace(path=f"/{name}").geturl()
    before = {int(path.name[:4]) for path in (previous / "store/schema").glob("*.sql")}
    urls = {"LANDED_DATABASE_URL": url, "LANDED_HOME": str(tmp_path / "home")}
    made = await asyncio.to_thread(command, urls, "migrate", root=previous)
    twilio = Twilio(words={f"SM{n}": ("delivered", None) for n in range(40)})
    sids = list(twilio.words)
    async with twilio.served() as at, open_pool(url, size=2) as pool:
        worker = Worker(tmp_path, url, redis_url, configuration(at), root=previous)
        async with worker:
            for sid in sids[:20]:
                await pool.execute(INSERT, sid, timedelta(minutes=10))
            await until(settled(pool, 20), "the first messages are settled")
            applied = await migrations.migrate(empty)
            for sid in sids[20:]:
                await pool.execute(INSERT, sid, timedelta(minutes=10))
            await until(settled(pool, 40), "those sent after the migration are settled")
            code, _ = await worker.stop()
        found = await statuses(pool)

    assert made.returncode == 0, made.stderr
    assert [one.number for one in applied] == [one.number for one in migrations.known() if one.number not in before]
    assert applied
    assert (code, found) == (0, dict.fromkeys(sids, "delivered"))
    assert "Traceback" not in worker.log.read_text()
