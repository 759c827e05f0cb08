"""The operators' interface with one more page, which a bug of its own breaks."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from npanel.urls_admin import handler500
from npanel.urls_admin import urlpatterns as all_others

__all__ = ["handler500", "urlpatterns"]
#: What the bug says.
words = ""


def breaks(_request: HttpRequest) -> HttpResponse:
    """Raise, with a cause that says it too."""
    try:
        raise KeyError(words)
    except KeyError as error:
        raise RuntimeError(f"again {words}") from error


urlpatterns = [path("admin/breaks/", breaks), *all_others]
