"""Secrets may lie in files, and are in nothing that is printed."""

import json
from pathlib import Path

import pytest

from cli.configuration import plain
from config import ConfigError, Settings
from tests.config.reading import Place

SECRET = "planted-8c1d"


def token(settings: Settings) -> object:
    return settings.accounts["main"].settings["access_token"]


def test_a_secret_in_a_file_is_read(place: Place) -> None:
    """From the file or the environment, without the line end; the path may be relative to where it is written."""
    path = place.write("token", f"{SECRET}\n")
    account = '[accounts.main]\nadapter = "expo"\n'

    assert token(place.load(f'{account}access_token = {{ file = "{path}" }}')) == SECRET
    assert token(place.load(f'{account}access_token_file = "token"')) == SECRET
    assert token(place.load(account, ACCOUNTS__MAIN__ACCESS_TOKEN_FILE=str(path))) == SECRET
    assert token(place.load(account, ACCOUNTS__MAIN__ACCESS_TOKEN_FILE="token")) == SECRET


def test_an_address_with_a_password_may_lie_in_a_file(place: Place) -> None:
    place.write("url", f"postgresql://ann:{SECRET}@db/landed\n")
    by_variable = place.load(DATABASE_URL_FILE="url").database_url
    by_file = place.load('database_url_file = "url"').database_url

    assert by_variable is not None
    assert by_variable.get_secret_value() == f"postgresql://ann:{SECRET}@db/landed"
    assert by_file == by_variable


def test_a_home_is_found(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place.folder))
    place.write("token", SECRET)

    assert token(place.load('[accounts.main]\nadapter = "expo"\naccess_token_file = "~/token"')) == SECRET


def test_the_environment_wins_over_the_file_in_either_form(place: Place) -> None:
    place.write("one", "one")
    place.write("two", "two")
    as_text = '[accounts.main]\nadapter = "expo"\naccess_token = "zero"'
    as_file = '[accounts.main]\nadapter = "expo"\naccess_token_file = "one"'

    assert token(place.load(as_text, ACCOUNTS__MAIN__ACCESS_TOKEN_FILE="two")) == "two"
    assert token(place.load(as_file, ACCOUNTS__MAIN__ACCESS_TOKEN_FILE="two")) == "two"
    assert token(place.load(as_file, ACCOUNTS__MAIN__ACCESS_TOKEN="three")) == "three"


@pytest.mark.parametrize(
    "toml",
    [
        f'access_token = "{SECRET}"\naccess_token_file = "token"',
        f'access_token_file = "token"\naccess_token = "{SECRET}"',
    ],
)
def test_a_secret_that_is_set_twice_is_told(place: Place, toml: str) -> None:
    place.write("token", SECRET)
    problems = place.problems(f'[accounts.main]\nadapter = "expo"\n{toml}')

    assert problems == ["accounts.main.access_token is set twice, once as a file; keep one"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere", "cannot be read: No such file or directory"),
        ("folder", "cannot be read: Is a directory"),
        ("empty", "is empty"),
        ("binary", "is not UTF-8"),
        ("a\0b", "cannot be read: embedded null byte"),
        ("~nobody-has-this-name/token", "cannot be read: "),
    ],
)
def test_a_file_that_holds_no_secret_is_told(place: Place, name: str, said: str) -> None:
    (place.folder / "folder").mkdir()
    place.write("empty", " \n")
    place.write("binary", b"\xff\xfe planted")
    written = name.replace("\0", "\\u0000")
    problems = place.problems(f'[accounts.main]\nadapter = "expo"\naccess_token_file = "{written}"')

    assert [problem.startswith(f"accounts.main.access_token: the file {name} {said}") for problem in problems] == [True]


def configured(place: Place) -> Settings:
    """Settings with secrets everywhere that one can be."""
    return place.load(
        f"""
        database_url = "postgresql://ann:{SECRET}@db/landed"
        redis_url = "redis://:{SECRET}@redis"
        [accounts.main]
        adapter = "expo"
        access_token = "{SECRET}"
        """
    )


def test_no_secret_is_printed(place: Place) -> None:
    settings = configured(place)
    shown = [repr(settings), str(settings), repr(settings.accounts), repr(settings.accounts["main"])]

    assert [text for text in shown if SECRET in text] == []
    assert SECRET not in json.dumps(plain(settings))


@pytest.mark.parametrize(
    ("toml", "variable"),
    [
        (f'database_url = "{SECRET}"', {}),
        (f'database_url = ["{SECRET}"]', {}),
        (f'[database_url]\nx = "{SECRET}"', {}),
        (f'[accounts.main]\naccess_token = "{SECRET}"', {}),
        (f'[accounts.main]\nadapter = ["{SECRET}"]', {}),
        (f'access_token = "{SECRET}"', {}),
        ("", {"ACCESS_TOKEN": SECRET}),
        ("", {"ACCOUNTS__MAIN__ACCESS_TOKEN": SECRET}),
        ("", {"DATABASE_URL": f"mysql://{SECRET}"}),
        (f"home = '{SECRET}", {}),
    ],
)
def test_no_problem_tells_a_secret(place: Place, toml: str, variable: dict[str, str]) -> None:
    """Wherever it was put by mistake."""
    place.write("landed.toml", toml)
    with pytest.raises(ConfigError) as caught:
        place.load(**variable)

    assert SECRET not in str(caught.value)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    assert (
        caught.value.__context__ is None
        or caught.value.__suppress_context__
        or SECRET not in str(caught.value.__context__)
    )


def test_the_folder_of_secrets_is_left_as_it_is(place: Place) -> None:
    place.write("token", f" {SECRET} \n")
    place.load('[accounts.main]\nadapter = "expo"\naccess_token_file = "token"')

    assert Path(place.folder / "token").read_text() == f" {SECRET} \n"
