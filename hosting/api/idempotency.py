"""A request that is sent again with its Idempotency-Key does its work once, and gets the same answer."""

import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from hosting.api.problems import Refusal
from hosting.models import ApiIdempotencyKey
from hosting.operations.webhook_sender import KEYS_LIVE
from hosting.transactions import retried

HEADER = "Idempotency-Key"
REPLAYED = "Idempotency-Replayed"
#: No request takes longer: one that has not answered by then died with its process, and its work was rolled back.
_CLAIM = timedelta(seconds=60)
#: Shown once, so never kept.
_SECRET_FIELDS = frozenset({"secret", "token"})

Work = Callable[[], Response]


def once(request: Request, work: Work, *, atomic: bool = True) -> Response:
    """Do the work of a request, or give the answer that it got when it was sent before.

    Only answers of work that was done are kept: what was refused has changed nothing, and may be tried again with the
    same key. The answer is written in the transaction of the work itself, so that there is never one without the other.

    Args:
        atomic: False where the work commits by itself, because it records refusals, and can't be done twice anyway.
            Should the process end before the answer is kept, the next request with the key meets what was done.

    Raises:
        Refusal: ``bad_idempotency_key``, ``idempotency_key_reused``, ``request_in_progress``.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return work()
    if not 1 <= len(key) <= 200 or not all("!" <= character <= "~" for character in key):
        raise Refusal("bad_idempotency_key", _("An Idempotency-Key is 1 to 200 visible ASCII characters."))
    row, answer = _claim(request, key)
    return answer or _carry_out(row, work, _answered if atomic else _kept_afterwards)


def _claim(request: Request, key: str) -> tuple[ApiIdempotencyKey, Response | None]:
    """The key's row, claimed for this request; or with the answer that was given before."""
    digest, now = _digest(request), timezone.now()
    ApiIdempotencyKey.objects.filter(user=request.user, key=key, created_at__lt=now - KEYS_LIVE).delete()
    row = ApiIdempotencyKey(user=request.user, key=key, digest=digest, claimed_at=now, created_at=now)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        return _claim_again(request, key, digest)
    return row, None


def _claim_again(request: Request, key: str, digest: str) -> tuple[ApiIdempotencyKey, Response | None]:
    known = ApiIdempotencyKey.objects.filter(user=request.user, key=key).first()
    if known is None:  # its first request was refused just now
        raise _in_progress()
    if known.digest != digest:
        raise Refusal(
            "idempotency_key_reused",
            _("This Idempotency-Key was used for another request."),
            hint=_("Use a new key for each thing you ask for."),
        )
    if known.status is not None:
        return known, _replay(known)
    now, claim = timezone.now(), uuid.uuid4()
    dead = ApiIdempotencyKey.objects.filter(pk=known.pk, status=None, claimed_at__lt=now - _CLAIM)
    if not dead.update(claim=claim, claimed_at=now):
        raise _in_progress()
    known.claim = claim
    return known, None


def _carry_out(row: ApiIdempotencyKey, work: Work, way: Callable[[ApiIdempotencyKey, Work], Response]) -> Response:
    try:
        return way(row, work)
    except BaseException:
        ApiIdempotencyKey.objects.filter(pk=row.pk, claim=row.claim, status=None).delete()
        raise


@retried
def _answered(row: ApiIdempotencyKey, work: Work) -> Response:
    response = work()
    if not _keep(row, response):
        raise _in_progress()  # somebody has taken over meanwhile: this work is rolled back
    return response


def _kept_afterwards(row: ApiIdempotencyKey, work: Work) -> Response:
    response = work()
    _keep(row, response)
    return response


def _keep(row: ApiIdempotencyKey, response: Response) -> bool:
    mine = ApiIdempotencyKey.objects.filter(pk=row.pk, claim=row.claim, status=None)
    location = response.headers.get("Location", "")
    return bool(mine.update(status=response.status_code, body=_keepable(response.data), location=location))


def _keepable(data: Any) -> Any:
    """The answer as plain JSON, without what is shown once."""
    if not isinstance(data, dict):
        return data
    shown = {name: None if name in _SECRET_FIELDS else value for name, value in data.items()}
    return json.loads(JSONRenderer().render(shown))  # ids and times as the client reads them


def _replay(row: ApiIdempotencyKey) -> Response:
    headers = {REPLAYED: "true"} | ({"Location": row.location} if row.location else {})
    return Response(row.body, status=row.status, headers=headers)


def _in_progress() -> Refusal:
    return Refusal("request_in_progress", _("A request with this Idempotency-Key is being carried out."), wait=1)


def _digest(request: Request) -> str:
    """What makes two requests the same: method, address and body (of the underlying request, read once by Django)."""
    text = f"{request.method} {request.get_full_path()}\n".encode() + request._request.body
    return salted_hmac("npanel.api.idempotency", text, algorithm="sha256").hexdigest()
