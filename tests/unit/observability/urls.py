"""Views for the tests of middleware and error pages."""

from typing import NoReturn

from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import include, path

from observability import context
from observability.logging import get_logger


@login_not_required
def fine(request: HttpRequest) -> HttpResponse:
    """Answers with the trace id, after logging a line."""
    get_logger("dns_sync").info("inside the view")
    return HttpResponse(context.current().trace_id)


@login_not_required
def stream(request: HttpRequest) -> StreamingHttpResponse:
    """Answers piece by piece."""
    return StreamingHttpResponse(iter([b"a", b"b"]))


@login_not_required
def broken(request: HttpRequest) -> NoReturn:
    """Fails with secrets in variables, in the message, in the cause."""
    password = request.GET.get("p", "none")
    settings = {"nested": [{"api_key": password}], "dsn": f"mysql://u:{password}@h/x"}
    text = f"the line password={password} is in a variable"
    try:
        raise KeyError(f"token={password}")
    except KeyError as error:
        raise RuntimeError(f"could not connect with password={password} {len(settings)} {len(text)}") from error


def broken_error_page(request: HttpRequest) -> NoReturn:
    """An error page that fails in its turn."""
    raise RuntimeError("the error page is broken too")


urlpatterns = [
    path("admin/", admin.site.urls),  # error pages may link there
    path("fine", fine, name="fine"),
    path("stream", stream, name="stream"),
    path("broken", broken, name="broken"),
    path("", include("observability.urls")),
]
