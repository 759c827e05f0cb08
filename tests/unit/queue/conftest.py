"""A worker's process and a web process, as far as the queue can tell them apart."""

from collections.abc import Iterator

import pytest
from django_q.conf import Conf


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, settings: object) -> None:
    """This process has no queue key: django-q2 falls back to the web's SECRET_KEY."""
    monkeypatch.setattr(Conf, "SECRET_KEY", settings.SECRET_KEY)  # type: ignore[attr-defined]
    monkeypatch.setattr(Conf, "BROKER_CLASS", None)
    monkeypatch.setattr(Conf, "SCHEDULER", True)


@pytest.fixture
def worker(web: None) -> Iterator[None]:
    """This process has the queue key."""
    from hosting.operations.dispatcher import install_queue_key

    install_queue_key()
    yield  # monkeypatch of ``web`` puts everything back
