"""`web` and `up` serve the page, say where it is, log no address, and end cleanly."""

import json
import re
import signal
import socket
import time

import httpx
import pytest

from tests.cli.conftest import Place
from tests.cli.terminal import Terminal, terminal
from tests.cli.test_surroundings import execute
from web.server import free_port

#: It does not depend on the interpreter.
pytestmark = pytest.mark.once

PLANTED = "planted.person@example.org"

READY = '"event": "web_started"'


def page_of(shown: Terminal) -> str:
    """The address that is said, once the page is there."""
    shown.until("the page is at http://")
    shown.until(READY)
    found = re.search(r"the page is at (http://\S+)", shown.seen)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("word", [signal.SIGTERM, signal.SIGINT])
def test_the_page_is_served_until_a_signal(landed: Place, word: signal.Signals) -> None:
    landed.set(log_format="json")
    with terminal(landed.folder, "web", "--port", "0") as shown:
        answer = httpx.get(page_of(shown))
        shown.process.send_signal(word)
        said = shown.rest()

    assert answer.status_code == 200
    assert shown.process.returncode == 0
    assert said.splitlines()[-1].count("web_stopped") == 1
    assert "Traceback" not in said


def test_the_page_shows_accounts_as_the_file_says_now(landed: Place) -> None:
    landed.set(log_format="json")
    with terminal(landed.folder, "web", "--port", "0") as shown:
        url = f"{page_of(shown)}/operations"
        before = httpx.get(url).text
        path = landed.folder / "landed.toml"
        landed.write("landed.toml", path.read_text().replace("text_main", "text_other"))
        ends_at = time.monotonic() + 90
        while "text_other" not in (after := httpx.get(url).text) and time.monotonic() < ends_at:
            time.sleep(0.1)
        shown.process.send_signal(signal.SIGTERM)
        shown.rest()

    assert "text_main" in before
    assert "text_other" in after
    assert "text_main" not in after


def test_up_serves_the_page_too_and_ends_with_it(landed: Place) -> None:
    landed.set(log_format="json", web__port="0")
    with terminal(landed.folder, "up") as shown:
        answer = httpx.get(f"{page_of(shown)}/healthz")
        shown.until('"event": "worker_started"')
        shown.process.send_signal(signal.SIGTERM)
        said = shown.rest()

    assert answer.json() == {"status": "ok"}
    assert shown.process.returncode == 0
    assert "web_stopped" in said
    assert "worker_stopped" in said


def test_a_log_has_a_line_for_each_request_and_no_address_in_any(landed: Place) -> None:
    """Neither of a recipient nor of who asks; and no token."""
    landed.set(log_format="json")
    token = landed("token", "create", "reports", "--scope", "read").out.strip()
    with terminal(landed.folder, "web", "--port", "0") as shown:
        page = page_of(shown)
        headers = {"authorization": f"Bearer {token}"}
        for path in ("/api/v1/messages", f"/{PLANTED}", f"/static/1/{PLANTED}", f"/api/v1/accounts/{PLANTED}"):
            httpx.get(f"{page}{path}", params={"recipient": PLANTED}, headers=headers)
        httpx.post(f"{page}/log-in", data={"token": PLANTED, "to": f"/{PLANTED}"})
        httpx.get(page, headers={"authorization": f"Bearer {PLANTED}"})
        shown.process.send_signal(signal.SIGTERM)
        said = shown.rest()
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    requests = [line for line in lines if line["event"] == "request"]

    assert [line["route"] for line in requests[:3]] == ["/api/v1/messages", "", "/static/{version}/{name:path}"]
    assert len(requests) == 6
    assert {line["way"] for line in requests} == {"token", None}
    assert PLANTED not in said
    assert token not in said
    assert "127.0.0.1" not in said


def test_a_failure_that_nobody_foresaw_is_logged_without_what_was_in_the_row(landed: Place, database: str) -> None:
    """A database may say the whole row in its error."""
    landed.set(log_format="json")
    with terminal(landed.folder, "web", "--port", "0") as shown:
        page = page_of(shown)
        execute(database, "alter table landed.suppression add check (recipient not like 'planted%')")
        body = {"channel": "email", "recipients": [PLANTED], "why": "planted text"}
        answer = httpx.post(f"{page}/api/v1/suppression", json=body)
        shown.process.send_signal(signal.SIGTERM)
        said = shown.rest()

    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert '"error": "CheckViolationError"' in said
    assert "planted" not in said + answer.text


def test_a_port_that_is_taken_is_said_so(landed: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for command in (["web", "--port", str(port)], ["up", "--port", str(port)]):
            assert "choose another with --port" in landed(*command, code=1).err


def test_a_demo_takes_another_port_where_its_own_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert free_port("127.0.0.1", port) not in {0, port}
    assert free_port("127.0.0.1", port) == port


def test_a_database_of_another_release_is_said_so(landed: Place, database: str) -> None:
    execute(database, "delete from landed.migration where number = 13")

    assert "run `landed migrate`" in landed("web", "--port", "0", code=1).err


def test_what_is_wrong_with_a_setting_of_the_page_is_told_with_all_else(bare: Place) -> None:
    bare.unset("web__port")
    bare.write(
        "landed.toml",
        '[web]\nhosts = ["http://x"]\ntrusted_proxies = ["proxy"]\nproxy_scopes = ["write"]\nprot = 1\nport = 99999\n'
        'identity_header = "X User"\n',
    )
    said = bare("web", code=1).err

    for told in (
        "web.hosts: 'http://x' is no name of a host",
        "web.trusted_proxies: 'proxy' is no address",
        "web.proxy_scopes: unknown scope 'write'; there are read, record, operate",
        "unknown setting 'prot' in web; did you mean 'port'?",
        "web.port: must be less than or equal to 65535",
        "web.identity_header: 'X User' is no name of a header",
    ):
        assert told in said
