"""The console's search: one line of text, what begins with it, in groups. Each group is one short look at an index."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.keyset import begins, search
from audit.actor import Actor
from audit.admin import search as event_search
from audit.models import Event
from hosting import selectors
from hosting.admin.cells import address_of
from hosting.choices import TONES
from hosting.models import HostingService, Node, Operation
from hosting.templatetags.console import unicode_address, unicode_name, verb_label
from observability.context import valid_trace_id

#: Rows of a group when everything is searched, and when one prefix is.
FEW, MANY = 5, 20
_TRACE = re.compile(r"[0-9a-f]{8,32}")
_ADDRESS = re.compile(r"(?=.*[.:])(?=.*[0-9])[0-9a-f.:]{3,45}")
_HEX = re.compile(r"[0-9a-f-]{32,36}")


@dataclass(frozen=True)
class Hit:
    """One thing that was found: what it is called, what else helps to tell it apart, and its state."""

    title: str
    note: str
    url: str
    state: str = ""
    tone: str = "neutral"
    since: Any = None


@dataclass(frozen=True)
class Group:
    """What was found of one sort, and the list that shows all of it."""

    title: Any
    icon: str
    hits: list[Hit]
    more: str = ""


@dataclass(frozen=True)
class Sort:
    """One sort of thing that can be searched for."""

    title: Any
    icon: str
    find: Callable[[Actor, str, int], Iterable[Hit]]
    #: The list behind "all", and what its search box is asked (the text goes where the %s is).
    page: str = ""
    asks: str = "%s"

    def group(self, actor: Actor, text: str, limit: int) -> Group:
        """The first hits, and a link to the others where there are any."""
        hits = list(self.find(actor, text, limit + 1))
        more = f"{reverse(self.page)}?{urlencode({'q': self.asks % text})}" if self.page and len(hits) > limit else ""
        return Group(self.title, self.icon, hits[:limit], more)


def _services(actor: Actor, text: str, limit: int) -> list[Hit]:
    return _service_hits(selectors.services(actor).filter(begins("username", text)).order_by("username", "id")[:limit])


def _services_by_all(actor: Actor, text: str, limit: int) -> list[Hit]:
    paths = ("username__startswith", "domains__name__startswith")
    return _service_hits(search(selectors.services(actor), paths, text).order_by("username", "id")[:limit])


def _service_hits(services: QuerySet[HostingService]) -> list[Hit]:
    plain = services.select_related(None).prefetch_related("customer", "domains")
    return [_service_hit(service) for service in plain]


def _service_hit(service: HostingService) -> Hit:
    main = next((unicode_name(domain.name) for domain in service.domains.all() if domain.is_primary), "")
    return _hit(service, _joined(main, str(service.customer)), service.get_state_display(), service.state)


def _domains(actor: Actor, text: str, limit: int) -> list[Hit]:
    found = _plain(selectors.domains(actor)).filter(begins("name", text)).order_by("name", "id")[:limit]
    return [
        Hit(unicode_name(domain.name), _("of %s") % domain.service, address_of(domain),
            str(_("Main domain")) if domain.is_primary else "")
        for domain in found
    ]  # fmt: skip


def _customers(actor: Actor, text: str, limit: int) -> list[Hit]:
    paths = ("name__startswith", "email__startswith")
    found = search(selectors.customers(actor), paths, text).order_by("name", "id")[:limit]
    return [_hit(customer, unicode_address(customer.email)) for customer in found]


def _people(actor: Actor, text: str, limit: int) -> list[Hit]:
    paths = ("email__startswith", "name__startswith")
    found = search(selectors.people(actor), paths, text).order_by("email")[:limit]
    return [
        _hit(person, _joined(person.name, person.get_role_display()), "" if person.is_active else _("May not sign in"))
        for person in found
    ]


def _databases(actor: Actor, text: str, limit: int) -> list[Hit]:
    found = _plain(selectors.databases(actor)).filter(begins("name", text)).order_by("name")[:limit]
    return [_hit(database, _("of %s") % database.service) for database in found]


def _database_users(actor: Actor, text: str, limit: int) -> list[Hit]:
    found = _plain(selectors.database_users(actor)).filter(begins("name", text)).order_by("name", "host")[:limit]
    return [_hit(account, _("of %s") % account.service) for account in found]


def _mailboxes(actor: Actor, text: str, limit: int) -> list[Hit]:
    return _address_hits(selectors.mailboxes(actor), text, limit)


def _mail_aliases(actor: Actor, text: str, limit: int) -> list[Hit]:
    return _address_hits(selectors.mail_aliases(actor), text, limit)


def _address_hits(rows: QuerySet[Any], text: str, limit: int) -> list[Hit]:
    """Addresses by what stands before the @, and behind it where that is given."""
    name, at, host = text.partition("@")
    wanted = Q(local_part=name.lower()) if at else begins("local_part", text)
    if host:
        wanted &= begins("mail__domain__name", host)
    plain = rows.select_related(None).prefetch_related("mail__domain__service")
    found = plain.filter(wanted).order_by("local_part", "id")[:limit]
    return [_hit(row, _("of %s") % row.service, title=unicode_address(str(row))) for row in found]


def _plain(rows: QuerySet[Any]) -> QuerySet[Any]:
    """With the service by a query of its own: joined, MariaDB may begin at the wrong end, and sort all rows."""
    return rows.select_related(None).prefetch_related("service")


def _nodes(actor: Actor, text: str, limit: int) -> list[Hit]:
    found = selectors.nodes(actor).filter(begins("name", text) | begins("address", text)).order_by("name")[:limit]
    return [_node_hit(node) for node in found]


def _nodes_by_address(actor: Actor, text: str, limit: int) -> list[Hit]:
    """There are few nodes, and their public addresses are a list in one column: they are looked through here."""
    nodes = selectors.nodes(actor).only("id", "name", "address", "public_addresses", "state").order_by("name")
    wanted = (node for node in nodes if any(a.startswith(text) for a in (node.address, *node.public_addresses)))
    return [_node_hit(node) for node, _place in zip(wanted, range(limit), strict=False)]


def _node_hit(node: Node) -> Hit:
    addresses = dict.fromkeys((node.address, *node.public_addresses))
    return _hit(node, ", ".join(addresses), node.get_state_display(), node.state)


def _operations(actor: Actor, text: str, limit: int) -> list[Hit]:
    known = _uuid(text)
    wanted = Q(pk=known) if known else begins("target_label", text)
    return _operation_hits(selectors.operations(actor).filter(wanted)[:limit])


def _operations_of_trace(actor: Actor, text: str, limit: int) -> list[Hit]:
    return _operation_hits(selectors.operations(actor).filter(_trace(text))[:limit])


def _operation_hits(operations: QuerySet[Operation]) -> list[Hit]:
    return [
        _hit(operation, _joined(str(operation.node or ""), operation.actor_login), operation.get_state_display(),
             operation.state, operation.created_at)
        for operation in operations
    ]  # fmt: skip


def _timeline(actor: Actor, text: str, limit: int) -> list[Hit]:
    """The story of a whole trace id; whether anything is known under it, its page says."""
    wanted = text.lower()
    url = reverse("admin:timeline", args=(wanted,)) if valid_trace_id(wanted) else ""
    known = url and any(
        rows.filter(trace_id=wanted).exists() for rows in (selectors.operations(actor), selectors.events(actor))
    )
    return [Hit(wanted, _("In order of time"), url)] if known else []


def _events_of_trace(actor: Actor, text: str, limit: int) -> list[Hit]:
    return _event_hits(event_search(selectors.events(actor), f"trace:{text.lower()}")[:limit])


def _events_from_address(actor: Actor, text: str, limit: int) -> list[Hit]:
    return _event_hits(event_search(selectors.events(actor), f"ip:{text.lower()}")[:limit])


def _event_hits(events: QuerySet[Event]) -> list[Hit]:
    return [
        _hit(event, _joined(event.actor_login, event.actor_ip), event.get_outcome_display(), event.outcome,
             event.occurred_at, f"{verb_label(event.verb)} {event.target_label}".strip())
        for event in events
    ]  # fmt: skip


def _hit(obj: Model, note: str, word: Any = "", state: str = "", since: Any = None, title: str = "") -> Hit:
    return Hit(title or str(obj), note, address_of(obj), str(word), _TONES.get(state, "neutral"), since)


def _joined(*parts: str) -> str:
    return " · ".join(part for part in parts if part)


def _trace(text: str) -> Q:
    wanted = text.lower()
    return Q(trace_id=wanted) if len(wanted) == 32 else begins("trace_id", wanted)


def _uuid(text: str) -> UUID | None:
    return UUID(text) if _HEX.fullmatch(text.lower()) and len(text.replace("-", "")) == 32 else None


_TONES = {**TONES, "requested": "info", "denied": "bad", "expired": "neutral"}
SERVICES = Sort(gettext_lazy("Services"), "box", _services, "admin:hosting_hostingservice_changelist")
SERVICES_BY_ALL = Sort(gettext_lazy("Services"), "box", _services_by_all, "admin:hosting_hostingservice_changelist")
DOMAINS = Sort(gettext_lazy("Domains"), "globe", _domains, "admin:hosting_domain_changelist")
CUSTOMERS = Sort(gettext_lazy("Customers"), "users", _customers, "admin:accounts_customer_changelist")
PEOPLE = Sort(gettext_lazy("People"), "user", _people, "admin:accounts_user_changelist")
DATABASES = Sort(gettext_lazy("Databases"), "database", _databases, "admin:hosting_database_changelist")
ACCOUNTS = Sort(gettext_lazy("Database users"), "key-round", _database_users, "admin:hosting_databaseuser_changelist")
MAILBOXES = Sort(gettext_lazy("Mailboxes"), "mail", _mailboxes, "admin:hosting_mailbox_changelist")
ALIASES = Sort(gettext_lazy("Mail aliases"), "at-sign", _mail_aliases, "admin:hosting_mailalias_changelist")
NODES = Sort(gettext_lazy("Nodes"), "server", _nodes, "admin:hosting_node_changelist")
ADDRESSES = Sort(gettext_lazy("Nodes"), "server", _nodes_by_address)
OPERATIONS = Sort(gettext_lazy("Operations"), "activity", _operations, "admin:hosting_operation_changelist")
TRACED = Sort(
    gettext_lazy("Operations"), "activity", _operations_of_trace, "admin:hosting_operation_changelist"
)  # fmt: skip
TRACE = Sort(gettext_lazy("Audit"), "scroll-text", _events_of_trace, "admin:audit_event_changelist", "trace:%s")
STORY = Sort(gettext_lazy("Timeline"), "clock", _timeline)
FROM = Sort(gettext_lazy("Audit"), "scroll-text", _events_from_address, "admin:audit_event_changelist", "ip:%s")

#: What each prefix looks for.
PREFIXES: dict[str, tuple[Sort, ...]] = {
    "domain": (DOMAINS,),
    "user": (PEOPLE, SERVICES, ACCOUNTS),
    "service": (SERVICES_BY_ALL,),
    "customer": (CUSTOMERS,),
    "db": (DATABASES, ACCOUNTS),
    "mail": (MAILBOXES, ALIASES),
    "ip": (ADDRESSES, FROM),
    "node": (NODES,),
    "op": (OPERATIONS,),
    "trace": (STORY, TRACED, TRACE),
}
EVERYTHING = (SERVICES, DOMAINS, CUSTOMERS, PEOPLE, DATABASES, ACCOUNTS, MAILBOXES, ALIASES, NODES, OPERATIONS)
#: What the page says of the prefixes: prefix, what it finds, an example.
HELP = (
    ("domain", gettext_lazy("Domains"), "domain:example.com"),
    ("service", gettext_lazy("Services, by Linux user or domain"), "service:anna"),
    ("customer", gettext_lazy("Customers, by name or e-mail"), "customer:ada"),
    ("user", gettext_lazy("People, Linux users, database users"), "user:ada@"),
    ("db", gettext_lazy("Databases and their users"), "db:anna_shop"),
    ("mail", gettext_lazy("Mailboxes and mail aliases"), "mail:info@example.com"),
    ("node", gettext_lazy("Nodes, by name or address"), "node:fra-"),
    ("ip", gettext_lazy("Nodes, and who came from an address"), "ip:192.0.2.4"),
    ("op", gettext_lazy("Operations, by id or by what they work on"), "op:anna"),
    ("trace", gettext_lazy("All that happened under one trace id"), "trace:4bf92f35"),
)  # fmt: skip


def found(actor: Actor, line: str) -> dict[str, Any]:
    """What the search page shows for a line of text."""
    prefix, text = parsed(line)
    sorts = PREFIXES[prefix] if prefix else (*_special(text), *EVERYTHING)
    groups = [sort.group(actor, text, MANY if prefix else FEW) for sort in sorts] if text else []
    return {
        "line": line.strip(), "prefix": prefix, "text": text, "help": HELP,
        "groups": [group for group in groups if group.hits],
        "hits": sum(len(group.hits) for group in groups),
    }  # fmt: skip


def parsed(line: str) -> tuple[str, str]:
    """The prefix of a search ("" where there is none) and the text to look for."""
    word, colon, rest = line.strip().partition(":")
    if colon and word.lower() in PREFIXES:
        return word.lower(), rest.strip()[:190]
    return "", line.strip()[:190]


def _special(text: str) -> tuple[Sort, ...]:
    """What else a text without a prefix may be, by its shape."""
    lower = text.lower()
    if _TRACE.fullmatch(lower) and any(letter.isdigit() for letter in lower):
        return (STORY, TRACED, TRACE)
    return (ADDRESSES, FROM) if _ADDRESS.fullmatch(lower) else ()
