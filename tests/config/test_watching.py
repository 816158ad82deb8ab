"""Files of the configuration that change: read once they are whole, refused once with everything that is wrong."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from config import Settings, load
from config.changes import at_start, changes
from config.watching import PATIENCE, QUIET, Refused, Watching
from tests.config.reading import Place

ACCOUNT = '[accounts.main]\nadapter = "expo"\n'


@dataclass
class Watcher:
    """Looks at a folder's files, at times that a test tells."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)
    now: float = 1000.0
    reads: int = 0

    def __post_init__(self) -> None:
        """Look for the first time."""
        self.watching = Watching(self._read)
        self.first = self.watching.look(self.now)

    def _read(self, files: set[Path]) -> Settings:
        self.reads += 1
        return load(self.environ, self.folder, None, files)

    def look(self, seconds: float = 0.0) -> Settings | Refused | None:
        """What there is to be seen so many seconds later, and nothing happened in between."""
        found = self.watching.look(self.now)
        if not seconds:
            return found
        assert found is None
        self.now += seconds
        return self.watching.look(self.now)

    def accounts(self) -> list[str]:
        """The accounts of the settings that have changed."""
        found = self.look(QUIET)
        assert isinstance(found, Settings)
        return sorted(found.accounts)

    def problems(self, seconds: float = QUIET) -> tuple[str, ...]:
        """What is wrong with the files."""
        found = self.look(seconds)
        assert isinstance(found, Refused)
        return found.problems


@pytest.fixture
def watcher(place: Place) -> Watcher:
    place.write("landed.toml", ACCOUNT)
    return Watcher(place.folder)


def test_the_first_look_finds_what_is_there(watcher: Watcher) -> None:
    assert isinstance(watcher.first, Settings)
    assert sorted(watcher.first.accounts) == ["main"]
    assert watcher.look(QUIET) is None


def test_a_change_is_found_once_and_only_after_the_file_has_stayed_as_it_is(place: Place, watcher: Watcher) -> None:
    place.write("landed.toml", ACCOUNT + ACCOUNT.replace("main", "other"))
    seen = [watcher.look()]
    watcher.now += QUIET / 2
    place.write("landed.toml", ACCOUNT.replace("main", "third"))
    seen.append(watcher.look(QUIET * 0.9))
    watcher.now += QUIET / 2

    assert seen == [None, None]
    found = watcher.look()
    assert isinstance(found, Settings)
    assert sorted(found.accounts) == ["third"]
    assert watcher.look(QUIET) is None


def test_a_file_that_is_only_touched_is_not_even_read(place: Place, watcher: Watcher) -> None:
    os.utime(place.folder / "landed.toml", (1, 1))

    assert watcher.look(QUIET) is None
    assert watcher.reads == 1


def test_a_change_of_the_same_size_at_the_same_time_is_found(place: Place, watcher: Watcher) -> None:
    path = place.folder / "landed.toml"
    told = path.stat()
    path.write_text(ACCOUNT.replace("main", "mine"))
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))

    assert watcher.accounts() == ["mine"]


def test_a_file_replaced_by_another_is_found(place: Place, watcher: Watcher) -> None:
    place.write("new.toml", ACCOUNT.replace("main", "other")).replace(place.folder / "landed.toml")

    assert watcher.accounts() == ["other"]


def test_a_link_that_is_turned_to_another_folder_is_found(place: Place) -> None:
    """As Kubernetes changes the files of a config map."""
    for name in ("one", "two"):
        (place.folder / name).mkdir()
        place.write(f"{name}/landed.toml", ACCOUNT.replace("main", name))
    (place.folder / "..data").symlink_to("one")
    (place.folder / "landed.toml").symlink_to("..data/landed.toml")
    watcher = Watcher(place.folder)
    (place.folder / "..new").symlink_to("two")
    (place.folder / "..new").replace(place.folder / "..data")

    assert watcher.accounts() == ["two"]


def test_a_file_that_is_missing_for_a_moment_changes_nothing(place: Place, watcher: Watcher) -> None:
    (place.folder / "landed.toml").unlink()
    seen = watcher.look(PATIENCE * 0.9)
    place.write("landed.toml", ACCOUNT)

    assert seen is None
    assert watcher.look(QUIET) is None


@pytest.mark.parametrize("text", [None, "", " \n"])
def test_a_file_that_stays_missing_or_empty_is_refused_and_does_not_count_as_one_that_sets_nothing(
    place: Place, watcher: Watcher, text: str | None
) -> None:
    path = place.folder / "landed.toml"
    path.unlink() if text is None else path.write_text(text)
    problems = watcher.problems(PATIENCE)
    again = watcher.look(PATIENCE)
    place.write("landed.toml", ACCOUNT.replace("main", "back"))

    assert problems == (f"{path} is missing or empty; write it anew",)
    assert again is None
    assert watcher.accounts() == ["back"]


def test_a_half_written_file_is_refused_once_and_found_when_it_is_whole(place: Place, watcher: Watcher) -> None:
    place.write("landed.toml", ACCOUNT + "[accounts.oth")
    problems = watcher.problems()
    again = watcher.look(PATIENCE)
    place.write("landed.toml", ACCOUNT + ACCOUNT.replace("main", "other"))

    assert len(problems) == 1
    assert "is not valid TOML" in problems[0]
    assert again is None
    assert watcher.accounts() == ["main", "other"]


def test_everything_that_is_wrong_is_told_at_once_and_again_only_when_the_files_change(
    place: Place, watcher: Watcher
) -> None:
    bad = f'{ACCOUNT}looks = ["5m", "1m"]\nrate = "fast"\n[worker]\nbach = 3\n'
    place.write("landed.toml", bad)
    first = watcher.problems()
    os.utime(place.folder / "landed.toml", (1, 1))
    touched = watcher.look(QUIET)
    place.write("landed.toml", f"log_level = 'loud'\n{bad}")

    assert len(first) == 3
    assert touched is None
    assert len(watcher.problems()) == 4


def test_a_refused_file_that_becomes_what_it_was_is_accepted(place: Place, watcher: Watcher) -> None:
    place.write("landed.toml", "[")
    refused = watcher.problems()
    place.write("landed.toml", ACCOUNT)

    assert refused
    assert watcher.accounts() == ["main"]


def test_a_secret_in_a_file_is_watched_too(place: Place) -> None:
    place.write("token", "first")
    place.write("landed.toml", f'{ACCOUNT}access_token = {{ file = "token" }}')
    watcher = Watcher(place.folder)
    place.write("token", "second")

    found = watcher.look(QUIET)

    assert isinstance(found, Settings)
    assert found.accounts["main"].settings["access_token"] == "second"


def test_a_secret_whose_file_the_environment_names_is_watched_too(place: Place) -> None:
    place.write("landed.toml", ACCOUNT)
    place.write("token", "first")
    watcher = Watcher(place.folder, {"LANDED_ACCOUNTS__MAIN__ACCESS_TOKEN_FILE": str(place.folder / "token")})
    place.write("token", "second")

    found = watcher.look(QUIET)

    assert isinstance(found, Settings)
    assert found.accounts["main"].settings["access_token"] == "second"


def test_a_secret_that_is_not_there_yet_is_waited_for(place: Place, watcher: Watcher) -> None:
    place.write("landed.toml", f'{ACCOUNT}access_token = {{ file = "token" }}')
    seen = watcher.look(QUIET)
    place.write("token", "late")
    watcher.now += QUIET

    found = watcher.look()

    assert seen is None
    assert isinstance(found, Settings)


def test_a_secret_that_does_not_come_is_what_is_wrong(place: Place, watcher: Watcher) -> None:
    place.write("landed.toml", f'{ACCOUNT}access_token = {{ file = "token" }}')

    problems = watcher.problems(PATIENCE)
    place.write("token", "very late")

    assert problems == ("accounts.main.access_token: the file token cannot be read: No such file or directory",)
    assert watcher.accounts() == ["main"]


def test_what_could_not_be_applied_is_found_again(place: Place, watcher: Watcher) -> None:
    place.write("landed.toml", ACCOUNT.replace("main", "other"))
    assert watcher.accounts() == ["other"]

    watcher.watching.again()

    found = watcher.look()
    assert isinstance(found, Settings)
    assert sorted(found.accounts) == ["other"]
    assert watcher.look(QUIET) is None


def test_changes_are_named_as_in_the_file_and_no_value_is_told(place: Place) -> None:
    before = place.load(
        'log_level = "info"\n[accounts.main]\nadapter = "expo"\naccess_token = "planted"\nlooks = ["1m"]\n'
        '[accounts.main.channels.push]\nthen = "1h"\n[accounts.old]\nadapter = "expo"\n[worker]\nbatch = 5'
    )
    after = place.load(
        'log_level = "debug"\n[accounts.main]\nadapter = "expo"\naccess_token = "another"\nlooks = ["2m"]\n'
        '[accounts.main.channels.push]\nthen = "2h"\n[accounts.new]\nadapter = "expo"\n[worker]\nbatch = 6'
    )

    found = changes(before, after)

    assert found == [
        "accounts.main.access_token",
        "accounts.main.channels.push.then",
        "accounts.main.looks",
        "accounts.new",
        "accounts.old",
        "log_level",
        "worker.batch",
    ]
    assert at_start(found) == ["worker.batch"]
    assert changes(after, after) == []
