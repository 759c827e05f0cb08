"""Encrypts and decrypts streams with age(1), which holds the recipients' format (https://age-encryption.org/v1)."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

_PROGRAM = "age"
_SECONDS_TO_END = 60


class AgeFailed(Exception):
    """age is not there, or refused; the text is its own, without keys."""


@contextmanager
def encrypting(target: IO[bytes], recipients: Sequence[str]) -> Iterator[IO[bytes]]:
    """A stream whose bytes arrive in ``target`` encrypted to ``recipients`` (public keys, which may be in argv).

    Raises:
        AgeFailed: a recipient is malformed, or age ended early.
    """
    arguments = [_PROGRAM, "--encrypt"]
    for recipient in recipients:
        arguments += ["--recipient", recipient]
    with tempfile.TemporaryFile() as complaint:
        process = _start(arguments, stdin=subprocess.PIPE, stdout=target, stderr=complaint)
        stream = cast(IO[bytes], process.stdin)
        try:
            yield stream
            stream.close()
        except BrokenPipeError as error:
            _end(process)
            raise AgeFailed(_text(complaint)) from error
        except BaseException:
            _end(process)
            raise
        _check(process, complaint)


@contextmanager
def decrypting(source: IO[bytes], identity: Path) -> Iterator[IO[bytes]]:
    """A stream of what ``source`` holds encrypted to the key in the file ``identity``.

    Raises:
        AgeFailed: the key is not a recipient's, or the bytes were changed.
    """
    with tempfile.TemporaryFile() as complaint:
        arguments = [_PROGRAM, "--decrypt", "--identity", str(identity)]
        process = _start(arguments, stdin=source, stdout=subprocess.PIPE, stderr=complaint)
        stream = cast(IO[bytes], process.stdout)
        try:
            yield stream
            ended = not stream.read(1)
        except EOFError as error:  # gzip met the end before its own: age has stopped
            _end(process)
            raise AgeFailed(_text(complaint)) from error
        except BaseException:
            _end(process)
            raise
        if not ended:
            _end(process)  # the reader has had enough
            return
        stream.close()
        _check(process, complaint)


def _start(arguments: list[str], **streams: object) -> "subprocess.Popen[bytes]":
    try:
        return subprocess.Popen(arguments, **streams)  # type: ignore[call-overload]
    except FileNotFoundError as error:
        raise AgeFailed("The program age is not installed.") from error


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            try:
                stream.close()
            except BrokenPipeError:
                continue  # what was still buffered has nowhere to go
    process.wait(_SECONDS_TO_END)


def _check(process: "subprocess.Popen[bytes]", complaint: IO[bytes]) -> None:
    if process.wait(_SECONDS_TO_END):
        raise AgeFailed(_text(complaint))


def _text(complaint: IO[bytes]) -> str:
    complaint.seek(0)
    return complaint.read(500).decode("utf-8", "replace").strip() or "age ended without a word."
