"""Template tags of the console: icons, badges, times, sizes, diffs and pages of lists."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import idna
from django import template
from django.contrib.admin.utils import quote
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.choices import Outcome
from audit.errors import UnknownVerb
from audit.verbs import get_verb
from hosting.choices import TONES
from hosting.numbers import decimal
from hosting.operations.present import DiffRow, diff_rows, kind_label
from hosting.texts import Text
from hosting.translated import told, translated

register = template.Library()

_JUST_NOW_S = 10
_UNITS = (
    (60, 1, lambda n: ngettext("%d second ago", "%d seconds ago", n)),
    (3_600, 60, lambda n: ngettext("%d minute ago", "%d minutes ago", n)),
    (86_400, 3_600, lambda n: ngettext("%d hour ago", "%d hours ago", n)),
    (30 * 86_400, 86_400, lambda n: ngettext("%d day ago", "%d days ago", n)),
)
_OUTCOME_TONES = {
    Outcome.REQUESTED: "info",
    Outcome.SUCCEEDED: "good",
    Outcome.FAILED: "bad",
    Outcome.ROLLED_BACK: "warn",
    Outcome.DENIED: "bad",
}
#: What an empty list says: icon and sentence, by model.
_EMPTY = {
    "customer": ("users", gettext_lazy("No customers yet. A customer is who owns hosting services.")),
    "hostingservice": ("box", gettext_lazy("No hosting services yet. A service is one site's home on a node.")),
    "hostingplan": ("layers", gettext_lazy("No plans yet. A plan is a set of limits that you sell.")),
    "node": ("server", gettext_lazy("No nodes yet. A node is a Debian server that carries hosting services.")),
    "domain": ("globe", gettext_lazy("No domains yet. They come with hosting services.")),
    "dnsrecord": ("list", gettext_lazy("No DNS records yet. They come with domains.")),
    "certificate": ("lock", gettext_lazy("No certificates yet. Upload one on a domain's page.")),
    "database": ("database", gettext_lazy("No databases yet. Add one on a service's page.")),
    "databaseuser": ("key-round", gettext_lazy("No database users yet. Add one on a service's page.")),
    "ftpaccount": ("hard-drive", gettext_lazy("No FTP accounts yet. Add one on a service's page.")),
    "maildomain": ("mail", gettext_lazy("No mail domains yet. Turn mail on, on a domain's page.")),
    "mailbox": ("mail", gettext_lazy("No mailboxes yet. Add one on a mail domain's page.")),
    "mailalias": ("at-sign", gettext_lazy("No mail aliases yet. Add one on a mail domain's page.")),
    "operation": ("activity", gettext_lazy("No operations yet. Whatever changes a node appears here.")),
    "bulkrun": ("list", gettext_lazy("No bulk runs yet. Tick services in their list to do the same for many.")),
    "driftitem": ("circle-check", gettext_lazy("No drift: every node that was scanned is as wanted.")),
    "maillookup": ("search", gettext_lazy("Nobody has asked what became of mail within the last day.")),
    "queuedmessage": ("circle-check", gettext_lazy("No message waits on any node.")),
    "incident": (
        "circle-check",
        gettext_lazy("No incidents. Each alert that Alertmanager tells of becomes one: docs/how-to/monitor.md."),
    ),
    "event": ("scroll-text", gettext_lazy("Nothing has been recorded yet.")),
}


@register.simple_tag
def icon(name: str, extra: str = "") -> str:
    """An icon of the sprite, for the eye only."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}#{}"></use></svg>',
        extra, static("npanel/icons.svg"), name,
    )  # fmt: skip


@register.simple_tag
def badge(word: Any, value: str) -> str:
    """A state as a word with the colour of its value."""
    return format_html('<span class="badge tone-{}">{}</span>', TONES.get(str(value), "neutral"), word)


@register.filter
def ago(moment: datetime | None) -> str:
    """A time as people say it, with the exact one on hover."""
    if moment is None:
        return _("never")
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), exact(moment), _ago(moment))


@register.filter
def exact(moment: datetime | None) -> str:
    """A time in ISO form, to the second, in UTC."""
    return "" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _ago(moment: datetime) -> str:
    seconds = int((timezone.now() - moment).total_seconds())
    if seconds < _JUST_NOW_S:
        return _("just now")
    for limit, size, word in _UNITS:
        if seconds < limit:
            return word(seconds // size) % (seconds // size)
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


@register.filter
def duration(seconds: float | None) -> str:
    """A duration with the two units that matter."""
    if seconds is None:
        return ""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return number_format(round(seconds, 1), 1) + " s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


@register.filter
def megabytes(size: int | None) -> str:
    """A size given in MiB."""
    if size is None:
        return _("unlimited")
    return f"{size} MB" if size < 1024 else decimal(size / 1024, 1) + " GB"


@register.filter
def error_detail(error: dict[str, Any] | None) -> str:
    """What a stored error says, in the reader's language."""
    return translated(error)[0]


@register.filter
def error_hint(error: dict[str, Any] | None) -> str:
    """What to do about a stored error, in the reader's language."""
    return translated(error)[1]


@register.filter
def sentence(text: Text) -> str:
    """A text of the lower layers, in the reader's language."""
    return told(text)


@register.filter
def moment(text: Any) -> datetime | None:
    """A time from JSON (None if it is none)."""
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None


@register.filter
def limit(number: int | None) -> str:
    """A limit of a plan; an empty one means unlimited."""
    return _("unlimited") if number is None else str(number)


@register.filter
def diff(lines: Sequence[str]) -> list[DiffRow]:
    """The rows of a unified diff."""
    return diff_rows(lines)


@register.filter
def unicode_name(name: str) -> str:
    """A host name as its owner writes it; the stored spelling when it has no other."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except idna.IDNAError:
        return name


@register.filter
def unicode_address(address: str) -> str:
    """An e-mail address with its domain as its owner writes it."""
    person, at, domain = address.rpartition("@")
    return f"{person}{at}{unicode_name(domain)}"


@register.filter
def pretty_json(value: Any) -> str:
    """JSON for people."""
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


@register.filter
def command_line(argv: Sequence[str]) -> str:
    """Arguments as a line to read (never to run: nothing here goes through a shell)."""
    return " ".join(part if part and not any(c in part for c in " \"'\n") else json.dumps(part) for part in argv)


@register.filter
def initials(login: str) -> str:
    """Two letters for a person."""
    return "".join(c for c in str(login) if c.isalnum())[:2].upper()


@register.simple_tag
def chosen(choices: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The choice of a filter that is in force, with the link that takes it away; None for "all"."""
    for choice in choices[1:]:
        if choice["selected"]:
            return {**choice, "remove": choices[0]["query_string"]}
    return None


@register.inclusion_tag("admin/npanel/field.html")
def field(bound: Any) -> dict[str, Any]:
    """A form field with label, help and errors."""
    return {"field": bound, "checkbox": getattr(bound.field.widget, "input_type", "") == "checkbox"}


@register.filter
def admin_list_name(opts: Any) -> str:
    """The URL name of a model's list."""
    return f"admin:{opts.app_label}_{opts.model_name}_changelist"


@register.filter
def admin_add_name(opts: Any) -> str:
    """The URL name of a model's form."""
    return f"admin:{opts.app_label}_{opts.model_name}_add"


@register.simple_tag
def action_url(subject: Any, action: Any) -> str:
    """The page of an action on an object; the action may be given by name."""
    name = getattr(action, "name", action)
    meta = subject._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{name}", args=(quote(subject.pk),))


@register.simple_tag
def page_of(subject: Any) -> str:
    """The page of an object."""
    meta = subject._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=(quote(subject.pk),))


@register.filter
def all_readonly(fieldset: Any) -> bool:
    """Whether a fieldset only shows values."""
    return all(item.is_readonly for line in fieldset for item in line)


@register.filter
def verb_label(name: str) -> str:
    """What people read for an audit verb (its name where nobody knows it any more)."""
    try:
        return capfirst(str(get_verb(name).label))
    except UnknownVerb:
        return name


@register.simple_tag
def outcome_badge(event: Any) -> str:
    """The outcome of an audit event."""
    tone = _OUTCOME_TONES.get(event.outcome, "neutral")
    return format_html('<span class="badge tone-{}">{}</span>', tone, event.get_outcome_display())


@register.inclusion_tag("admin/npanel/empty.html")
def empty_state(opts: Any, may_add: bool) -> dict[str, Any]:
    """What an empty list says, and what to do about it."""
    icon_name, text = _EMPTY.get(opts.model_name, ("list", _("Nothing here yet.")))
    url = reverse(admin_add_name(opts)) if may_add else ""
    return {"icon_name": icon_name, "text": text, "url": url, "action": _("New %s") % opts.verbose_name}


@register.filter
def kind_words(kind: str) -> str:
    """What people call a kind of Resource."""
    return kind_label(kind)


@register.filter
def forward_count(journal: Sequence[Any]) -> int:
    """How many changes an operation had begun."""
    return sum(not entry.backward for entry in journal)
