"""What is wrong with settings: every problem at once, each naming its place, with a guess at what was meant."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from difflib import get_close_matches

from pydantic import ValidationError

#: What pydantic says for programmers, for operators.
MESSAGES = {
    "dict_type": "must be a table of settings",
    "model_type": "must be a table of settings",
    "tuple_type": "must be a list",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "string_type": "must be a text",
    "path_type": "must be a path",
}


class ConfigError(Exception):
    """The settings are wrong. `problems` has a line for each fault; none holds the value of a secret."""

    def __init__(self, problems: Sequence[str]) -> None:
        """Keep every problem."""
        super().__init__("\n".join(problems))
        self.problems = list(problems)


def unknown(name: str, where: str, known: Iterable[str]) -> str:
    """The problem of a setting that nobody knows, with a guess."""
    place = f" in {where}" if where else ""
    return f"unknown setting {name!r}{place}; {hint(name, known)}"


def hint(name: str, known: Iterable[str], form: Callable[[str], str] = str) -> str:
    """What was meant, or if that cannot be guessed, what there is; each as `form` writes it."""
    choices = sorted(known)
    guess = get_close_matches(name, choices, n=1)
    return f"did you mean {form(guess[0])!r}?" if guess else f"known are {', '.join(map(form, choices))}"


def problems(error: ValidationError, where: str, known: Mapping[str, Iterable[str]]) -> list[str]:
    """A line for each fault that `error` holds. `known` has the settings of each table, by its dotted name."""
    return [_problem(dict(fault), where, known) for fault in error.errors(include_url=False, include_input=False)]


def _problem(fault: dict[str, object], where: str, known: Mapping[str, Iterable[str]]) -> str:
    location = fault["loc"]
    path = [str(part) for part in location] if isinstance(location, tuple) else []
    if path and path[-1] == "[key]":
        # A name that the table cannot have is told at the table.
        path = path[:-2]
    table = ".".join([*([where] if where else []), *path[:-1]])
    name = path[-1] if path else ""
    # In the file, our settings of an account stand beside the adapter's.
    shown = table.replace(".options", "")
    if fault["type"] == "extra_forbidden":
        return unknown(name, shown, known.get(table, known.get("", ())))
    place = ".".join(part for part in (shown, name) if part)
    if fault["type"] == "missing":
        return f"{place} is missing; set it in landed.toml or as {variable(place)}"
    message = MESSAGES.get(
        str(fault["type"]), str(fault["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    )
    return f"{place}: {message}" if place else message


def variable(place: str) -> str:
    """The environment variable that sets the setting at a dotted place."""
    return "LANDED_" + place.upper().replace(".", "__")
