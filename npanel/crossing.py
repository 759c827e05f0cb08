"""What an address of one interface answers on the other."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt


@csrf_exempt
@login_not_required
def other_interface(request: HttpRequest, rest: str = "") -> HttpResponse:
    """403 to everybody, whatever the method: this process does not serve that address (OPERATIONS.md §1)."""
    context = {
        "title": _("Not on this interface"),
        "text": _("This address belongs to another interface of the panel, which has an address of its own."),
    }
    return HttpResponse(render_to_string("403_interface.html", context, request), status=403)
