"""Letters to people: rendered at once, sent beside the request, so that its time tells nothing."""

import threading
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from observability.logging import get_logger
from observability.operations import LETTER


def send_later(letter: EmailMessage) -> None:
    """Send a letter in a thread of its own; a server that refuses it is logged."""
    threading.Thread(target=_send, args=(letter,), name="letter").start()


def write(template: str, email: str, context: dict[str, Any]) -> EmailMessage:
    """A letter from ``<template>_subject.txt`` and ``<template>_message.txt``."""
    subject = " ".join(render_to_string(f"{template}_subject.txt", context).split())
    body = render_to_string(f"{template}_message.txt", context).strip() + "\n"
    return EmailMessage(subject, body, settings.DEFAULT_FROM_EMAIL, [email])


def _send(letter: EmailMessage) -> None:
    log = get_logger(LETTER)
    try:
        letter.send()
    except OSError as error:
        log.error("letter not sent", status="failed", error_code="mail_refused", error_message=type(error).__name__)
    else:
        log.info("letter sent", status="success")
