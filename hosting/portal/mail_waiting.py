"""Mail of one's own services that waits: to whom, since when, why; and another try."""

from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.policies import Policy
from hosting.portal.access import PortalRequest, find, portal
from hosting.portal.forms import NoQuestion
from hosting.portal.pages import Ask, ask, page, rows_by_name

RETRY = Ask(
    "mail_queue.retry", _("Try again now"), _("Try again now"), plans=False,
    note=_("The mail server tries by itself again and again, for four days. This asks it to try at once."),
    done=_("It is being tried now. Look again in a moment."),
)  # fmt: skip


@portal
def waiting(request: PortalRequest) -> HttpResponse:
    """Messages that services of one's own sent, or are to get, and that have not arrived yet."""
    found = rows_by_name(selectors.queued_messages(request.actor), request, "message_id")
    policy, able = Policy(request.actor), dict[int | None, bool]()
    for row in found.rows:  # asked once for each service
        if row.service_id not in able:
            able[row.service_id] = policy.may(RETRY.use, row)
    items = [{"message": row, "may": not row.held and able[row.service_id]} for row in found.rows]
    return page(request, "portal/mail_waiting.html", {"rows": found, "items": items}, section="mail")


@portal
def retry(request: PortalRequest, pk: int) -> HttpResponse:
    """Another try, at once."""
    row = find(selectors.queued_messages(request.actor), pk)
    form = NoQuestion(request.POST if request.method == "POST" else None)
    about = ", ".join(row.recipients[:3])
    back = reverse("portal:mail_waiting")
    return ask(request, RETRY, row, form, back=back, section="mail", about=about, trail=_("Waiting mail"))
