"""The page of a request that broke: it needs no database, and names the trace under which the log says why."""

from django.http import HttpRequest, HttpResponse
from django.template import loader


def broken(request: HttpRequest) -> HttpResponse:
    """Django's own would leave the request out, and with it the trace; context processors may be what broke."""
    return HttpResponse(loader.get_template("500.html").render({"request": request}), status=500)
