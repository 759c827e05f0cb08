"""Asks the panel, the demo site and the name server what a visitor would ask them."""

import http.client
import re
from dataclasses import dataclass

import dns.exception
import dns.message
import dns.query
import dns.rdatatype

from scripts.run_options import HOST, Options, RunError

_SENTENCE = re.compile(r'<p id="sentence">(?P<sentence>[^<]+)</p>.*<dd id="visits">(?P<visits>\d+)</dd>', re.DOTALL)
_PATIENCE_S = 10.0


@dataclass(frozen=True)
class Page:
    """An answer to a GET request."""

    status: int
    body: str


def get(address: str, port: int, path: str, host: str = "") -> Page:
    """Fetch a page; status 0 and the reason as its body when nobody answers.

    Args:
        host: the ``Host`` header, when it is not the address.
    """
    connection = http.client.HTTPConnection(address, port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", path, headers={"Host": host or f"{address}:{port}"})
        answer = connection.getresponse()
        return Page(answer.status, answer.read().decode(errors="replace"))
    except (OSError, http.client.HTTPException) as error:
        return Page(0, str(error))
    finally:
        connection.close()


def panel_is_ready(options: Options) -> bool:
    """Whether both web processes answer and see a worker; through nginx where it is."""
    ports = options.ports
    if options.nginx:
        asked = [(ports.probes, "/readyz"), (ports.probes, "/customer/readyz"), (ports.unified, "/healthz")]
    else:
        asked = [(ports.unified, "/readyz"), (ports.customer_http, "/readyz")]
    return all(get(HOST, port, path).status == 200 for port, path in asked)


def sign_in_page(port: int) -> None:
    """See that the sign-in page is there.

    Raises:
        RunError: it is not.
    """
    page = get(HOST, port, "/admin/account/login/")
    if page.status != 200 or 'name="csrfmiddlewaretoken"' not in page.body:
        raise RunError(f"The sign-in page answers {page.status}: {page.body[:200]}")


@dataclass(frozen=True)
class Greeting:
    """What the demo page read from its database."""

    sentence: str
    visits: int


def demo_page(address: str, domain: str) -> Greeting:
    """Read the demo page as a visitor does, through the node's nginx.

    Raises:
        RunError: it does not answer, or shows nothing from its database.
    """
    page = get(address, 80, "/", host=domain)
    match = _SENTENCE.search(page.body)
    if page.status != 200 or match is None:
        raise RunError(f"http://{domain}/ at {address} answers {page.status or 'nothing'}: {page.body.strip()[:200]}")
    return Greeting(match["sentence"], int(match["visits"]))


def demo_counts(address: str, domain: str) -> Greeting:
    """Read the page twice and see that the second visit was counted: the value comes from the database, now.

    Raises:
        RunError: the page is not there or its counter stands still.
    """
    first, second = demo_page(address, domain), demo_page(address, domain)
    if second.visits <= first.visits:
        raise RunError(f"http://{domain}/ shows visit {second.visits} after visit {first.visits}.")
    return second


def resolved(address: str, domain: str) -> list[str]:
    """The IPv4 addresses that a name server gives for a domain.

    Raises:
        RunError: it gives none.
    """
    question = dns.message.make_query(domain, dns.rdatatype.A)
    try:
        answer = dns.query.udp(question, address, timeout=_PATIENCE_S)
    except (OSError, dns.exception.DNSException) as error:
        raise RunError(f"The name server {address} does not answer for {domain}: {error}") from error
    found = [item.to_text() for rrset in answer.answer for item in rrset if rrset.rdtype == dns.rdatatype.A]
    if not found:
        code = dns.rcode.to_text(answer.rcode())
        raise RunError(f"The name server {address} knows no address of {domain} ({code}).")
    return found
