"""Reading pages in tests as people do: text, tables, links and forms."""

from dataclasses import dataclass, field
from html.parser import HTMLParser

#: What stands alone in HTML.
VOID = {"meta", "link", "input", "br", "hr", "img"}

#: Planted wherever a text may come from: it must be nowhere in a page but as text.
SCRIPT = "<script>alert('planted')</script>"


@dataclass
class Form:
    """A form: where it goes, and what it sends unless somebody changes it."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A page, taken apart. An element that is not closed, or closed by another, is an error."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.links: dict[str, str] = {}
        self.hrefs: list[str] = []
        self.rels: dict[str, str] = {}
        self.images: list[str] = []
        self.forms: list[Form] = []
        self.struck: list[str] = []
        self.titles: list[str] = []
        self.scripts = 0
        self._open: list[str] = []
        self._link: str | None = None
        self._select: str | None = None
        self._option: str | None = None
        self.feed(source)
        self.close()
        assert self._open == []

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.words).split())

    def form(self, action: str, **fields: str) -> Form:
        """The first form that goes there and has such fields."""
        return next(one for one in self.forms if one.action == action and fields.items() <= one.fields.items())

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Note what begins."""
        given = {name: value or "" for name, value in attributes}
        assert not [name for name in given if name.startswith("on") or name == "style"], given
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script":
            assert given["src"].startswith("/static/")
            self.scripts += 1
        if tag == "a":
            self._link = given["href"]
            self.hrefs.append(given["href"])
            self.rels |= {given["rel"]: given["href"]} if "rel" in given else {}
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")
        if given.get("role") == "img":
            self.images.append(given["aria-label"])
        self._begin_field(tag, given)
        if "title" in given:
            self.titles.append(given["title"])

    def _begin_field(self, tag: str, given: dict[str, str]) -> None:
        if tag == "form":
            self.forms.append(Form(given.get("method", "get"), given.get("action", "")))
        if tag == "input" and self.forms and "form" in self._open:
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        if tag == "select":
            self._select = given["name"]
        self._option = None
        if tag == "option" and "selected" in given and self._select is not None:
            self.forms[-1].fields[self._select] = given.get("value", "")
            self._option = None if "value" in given else self._select

    def handle_endtag(self, tag: str) -> None:
        """Note what ends."""
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        """Keep text where it belongs."""
        self.words.append(data)
        words = " ".join(data.split())
        if not words:
            return
        if self._option is not None:
            self.forms[-1].fields[self._option] = words
            self._option = None
        if "a" in self._open and self._link is not None:
            self.links.setdefault(words, self._link)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] = f"{self.rows[-1][-1]} {words}".strip()
        if "s" in self._open:
            self.struck.append(words)
