"""The language of the pages, as a person chooses it in the portal's menu."""

from django.conf import settings
from django.http import HttpResponse
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from accounts.services.people import change_own_profile
from hosting.portal.access import PortalRequest, portal


@require_POST
@portal
def language(request: PortalRequest) -> HttpResponse:
    """Show the pages in another language, from the next one on, wherever the person signs in.

    Somebody who acts as another person does not change what that person chose.
    """
    chosen = request.POST.get("language", "")
    if chosen in dict(settings.LANGUAGES) and not request.actor.impersonator_id:
        change_own_profile(actor=request.actor, user=request.user, language=chosen)
    return set_language(request)
