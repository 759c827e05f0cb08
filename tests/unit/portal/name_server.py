"""A resolver on loopback that answers from a table, for tests that ask where a domain points."""

import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Table = Mapping[tuple[str, str], list[str]]


class _Server(socketserver.ThreadingUDPServer):
    daemon_threads = True
    table: Table
    asked: list[tuple[str, str]]
    silent: bool


class _Handler(socketserver.BaseRequestHandler):
    server: _Server

    def handle(self) -> None:
        """Answer one question."""
        data, socket = self.request
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype)
        self.server.asked.append((name, kind))
        if self.server.silent:
            return
        response = dns.message.make_response(query, recursion_available=True)
        found = self.server.table.get((name, kind))
        if found:
            response.answer.append(dns.rrset.from_text(question.name, 600, "IN", kind, *found))
        elif not any(known == name for known, _kind in self.server.table):
            response.set_rcode(dns.rcode.NXDOMAIN)
        socket.sendto(response.to_wire(), self.client_address)


@contextmanager
def name_server(table: Table, *, silent: bool = False) -> Iterator[Any]:
    """A resolver that knows these names; give it with ``setting`` (its address) and ``asked`` (what it was asked)."""
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.table, server.asked, server.silent = table, [], silent
        server.setting = [f"127.0.0.1#{server.server_address[1]}"]  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        yield server
        server.shutdown()
