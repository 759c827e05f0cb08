"""Secrets of people and programs, each used through its own door as its owner would; what they were is kept."""

import contextlib
import re
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

from hosting.operations.webhook_post import sign
from tests.live.front import Doors
from tests.live.panel import Panel
from tests.live.web import Operator
from tests.unit.accounts.doors import code

OWNER = "owner@vault.test"
SESSION = "operator's session"
FACTOR = "/admin/account/second-factor/"
#: Stands in the answer of the webhook's receiver, beside secrets of its own.
RECEIVED = "received by billing:"


@dataclass
class Planting:
    """A panel behind its nginx, and the secrets that were shown or typed there, by name."""

    panel: Panel
    doors: Doors
    secret: dict[str, str] = field(default_factory=dict)

    def url(self, interface: str) -> str:
        """Where people reach an interface."""
        return f"http://127.0.0.1:{self.doors.port(interface)}"

    def operator(self) -> Operator:
        """An operator who has added an authenticator app and comes back by a recovery code."""
        email, password = f"op{secrets.token_hex(3)}@panel.test", secrets.token_urlsafe(18)
        self.panel.manage("operator_create", email, "--password-stdin", given=f"{password}\n")
        first = Operator(self.url("admin"), email, password)
        key = _found(r'id="totp-key">([A-Z2-7]+)<', first.get(f"{FACTOR}app/").text)
        first.post(f"{FACTOR}app/", form="/admin/account/", code=code(key))  # the app's own page would make another key
        spare = re.findall(r"<code>(\d{8})</code>", first.get(f"{FACTOR}codes/").text)
        again = Operator(self.url("admin"), email, password, second=spare[0])
        self.secret |= {"operator's password": password, "authenticator key": key}
        self.secret |= {"recovery code": spare[0], "unused recovery code": spare[1]}
        self.secret[SESSION] = str(again.session.cookies["npanel_admin_session"])
        return again

    def customer(self, customer: str) -> None:
        """A customer's owner signs in to the portal, at the second attempt."""
        password, mistake = secrets.token_urlsafe(18), secrets.token_urlsafe(18)
        argv = ("person_create", OWNER, "--customer", customer, "--password-stdin")
        self.panel.manage(*argv, given=f"{password}\n")
        person = Operator(self.url("customer"), OWNER, mistake, door="portal", lets_in=False)
        page = person.post("/portal/account/login/", login=OWNER, password=password)
        assert page.ok and "/login/" not in page.url, page.url
        self.secret |= {"customer's password": password, "mistyped password": mistake}

    def impersonation(self, operator: Operator) -> None:
        """The operator acts as the customer's owner, by a ticket."""
        (row,) = self.panel.rows("SELECT id FROM accounts_user WHERE email = %s", OWNER)
        page = operator.post(f"/admin/accounts/user/{row['id']}/impersonate/", reason="Ticket 4711").text
        ticket = _found(r'name="ticket" value="(npimp_[^"]+)"', page)
        portal = f"{self.url('customer')}/portal/account/impersonate/"
        assert f'action="{portal}"' in page
        assert requests.post(portal, data={"ticket": ticket}, timeout=60).ok
        self.secret["impersonation ticket"] = ticket

    def deletion(self, username: str) -> None:
        """A service is deleted with the token that its plan came with."""
        shown = self.panel.manage("service_delete", username, expect=2).json
        self.panel.confirm("service_delete", username, shown)
        self.secret["intent token"] = shown["token"]

    @contextlib.contextmanager
    def program(self, operator: Operator) -> Iterator[None]:
        """A program adds a webhook with a token; by the end of the block it has been told of something, signed."""
        shown = self.panel.manage("token_create", operator.email, "billing", "--scope", "webhook:write").json
        told, key = secrets.token_urlsafe(18), secrets.token_urlsafe(48)
        frame = "-----{} OPENSSH PRIVATE KEY-----"
        answer = f"{RECEIVED} password={told}\n{frame.format('BEGIN')}\n{key}\n{frame.format('END')}"
        self.secret |= {"receiver's password": told, "receiver's SSH key": key}
        with _receiver(answer) as (address, letters):
            bearer = {"Authorization": f"Bearer {shown['token']}"}
            body = {"url": address, "events": ["operation.finished"]}
            answer = requests.post(f"{self.url('admin')}/api/v1/webhooks", json=body, headers=bearer, timeout=60)
            assert answer.status_code == 201, answer.text
            secret = str(answer.json()["secret"])
            self.secret |= {"api token": shown["token"], "webhook secret": secret}
            yield
            self.panel.wait(lambda: letters, "the webhook's first letter")
            self.panel.wait(self._answered, "what the receiver said")
        signature, text = letters[0]
        assert signature == sign(secret, int(_found(r"t=(\d+)", signature)), text)

    def _answered(self) -> bool:
        kept = self.panel.rows("SELECT response_text FROM hosting_webhookdelivery")
        return any(RECEIVED in row["response_text"] for row in kept)


def _found(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, text[:3000]
    return found[1]


@contextlib.contextmanager
def _receiver(said: str) -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A server on loopback that takes webhooks and says so: its address, and signature and body of each that came."""
    letters: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = self.rfile.read(int(self.headers["Content-Length"]))
            letters.append((self.headers["NPanel-Signature"], text))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Tests need no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", letters
        server.shutdown()
