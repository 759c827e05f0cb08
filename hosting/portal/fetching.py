"""Fetches one page of a site from its node, as a visitor's browser would once the domain points there.

The address comes from the operators' facts of the node and the host name from a domain's row; nobody who asks can
choose either. Nothing of the visitor goes along, and redirects are told, not followed.
"""

import http.client
import re
import time
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from hosting.errors import HostingError
from hosting.models import Domain
from hosting.texts import N_, Text

PORT = 80
TIMEOUT_S = 5.0
#: For everything together.
DEADLINE_S = 10.0
LIMIT = 8 * 1024 * 1024
_CHUNK = 64 * 1024
_KEPT = "/:@!$&'()*+,;=~%-._"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the site answered.

    Args:
        location: where it sends the visitor, or "".
    """

    status: int
    content_type: str
    body: bytes
    location: str


def fetch(domain: Domain, path: str, query: str = "", *, head: bool = False) -> Fetched:
    """GET (or HEAD) one page.

    Args:
        path: without the slash in front.

    Raises:
        HostingError: ``preview_failed``: no answer in time, or one that is too large.
    """
    address = next(iter(domain.service.node.public_addresses), "")
    target = "/" + quote(path, safe=_KEPT) + (f"?{quote(query, safe=_KEPT + '?/')}" if query else "")
    connection = http.client.HTTPConnection(address, PORT, timeout=TIMEOUT_S)
    headers = {"Host": domain.name, "User-Agent": "NPanel preview", "Accept": "*/*", "Accept-Encoding": "identity"}
    try:
        connection.request("HEAD" if head else "GET", target, headers=headers)
        answer = connection.getresponse()
        body = _read(answer, time.monotonic() + DEADLINE_S)
        content_type = answer.headers.get_content_type()
        charset = answer.headers.get_content_charset() or ""
        location = answer.headers.get("Location", "")
        return Fetched(answer.status, _typed(content_type, charset), body, location)
    except (OSError, http.client.HTTPException) as error:
        raise _failed(N_("The server did not answer in time.")) from error
    finally:
        connection.close()


def _read(answer: http.client.HTTPResponse, until: float) -> bytes:
    parts, size = [], 0
    while chunk := answer.read1(_CHUNK):
        parts.append(chunk)
        size += len(chunk)
        if size > LIMIT or time.monotonic() > until:
            raise _failed(N_("The page is too large for the preview, or too slow."))
    return b"".join(parts)


def _typed(content_type: str, charset: str) -> str:
    kind = content_type if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", content_type) else "application/octet-stream"
    return f"{kind}; charset={charset}" if re.fullmatch(r"[a-z0-9_-]+", charset) else kind


def _failed(detail: Text) -> HostingError:
    return HostingError(
        detail,
        code="preview_failed",
        hint=N_("Try again, or tell your provider if it stays like this."),
        permanent=False,
    )


_ATTRIBUTE = r"(?i)(\s(?:href|src|action|poster|data-src)\s*=\s*[\"']?)"
_IN_CSS = r"(?i)(url\(\s*[\"']?)"


def rewritten(fetched: Fetched, domain: Domain, prefix: str) -> bytes:
    """A page's or a style sheet's links to its own site, led through the preview. A miss shows as a missing picture.

    Args:
        prefix: the preview's path, with a slash at the end.
    """
    kind = fetched.content_type.partition(";")[0]
    if kind not in ("text/html", "application/xhtml+xml", "text/css"):
        return fetched.body
    own = rf"(?:(?:https?:)?//(?:www\.)?{re.escape(domain.name)}(?::80)?/?|/(?!/))"
    before = _IN_CSS if kind == "text/css" else rf"(?:{_ATTRIBUTE}|{_IN_CSS})".replace("(?i)", "")
    pattern = re.compile(rf"(?i)({before.replace('(?i)', '')}){own}".encode())
    return pattern.sub(lambda found: found.group(1) + prefix.encode(), fetched.body)


def inner_path(location: str, domain: Domain) -> str | None:
    """Where a redirect leads inside the site, without the slash in front; None when it leads elsewhere."""
    parts = urlsplit(location)
    host = (parts.hostname or domain.name).removeprefix("www.")
    if host != domain.name.removeprefix("www.") or parts.scheme not in ("", "http", "https"):
        return None
    return parts.path.lstrip("/") + (f"?{parts.query}" if parts.query else "")
