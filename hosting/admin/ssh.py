"""Public keys that sign in to services over SFTP or SSH, and what they open."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_from_request
from audit.actor import Actor
from hosting import selectors
from hosting.admin import cells
from hosting.admin.filters import ServiceScope
from hosting.admin.forms import AskForm
from hosting.admin.pages import Action, ObjectAdmin
from hosting.choices import SshMode
from hosting.models import HostingService, Operation, SshKey
from hosting.services import ssh
from hosting.state.ssh import MAX_COMMENT


class SshKeyForm(AskForm):
    """A public key."""

    key = forms.CharField(
        label=_("Public key"),
        max_length=4000,
        help_text=_("One line from a file that ends in .pub, for example id_ed25519.pub."),
        widget=forms.Textarea(attrs={"rows": 4, "class": "mono-input", "spellcheck": "false"}),
    )
    name = forms.CharField(
        label=_("Name"), max_length=MAX_COMMENT, required=False, help_text=_("Left empty, the words at its end.")
    )


class SshModeForm(AskForm):
    """What the keys open."""

    mode = forms.ChoiceField(label=_("SSH access"), choices=SshMode.choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("mode", self.subject.ssh_mode)


def _add(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return ssh.add_ssh_key(actor=actor, service=service, **data)


def _remove(actor: Actor, key: SshKey, data: dict[str, Any]) -> Operation:
    return ssh.remove_ssh_key(actor=actor, key=key, **data)


def _set(actor: Actor, service: HostingService, data: dict[str, Any]) -> Operation:
    return ssh.set_ssh_access(actor=actor, service=service, **data)


ADD_SSH_KEY = Action("add-ssh-key", _("Add SSH key"), _("Plan the key"), _add, SshKeyForm, icon="key-round")
SET_SSH = Action(
    "ssh", _("Change SSH access"), _("Plan the change"), _set, SshModeForm, icon="terminal",
    note=_("Says what the keys of this service open. “No access” keeps them. Sessions that are open end."),
)  # fmt: skip
REMOVE_SSH_KEY = Action(
    "remove", _("Remove SSH key"), _("Plan the removal"), _remove, danger=True, icon="trash-2",
    note=_("It signs in no more, and open sessions of the service end."),
)  # fmt: skip


@admin.register(SshKey)
class SshKeyAdmin(ObjectAdmin):
    """SSH keys."""

    list_display = ("label", "service_name", "type", "created")
    list_display_links = ("label",)
    list_filter = (ServiceScope,)
    search_fields = ("fingerprint__startswith", "comment__startswith")
    search_help_text = _("Fingerprint or name, from the beginning")
    object_template = "admin/npanel/ssh_key.html"
    object_actions = (REMOVE_SSH_KEY,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[SshKey]:
        found = selectors.ssh_keys(actor_from_request(request)).select_related(None)
        return found.prefetch_related("service__node", "service__plan")

    def facts(self, request: HttpRequest, obj: SshKey, tab: str) -> dict[str, Any]:
        return {"menu": [REMOVE_SSH_KEY] if obj.service.is_live else []}

    @admin.display(description=_("name"), ordering="comment")
    def label(self, key: SshKey) -> str:
        return str(key)

    @admin.display(description=_("service"))
    def service_name(self, key: SshKey) -> str:
        return cells.link(key.service)

    @admin.display(description=_("created"), ordering="id")
    def created(self, key: SshKey) -> str:
        return cells.when(key.created_at)
