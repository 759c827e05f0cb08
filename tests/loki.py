"""A stand-in for Loki: it takes JSON pushes and refuses what Loki 3 refuses with its default limits."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LABELS, LABEL_NAME, LABEL_VALUE = 15, 1024, 2048
LINE = 256 * 1024
METADATA, METADATA_ENTRIES = 64 * 1024, 128
OLDEST, NEWEST = 168 * 3600, 600
#: Out-of-order lines are taken until half of max_chunk_age (2 h) behind the newest of their stream.
BEHIND = 3600
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")


class Loki:
    """What was taken, and why the rest was not."""

    def __init__(self) -> None:
        self.streams: dict[tuple[tuple[str, str], ...], list[tuple[int, str, dict[str, str]]]] = {}
        self.refused: list[str] = []
        self.url = ""

    def push(self, body: dict[str, Any]) -> list[str]:
        """Take the lines that are within the limits; gives the reasons for the others."""
        reasons: list[str] = []
        for stream in body["streams"]:
            labels = stream["stream"]
            if found := _bad_labels(labels):
                reasons.append(found)
                continue
            kept = self.streams.setdefault(tuple(sorted(labels.items())), [])
            for value in stream["values"]:
                moment, line, metadata = int(value[0]), value[1], value[2] if len(value) > 2 else {}
                found = _bad_line(moment, line, metadata, max((entry[0] for entry in kept), default=0))
                reasons.append(found) if found else kept.append((moment, line, metadata))
        self.refused += reasons
        return reasons


def _bad_labels(labels: dict[str, str]) -> str:
    if not labels or len(labels) > LABELS:
        return "max_label_names_per_series"
    for name, value in labels.items():
        if not _NAME.fullmatch(name) or len(name) > LABEL_NAME or len(value.encode()) > LABEL_VALUE:
            return f"label {name}"
    return ""


def _bad_line(moment: int, line: str, metadata: dict[str, str], newest: int) -> str:
    now = time.time()
    seconds = moment / 1e9
    size = sum(len(name.encode()) + len(value.encode()) for name, value in metadata.items())
    reasons = {
        "line_too_long": len(line.encode()) > LINE,
        "structured_metadata_too_large": size > METADATA,
        "structured_metadata_too_many": len(metadata) > METADATA_ENTRIES,
        "greater_than_max_sample_age": seconds < now - OLDEST,
        "too_far_in_future": seconds > now + NEWEST,
        "too_far_behind": moment < newest - BEHIND * 10**9,
    }
    return next((reason for reason, is_so in reasons.items() if is_so), "")


@contextmanager
def serving() -> Iterator[Loki]:
    """A stand-in that listens on loopback."""
    loki = Loki()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            reasons = ["path"] if self.path != "/loki/api/v1/push" else loki.push(body)
            self.send_response(400 if reasons else 204)
            self.end_headers()
            self.wfile.write("; ".join(reasons).encode())

        def log_message(self, *_args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    loki.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield loki
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
