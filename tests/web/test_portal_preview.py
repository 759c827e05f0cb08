"""The preview of a site: fetched from its node, never a part of the portal."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from hosting.portal import domains, fetching, preview
from hosting.portal.budget import take
from observability.redaction import redact
from tests.web import rows
from tests.web.pages import words
from tests.web.portal import Account, account, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("customer_interface")]

PAGE = b"""<link href="/style.css"><a href='http://www.anna.example/more'>more</a><img src=/cat.png>
<a href="//cdn.example/x.js">cdn</a><a href="https://elsewhere.example/">out</a>
<script>document.title = "ran"</script>"""


class _Site(BaseHTTPRequestHandler):
    """A customer's site that tries what it should not."""

    asked: list[tuple[str, str, dict[str, str]]] = []
    close: Callable[[], None]

    def do_GET(self) -> None:
        """Answer by path."""
        self.asked.append((self.command, self.path, dict(self.headers)))
        status, headers, body = _ANSWERS.get(urlsplit(self.path).path, (404, {}, b"not here"))
        self.send_response(status)
        for name, value in {"Set-Cookie": "npanel_portal_session=stolen; Path=/", **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def log_message(self, format: str, *args: Any) -> None:
        """Tests need no access log."""


_HTML = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "sandbox allow-same-origin"}
_ANSWERS: dict[str, tuple[int, dict[str, str], bytes]] = {
    "/": (200, _HTML, PAGE),
    "/style.css": (200, {"Content-Type": "text/css"}, b"body { background: url('/cat.png') }"),
    "/inside": (302, {"Location": "http://anna.example/more?x=1"}, b""),
    "/outside": (302, {"Location": "http://169.254.169.254/latest/"}, b""),
    "/odd": (200, {"Content-Type": "text/html; charset=utf-8\tx, <script>"}, b"odd"),
    "/large": (200, _HTML, b"x" * (fetching.LIMIT + 1)),
}


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Site]]:
    """The node's web server, on a port of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    monkeypatch.setattr(fetching, "PORT", server.server_port)
    _Site.asked = []
    with ExitStack() as end:
        end.callback(server.server_close)
        end.callback(server.shutdown)
        _Site.close = staticmethod(end.close)
        yield _Site


@pytest.fixture
def anna(site: type[_Site]) -> Account:
    """An account on that node."""
    return account(node=rows.node("web-1", public_addresses=["127.0.0.1"]))


def address_of_frame(anna: Account) -> str:
    """Where the frame on the domain's page leads."""
    page = signed_in(anna.person()).get(reverse("portal:preview", args=(anna.domain.pk,)))
    assert "frame-src 'self'" in page["Content-Security-Policy"]
    return page.content.decode().partition('class="preview-frame" src="')[2].partition('"')[0]


def in_frame(path: str, **headers: str) -> Any:
    """A request as the frame makes it: without any cookie."""
    return Client().get(path, headers={"sec-fetch-dest": "iframe", "sec-fetch-site": "same-origin", **headers})


def test_the_page_arrives_in_a_sandbox(anna: Account, site: type[_Site]) -> None:
    """The site's page, under a policy that gives it no origin, with none of its own headers and cookies."""
    answer = in_frame(address_of_frame(anna))
    assert answer.status_code == 200 and b'document.title = "ran"' in answer.content
    assert answer["Content-Security-Policy"] == "sandbox allow-scripts; frame-ancestors 'self'"
    assert not answer.cookies and answer["X-Content-Type-Options"] == "nosniff"
    assert (answer["X-Frame-Options"], answer["Cache-Control"]) == ("SAMEORIGIN", "no-store")


def test_nothing_of_the_visitor_reaches_the_site(anna: Account, site: type[_Site]) -> None:
    """The host name is the domain's; no cookie, address or token goes along."""
    client = signed_in(anna.person())
    client.get(address_of_frame(anna), headers={"sec-fetch-dest": "iframe", "authorization": "Bearer secret"})
    method, path, headers = site.asked[-1]
    assert (method, path, headers["Host"]) == ("GET", "/", "anna.example")
    assert set(headers) == {"Host", "User-Agent", "Accept", "Accept-Encoding"}


def test_links_stay_in_the_preview(anna: Account) -> None:
    """Absolute paths and the domain's own addresses lead through it; others are left alone."""
    start = address_of_frame(anna)
    body = in_frame(start).content.decode()
    assert f'href="{start}style.css"' in body and f"href='{start}more'" in body and f"src={start}cat.png" in body
    assert '"//cdn.example/x.js"' in body and '"https://elsewhere.example/"' in body
    assert f"url('{start}cat.png')" in in_frame(f"{start}style.css").content.decode()


def test_redirects_are_not_followed(anna: Account, site: type[_Site]) -> None:
    """One inside the site leads on inside the preview; one to another address is told, and nobody goes there."""
    start = address_of_frame(anna)
    assert in_frame(f"{start}inside")["Location"] == f"{start}more?x=1"
    outside = in_frame(f"{start}outside")
    assert outside.status_code == 200 and "sends its visitors to another address" in words(outside)
    assert [path for _method, path, _headers in site.asked] == ["/inside", "/outside"]


def test_not_a_page_of_its_own(anna: Account) -> None:
    """Opened as a page, by whoever got the link, it is refused: no sign-in form under the portal's name."""
    start = address_of_frame(anna)
    answer = in_frame(start, **{"sec-fetch-dest": "document", "sec-fetch-site": "none"})
    assert answer.status_code == 403 and b"ran" not in answer.content
    assert answer["Content-Security-Policy"].startswith("sandbox")


@pytest.mark.parametrize("wanted_as", ["script", "style", "worker", "serviceworker", "empty"])
def test_no_file_of_it_is_the_portals(anna: Account, wanted_as: str) -> None:
    """A page of the portal can't load a customer's file as its own script, style or worker; the sandbox can."""
    start = address_of_frame(anna)
    headers = {"sec-fetch-dest": wanted_as}
    assert in_frame(f"{start}style.css", **headers, **{"sec-fetch-site": "same-origin"}).status_code == 403
    assert in_frame(f"{start}style.css", **headers, **{"sec-fetch-site": "cross-site"}).status_code == 200


def test_without_the_browsers_word_scripts_do_not_run(anna: Account) -> None:
    """Browsers that do not say what a request is for (plain HTTP) get the page without scripts."""
    answer = Client().get(address_of_frame(anna))
    assert answer["Content-Security-Policy"] == "sandbox; frame-ancestors 'self'"


def test_the_address_ends(anna: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its minutes, when it was made up, and when the domain is gone."""
    start = address_of_frame(anna)
    assert in_frame(start.replace("preview/", "preview/x", 1)).status_code == 403
    anna.domain.release()
    anna.domain.save()
    assert in_frame(start).status_code == 403
    anna.domain.claim()
    anna.domain.save()
    later = time.time() + preview.VALID_S + 1
    monkeypatch.setattr(time, "time", lambda: later)
    ended = in_frame(start)
    assert ended.status_code == 403 and "This preview has ended" in words(ended)


def test_limits(anna: Account, site: type[_Site]) -> None:
    """A page that is too large, or a server that does not answer, is said so in a sentence."""
    start = address_of_frame(anna)
    assert "too large" in words(in_frame(f"{start}large"))
    site.close()
    silent = in_frame(start)
    assert silent.status_code == 502 and "did not answer" in words(silent)


def test_only_get_and_head(anna: Account, site: type[_Site]) -> None:
    """Nothing is sent to the site through the preview; odd headers and paths of it do no harm."""
    start = address_of_frame(anna)
    assert Client().post(start, {"a": "b"}).status_code == 405
    assert Client().head(start, headers={"sec-fetch-dest": "iframe"}).content == b""
    assert in_frame(f"{start}odd")["Content-Type"].startswith("text/html")
    in_frame(f"{start}a%0d%0aX-Evil:%201/..%2f..%2f?q=%0d%0aHost:%20x")
    assert "X-Evil" not in site.asked[-1][2] and site.asked[-1][2]["Host"] == "anna.example"


def test_strangers_get_no_address(anna: Account) -> None:
    """Only who sees the domain sees its preview."""
    stranger = signed_in(account("berta", "berta.example").person())
    assert stranger.get(reverse("portal:preview", args=(anna.domain.pk,))).status_code == 404


def test_each_person_has_a_budget(anna: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many looks or look-ups within a minute are 429, in words; a colleague's budget is their own."""
    cache.clear()
    client, look = signed_in(anna.person()), reverse("portal:domain_status", args=(anna.domain.pk,))
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    asked = [client.get(reverse("portal:preview", args=(anna.domain.pk,))) for _number in range(preview.LOOKS + 1)]
    assert [answer.status_code for answer in asked] == [200] * preview.LOOKS + [429]
    assert "try again in a minute" in words(asked[-1]) and asked[-1]["Retry-After"] == "60"
    cache.set(f"npanel.portal.look-up.{anna.person().pk}.{int(now) // 60}", domains.LOOKS)
    part = client.get(look, headers={"hx-request": "true"})
    assert part.status_code == 429 and b"<html" not in part.content and "try again" in words(part)
    page = client.get(reverse("portal:domain", args=(anna.domain.pk,)) + "?look=1")
    assert page.status_code == 429 and b"<html" in page.content
    assert client.get(reverse("portal:domain", args=(anna.domain.pk,))).status_code == 200
    colleague = signed_in(anna.person("viewer"))
    assert colleague.get(reverse("portal:preview", args=(anna.domain.pk,))).status_code == 200


def test_files_have_a_budget_too(anna: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has the address can't have the site fetched without end."""
    start = address_of_frame(anna)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    cache.clear()
    assert all(take("preview-files", anna.person().pk, preview.FILES) for _number in range(preview.FILES - 2))
    assert [in_frame(f"{start}style.css").status_code for _number in range(3)] == [200, 200, 429]


def test_slow_sites_do_not_take_all_threads(anna: Account, site: type[_Site], settings: Any) -> None:
    """While as many are fetched as may be, the next is told so at once, and none is asked of the node."""
    start = address_of_frame(anna)
    with ExitStack() as all_places:
        for _number in range(settings.NPANEL_PREVIEWS_AT_ONCE):
            all_places.enter_context(preview._fetching)
        busy = in_frame(start)
    assert busy.status_code == 503 and "Try again in a moment" in words(busy) and site.asked == []
    assert in_frame(start).status_code == 200  # and it gives its place back, also after a failure:
    site.close()
    tries = settings.NPANEL_PREVIEWS_AT_ONCE + 1
    assert [in_frame(start).status_code for _number in range(tries)] == [502] * tries


def test_the_address_is_in_no_log(anna: Account, caplog: Any) -> None:
    """Neither the line of the request nor Django's own on a refusal has the signed part."""
    start = address_of_frame(anna)
    token = start.rstrip("/").rpartition("/")[2]
    caplog.set_level("DEBUG")
    for path, headers in ((start, {}), (f"{start}style.css", {"sec-fetch-dest": "document"})):
        in_frame(path, **headers)
    lines = [
        str(redact(record.msg if isinstance(record.msg, dict) else record.getMessage())) for record in caplog.records
    ]
    assert any("/portal/preview/[REDACTED]" in line for line in lines)
    assert not any(token in line for line in lines), lines
