"""The panel's web process for live tests, and an operator who signs in and fills in forms like a browser does."""

import contextlib
import html
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import requests

from tests.live.commands import ROOT
from tests.live.panel import Panel

PATIENCE_S = 60.0
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')
_NOWHERE = "/nonexistent"


class Operator:
    """A person with a browser, signed in to the console (or at another door).

    Args:
        second: an unused recovery code, for those who have a second factor.
        door: ``admin`` or ``portal``.
        lets_in: whether the door is expected to open.
    """

    def __init__(
        self, url: str, email: str, password: str, *, second: str = "", door: str = "admin", lets_in: bool = True
    ) -> None:
        self.url, self.email, self.session = url, email, requests.Session()
        self.session.trust_env = False
        page = self.post(f"/{door}/account/login/", login=email, password=password, next=f"/{door}/")
        if second:
            page = self.post(urlsplit(page.url).path, code=second)
        opened = "/login/" not in page.url and "/step/" not in page.url
        assert opened == lets_in, page.text[:3000]

    def get(self, path: str) -> requests.Response:
        """A page."""
        return self.session.get(self.url + path, timeout=PATIENCE_S)

    def post(self, path: str, *, form: str = "", **fields: object) -> requests.Response:
        """Send a form that stands on the page ``form`` (default: ``path`` itself) and follow where it leads."""
        page = self.get(form or path)
        token = _TOKEN.search(page.text)
        assert token is not None, f"{page.status_code} {page.text[:2000]}"
        data = {"csrfmiddlewaretoken": html.unescape(token[1]), **fields}
        return self.session.post(self.url + path, data=data, timeout=PATIENCE_S)


@contextlib.contextmanager
def web(panel: Panel) -> Iterator[str]:
    """gunicorn as ``make run`` starts it, without the worker's keys; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bind = f"127.0.0.1:{probe.getsockname()[1]}"
    log = panel.folder / "log" / "web.log"
    names = {"NPANEL_INTERFACE": "admin", "NPANEL_BIND": bind, "NPANEL_LOG_FILE": str(log), "NPANEL_WEB_PROCESSES": "1"}
    keys = {"NPANEL_WORKER_PRIVATE_KEYS": f"{_NOWHERE}/worker.key", "NPANEL_QUEUE_KEY_FILE": f"{_NOWHERE}/queue.key"}
    argv = [sys.executable, "-m", "gunicorn", "--config", "gunicorn.conf.py"]
    with (panel.folder / "log" / "web.out").open("ab") as out:
        process = subprocess.Popen(argv, cwd=ROOT, env=panel.environment | names | keys, stdout=out, stderr=out)
    try:
        panel.wait(lambda: _answers(process, f"http://{bind}"), "the web process")
        yield f"http://{bind}"
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _answers(process: "subprocess.Popen[bytes]", url: str) -> bool:
    assert process.poll() is None, "the web process ended"
    with contextlib.suppress(requests.ConnectionError):
        return requests.get(f"{url}/healthz", timeout=PATIENCE_S).ok
    return False


def sign_in(panel: Panel, url: str) -> Operator:
    """A new administrator, signed in."""
    password, email = secrets.token_urlsafe(18), f"op{secrets.token_hex(3)}@panel.test"
    panel.manage("operator_create", email, "--password-stdin", given=f"{password}\n")
    return Operator(url, email, password)
