"""``manage.py worker_key``: make the worker's keys, or rotate them."""

import os
import secrets
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from accounts.actors import actor_from_terminal
from hosting.sealing import ensure_worker_key
from hosting.services.keys import rotate_worker_key


class Command(BaseCommand):
    """Make or rotate the worker's keys."""

    help = "Make the worker's sealing and queue keys (--init), or add a new sealing key and re-seal with it (--rotate)."

    def add_arguments(self, parser: CommandParser) -> None:
        """Exactly one of two."""
        group = parser.add_mutually_exclusive_group(required=True)
        group.add_argument("--init", action="store_true", help="make the keys that are missing")
        group.add_argument(
            "--rotate", action="store_true", help="add a sealing key and re-seal what nodes need with it"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it and say so."""
        if options["rotate"]:
            key_id, count = rotate_worker_key(actor=actor_from_terminal())
            self.stdout.write(f"New worker key {key_id}; {count} secrets re-sealed. Old keys stay for old journals.")
            return
        ensure_worker_key()
        _ensure_queue_key()
        self.stdout.write("Worker keys are there.")


def _ensure_queue_key() -> None:
    file = settings.NPANEL_QUEUE_KEY_FILE
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as handle:
        handle.write(secrets.token_urlsafe(48))
