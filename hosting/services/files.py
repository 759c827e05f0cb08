"""Puts a file into a customer's site, as that customer: content is theirs, so it is no Resource and has no plan."""

import posixpath
import re

from audit.actor import Actor
from audit.choices import Outcome
from audit.record import record, record_outcome
from hosting.connections.base import Context, Stat, Write
from hosting.errors import HostingError
from hosting.models import Domain, HostingService
from hosting.operations.nodes import connect
from hosting.operations.outcome import pause_node
from hosting.texts import N_
from hosting.verbs import FILE_UPLOAD
from observability.context import current

_PATH = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_LIMIT = 4 * 1024 * 1024


def upload_file(*, actor: Actor, domain: Domain, path: str, data: bytes) -> None:
    """Write one file below a domain's document root (needs the worker's key).

    Args:
        path: relative, e.g. ``index.php``; links in it are not followed.
        data: at most 4 MiB.

    Raises:
        HostingError: ``bad_path``, ``too_large``, ``document_root_missing``, or what the node says.
    """
    if not _PATH.fullmatch(path):
        raise HostingError(
            N_("%(path)s is not a relative path of plain names.", path=repr(path[:80])), code="bad_path", field="path"
        )
    if len(data) > _LIMIT:
        raise HostingError(N_("The file is larger than 4 MiB."), code="too_large", hint=N_("Use SFTP for large files."))
    service = domain.service
    root = f"{service.home}/{domain.root}"
    connection, context = connect(service.node), Context(trace_id=current().trace_id)
    requests = [
        Stat(root, user=service.username),
        Write(posixpath.join(root, path), data, mode=0o644, user=service.username, parents=True),
    ]
    asked: dict[str, object] = {"path": f"{domain.name}/{path}", "bytes": len(data)}
    record(
        verb=FILE_UPLOAD,
        actor=actor,
        target=service,
        outcome=Outcome.REQUESTED,
        after=asked,
        node=service.node.name,
    )
    try:
        for answer in connection.batch(requests, context=context, stop_on_error=True):
            if isinstance(answer, HostingError):
                raise answer
    except HostingError as error:
        _record_end(actor, service, asked, Outcome.FAILED, error.detail)
        raise
    _record_end(actor, service, asked, Outcome.SUCCEEDED)


def _record_end(
    actor: Actor, service: HostingService, asked: dict[str, object], outcome: Outcome, reason: str = ""
) -> None:
    """What became of it; when that can only be spooled, nothing more is done on the node until it is recorded."""
    event = record_outcome(
        verb=FILE_UPLOAD,
        actor=actor,
        target=service,
        outcome=outcome,
        reason=reason,
        after=asked,
        node=service.node.name,
    )
    if event is None:
        pause_node(service.node)
