"""Reading pages and sending their forms, without a browser."""

import re
from typing import Any

from django.test import Client
from django.urls import reverse


def words(answer: Any) -> str:
    """The page's text on one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.content.decode()).split())


def act(client: Client, obj: Any, action: str, /, **data: Any) -> Any:
    """Send the form of an action; follow to where it leads."""
    meta = obj._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_{action}", args=(obj.pk,))
    return client.post(url, data, follow=True)
