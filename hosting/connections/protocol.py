"""Requests and replies as frames: what goes to the agent, and what its answers mean as typed errors."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hosting.connections.agent import wire
from hosting.connections.base import Context, Http, ReadAll, Remove, Reply, Request, Run, Tcp
from hosting.errors import CommandFailed, CommandTimedOut, HostingError, NodeFileError
from hosting.texts import N_, NOTHING, Text, plain

MESSAGE_MAX = 500
# Seconds one request may take on the node when it names no timeout of its own.
_ALLOWANCE = {ReadAll.op: 10.0, Remove.op: 120.0}
_DEFAULT_ALLOWANCE = 2.0
_HINTS = {
    "no_space": N_("Free space on the node's disk (or raise the user's quota), then try again."),
    "is_link": N_("Look at the link on the node; NPanel never writes through one that somebody else could have made."),
    "no_permission": N_("Check owner and mode of the path on the node."),
    "read_only": N_("The node's file system is mounted read-only; look at its kernel log."),
    "untrusted_place": N_("Ask for it as the user whose directory it is."),
}
_NOT_FILES = {"http_failed", "tcp_failed", "not_local", "unknown_op", "bad_request", "agent_fault", "not_run"}


class ProtocolError(Exception):
    """The node's answer is not one the agent gives; the connection cannot be trusted any more."""


def encode_request(request: Request) -> dict[str, Any]:
    """One request as a JSON object with its ``op``; bytes become base64, ``None`` is left out."""
    fields = ((field.name, getattr(request, field.name)) for field in dataclasses.fields(request))
    encoded = {name: wire.to_text(v) if isinstance(v, bytes) else v for name, v in fields if v is not None}
    return {"op": request.op, **encoded}


def encode_batch(
    number: int, requests: Sequence[Request], context: Context, *, stop_on_error: bool = False, failpoint: str = ""
) -> bytes:
    """The frame of a batch.

    Raises:
        HostingError: ``batch_too_large``: nothing was sent.
    """
    message: dict[str, Any] = {
        "id": number,
        "context": dataclasses.asdict(context),
        "stop_on_error": stop_on_error,
        "requests": [encode_request(request) for request in requests],
    }
    if failpoint:
        message["failpoint"] = failpoint
    try:
        return wire.frame(wire.encode(message))
    except (wire.MalformedFrame, ValueError, TypeError) as error:
        raise HostingError(
            N_("The requests cannot be sent to the node: %(error)s.", error=error), code="batch_too_large"
        ) from error


def allowed_seconds(requests: Sequence[Request]) -> float:
    """Seconds the node may take for a batch: the requests' own timeouts, and a small allowance for the others."""
    return sum(
        request.timeout + 1.0
        if isinstance(request, Run | Http | Tcp)
        else _ALLOWANCE.get(request.op, _DEFAULT_ALLOWANCE)
        for request in requests
    )


def decode_replies(message: Mapping[str, Any], requests: Sequence[Request]) -> list[Reply | HostingError]:
    """The answers of a batch, in the order of its requests.

    Raises:
        ProtocolError: there are not as many as requests, or one is malformed.
    """
    answers = message.get("replies")
    if not isinstance(answers, list) or len(answers) != len(requests):
        raise ProtocolError("the number of answers is wrong")
    return [decode_reply(answer, request) for answer, request in zip(answers, requests, strict=True)]


def decode_reply(answer: Any, request: Request) -> Reply | HostingError:
    """One answer as a Reply, or as the error it stands for.

    Raises:
        ProtocolError: it is neither.
    """
    if not isinstance(answer, dict):
        raise ProtocolError("an answer is no object")
    if "error" in answer:
        return _error(answer["error"], request)
    return _reply(answer)


def _binary(value: Any) -> bytes:
    if not isinstance(value, str):
        raise ProtocolError("an answer's bytes are no text")
    try:
        return wire.to_bytes(value)
    except ValueError as error:
        raise ProtocolError("an answer's bytes are no base64") from error


def _typed(kind: type) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if type(value) is not kind:
            raise ProtocolError(f"an answer's field is no {kind.__name__}")
        return value

    return check


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ProtocolError("an answer's field is no number")
    return float(value)


def _headers(value: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not all(
        isinstance(pair, list) and [type(part) for part in pair] == [str, str] for pair in value
    ):
        raise ProtocolError("an answer's headers are no pairs of texts")
    return tuple((name, content) for name, content in value)


def _entries(value: Any) -> dict[str, Reply]:
    if not isinstance(value, dict) or not all(isinstance(entry, dict) for entry in value.values()):
        raise ProtocolError("an answer's entries are no objects")
    # A directory holds no directory's listing: one level is all there is.
    return {name: _reply({**entry, "entries": {}}) for name, entry in value.items()}


_DECODERS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("stdout", "stderr", "data"), _binary),
    **dict.fromkeys(("exit_status", "status", "mode", "size", "links"), _typed(int)),
    **dict.fromkeys(("owner", "group", "type", "target"), _typed(str)),
    **dict.fromkeys(("exists", "changed", "truncated"), _typed(bool)),
    **dict.fromkeys(("mtime", "seconds"), _number),
    "headers": _headers,
    "entries": _entries,
}


def _reply(answer: Mapping[str, Any]) -> Reply:
    known = {name: decode(answer[name]) for name, decode in _DECODERS.items() if answer.get(name) not in (None, {})}
    return Reply(**known)


def _error(error: Any, request: Request) -> HostingError:
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        raise ProtocolError("an answer's error has no code")
    code, message = error["code"], printable(str(error.get("message", "")))
    if isinstance(request, Run) and code not in _NOT_FILES:
        return _command_error(code, message, error, request)
    if code == "not_run":
        return HostingError(N_("Not run: %(message)s.", message=message), code="not_run", permanent=False)
    if code in _NOT_FILES:
        return HostingError(
            N_("The node answered: %(message)s.", message=message), code=f"node_{code}", permanent=False
        )
    return NodeFileError(
        N_("The node refused a file request: %(message)s.", message=message), hint=_HINTS.get(code, NOTHING)
    )


def _command_error(code: str, message: str, error: Mapping[str, Any], request: Run) -> CommandFailed:
    status = error.get("exit_status", -1)
    if type(status) is not int:
        raise ProtocolError("an exit status is no number")
    said = _binary(error.get("stderr", "")).strip() or _binary(error.get("stdout", "")).strip()
    kind = CommandTimedOut if code == "command_timed_out" else CommandFailed
    return kind(_command_detail(request, plain(message), said), argv=request.argv, exit_status=status)


def command_error(request: Run, reply: Reply) -> CommandFailed:
    """The error that stands for a program's ending with a status that was not expected."""
    said = reply.stderr.strip() or reply.stdout.strip()
    detail = _command_detail(request, N_("ended with %(status)s", status=reply.exit_status), said)
    return CommandFailed(detail, argv=request.argv, exit_status=reply.exit_status)


def _command_detail(request: Run, message: Text, said: bytes) -> Text:
    """Program, what happened, and the start of its error output, in at most MESSAGE_MAX characters."""
    program = request.argv[0]
    left = MESSAGE_MAX - len(f"{program}: {message}: ")
    if left < 0:
        return plain(f"{program}: {message}"[:MESSAGE_MAX])
    words = printable(said.decode("utf-8", "replace"))[:left]
    if said and words:
        return N_("%(program)s: %(message)s: %(said)s", program=program, message=message, said=words)
    return N_("%(program)s: %(message)s", program=program, message=message)


def printable(text: str) -> str:
    """The start of a text from a node, fit for a page or a terminal: no control characters but newlines."""
    kept = (char if char == "\n" or char.isprintable() else " " for char in text[: 2 * MESSAGE_MAX])
    return "".join(kept)[:MESSAGE_MAX].strip().rstrip(".")
