"""SFTP and SSH of a service: how to sign in, with which keys, and what they open."""

from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from hosting import selectors
from hosting.choices import SshMode
from hosting.models import HostingService, SshKey
from hosting.portal.access import PortalRequest, allowed, find, portal
from hosting.portal.forms import NoQuestion, PortalForm
from hosting.portal.pages import Ask, ask, page
from hosting.state.ssh import MAX_COMMENT, MAX_KEYS

_TRAIL = _("SFTP and SSH")
ADD = Ask(
    "ssh_key.add", _("Add key"), _("See what changes"),
    _("Paste the public half of a key. The private half stays on your computer, and nobody should ask you for it."),
    at_once=True,
)  # fmt: skip
MODE = Ask(
    "service.ssh", _("Change access"), _("See what changes"),
    _("Says what your keys open. Without access they are kept. Sessions that are open end."), at_once=True,
)  # fmt: skip
REMOVE = Ask(
    "ssh_key.remove", _("Remove key"), _("See what changes"),
    _("Whoever has it can sign in no more. Sessions that are open end, also those of other keys."),
    at_once=True, danger=True,
)  # fmt: skip


class KeyForm(PortalForm):
    """A public key."""

    key = forms.CharField(
        label=_("Public key"),
        max_length=4000,
        help_text=_("One line that begins with ssh-ed25519 or ssh-rsa, from a file that ends in .pub."),
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono-input", "spellcheck": "false", "autocomplete": "off"}),
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=MAX_COMMENT,
        required=False,
        help_text=_("So that you know it again, for example: Kim's laptop. Left empty, the words at its end."),
    )


class ModeForm(PortalForm):
    """What the keys open."""

    mode = forms.ChoiceField(label=_("Access"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, service: HostingService, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["mode"].choices = modes(service)  # type: ignore[attr-defined]
        self.initial.setdefault("mode", service.ssh_mode)


def modes(service: HostingService) -> list[tuple[str, Any]]:
    """What a service may have under its plan."""
    most = SshMode.values.index(service.plan.ssh)
    return list(SshMode.choices[: most + 1])


@portal
def ssh(request: PortalRequest, pk: int) -> HttpResponse:
    """How to sign in, and the keys."""
    service = find(selectors.services(request.actor).select_related("plan", "node"), pk)
    keys = list(service.ssh_keys.order_by("pk"))
    may = allowed(request, service, "ssh_key.add", "ssh_key.remove", "service.ssh")
    context = {
        "object": service,
        "keys": keys,
        "mode": service.ssh_mode,
        "label": SshMode(service.ssh_mode).label,
        "sold": service.plan.ssh != SshMode.NONE,
        "choice": len(modes(service)) > 1,
        "full": len(keys) >= MAX_KEYS,
        "may": may,
        **_door(service),
    }
    return page(request, "portal/ssh.html", context, section="services")


def _door(service: HostingService) -> dict[str, Any]:
    """Where the node is found, and how people know that it is really the node."""
    node = service.node
    known = node.facts.get("discovered", {}).get("openssh", {})
    host, port = (node.public_addresses or [node.address])[0], known.get("port", 22)
    other = f"-P {port} " if port != 22 else ""
    return {
        "host": host,
        "port": port,
        "fingerprints": [line.partition(" ")[::2] for line in known.get("fingerprints", ())],
        "sftp_command": f"sftp {other}{service.username}@{host}",
        "ssh_command": f"ssh {other.lower()}{service.username}@{host}",
    }


@portal
def add(request: PortalRequest, pk: int) -> HttpResponse:
    """One more key."""
    service = find(selectors.services(request.actor), pk)
    return _ask(request, ADD, service, service, KeyForm(request.POST if request.method == "POST" else None))


@portal
def mode(request: PortalRequest, pk: int) -> HttpResponse:
    """Change what the keys open."""
    service = find(selectors.services(request.actor).select_related("plan"), pk)
    form = ModeForm(request.POST if request.method == "POST" else None, service=service)
    return _ask(request, MODE, service, service, form)


@portal
def remove(request: PortalRequest, pk: int) -> HttpResponse:
    """Remove a key."""
    key = find(selectors.ssh_keys(request.actor), pk)
    return _ask(request, REMOVE, key.service, key, NoQuestion(request.POST if request.method == "POST" else None))


def _ask(
    request: PortalRequest,
    question: Ask,
    service: HostingService,
    subject: HostingService | SshKey,
    form: PortalForm,
) -> HttpResponse:
    back = reverse("portal:ssh", args=(service.pk,))
    about = service.username if subject is service else str(subject)
    return ask(request, question, subject, form, back=back, section="services", about=about, trail=_TRAIL)
