"""Who may do what: one policy, asked once by every door, and the call that follows it."""

from typing import Any

from django.db.models import Model

from accounts.actors import user_id
from accounts.choices import ACCESS_LEVELS, MemberAccess, Role
from accounts.models import Customer, Membership, Reseller, User
from audit.actor import Actor, ActorType
from hosting.choices import OperationKind, ServiceState
from hosting.errors import HostingError
from hosting.models import (
    AutoCertificate,
    Certificate,
    Database,
    DatabaseUser,
    DnsRecord,
    Domain,
    FtpAccount,
    HostingPlan,
    HostingService,
    MailAlias,
    Mailbox,
    MailDomain,
    MailLookup,
    Operation,
    QueuedMessage,
    RecordTemplate,
    SshKey,
    Webhook,
    WebhookDelivery,
)
from hosting.operations.purging import removal_of
from hosting.texts import N_
from hosting.use_cases import USE_CASES, UseCase
from hosting.validators import one_line

#: Operations that a customer may ask for, and so approve, retry, discard or roll back.
_CUSTOMERS_KINDS = frozenset(
    {
        OperationKind.APPLY,
        OperationKind.CHANGE_PHP,
        OperationKind.ADD_DOMAIN,
        OperationKind.REMOVE_DOMAIN,
        OperationKind.CHANGE_DNS,
        OperationKind.CHANGE_DNSSEC,
        OperationKind.ADD_DATABASE,
        OperationKind.REMOVE_DATABASE,
        OperationKind.CHANGE_DATABASE_USER,
        OperationKind.ENABLE_MAIL,
        OperationKind.CHANGE_MAIL,
        OperationKind.DISABLE_MAIL,
        OperationKind.ADD_MAILBOX,
        OperationKind.CHANGE_MAILBOX,
        OperationKind.REMOVE_MAILBOX,
        OperationKind.CHANGE_MAIL_ALIAS,
        OperationKind.ISSUE_CERTIFICATE,
        OperationKind.REVOKE_CERTIFICATE,
        OperationKind.INSTALL_CERTIFICATE,
        OperationKind.REMOVE_CERTIFICATE,
        OperationKind.CHANGE_HTTPS,
        OperationKind.ADD_FTP_ACCOUNT,
        OperationKind.CHANGE_FTP_ACCOUNT,
        OperationKind.REMOVE_FTP_ACCOUNT,
        OperationKind.CHANGE_SSH,
    }
)
_RESELLERS_KINDS = _CUSTOMERS_KINDS | {
    OperationKind.CREATE,
    OperationKind.SUSPEND,
    OperationKind.RESUME,
    OperationKind.DELETE,
}
_OPERATORS = (Role.ADMIN, "")
#: What an operator who acts as somebody else can't ask for: it belongs to the person alone (OPERATIONS.md §2).
#: The part of a use case's name before the dot.
NOT_WHILE_IMPERSONATING = frozenset({"member", "person", "reseller", "token", "webhook", "profile"})


class Policy:
    """What an actor may do. A stranger's things are not there for them: doors find subjects through selectors first.

    Args:
        actor: who asks, also an operator who acts as somebody else (then that person's rights count).
    """

    def __init__(self, actor: Actor) -> None:
        self._actor = actor

    def may(self, name: str, subject: Model | None = None) -> bool:
        """Whether the actor may ask for a use case.

        Args:
            name: of the use case.
            subject: what it acts on; None where it makes something from nothing.
        """
        use, role = USE_CASES[name], self._actor.role
        if self._actor.type not in (ActorType.USER, ActorType.TOKEN, ActorType.SYSTEM):
            return False
        if self._actor.impersonator_id and name.partition(".")[0] in NOT_WHILE_IMPERSONATING:
            return False
        if self._actor.type == ActorType.TOKEN and isinstance(subject, User) and subject.is_staff:
            return False
        if role == Role.ADMIN:
            return True
        if isinstance(subject, Operation) and (not self._asked_for_such(subject) or _is_the_operators(subject)):
            return False
        if role == Role.RESELLER:
            return use.reseller and self._reseller_may(use, subject)
        return role == Role.CUSTOMER and use.access is not None and self._member_may(use.access, subject)

    def require(self, name: str, subject: Model | None = None) -> UseCase:
        """The use case, if the actor may ask for it.

        Raises:
            HostingError: ``forbidden``.
        """
        if not self.may(name, subject):
            raise HostingError(
                N_("You may not do this."),
                code="forbidden",
                hint=N_("Ask the owner of the account, or your provider."),
            )
        return USE_CASES[name]

    @property
    def own_reseller(self) -> Reseller | None:
        """The reseller that the actor works for, while it is active."""
        return Reseller.objects.filter(users=user_id(self._actor), is_active=True).first()

    def _asked_for_such(self, operation: Operation) -> bool:
        kinds = _RESELLERS_KINDS if self._actor.role == Role.RESELLER else _CUSTOMERS_KINDS
        reverted = operation.reverts
        return operation.kind in kinds or (
            operation.kind == OperationKind.ROLLBACK and reverted is not None and reverted.kind in kinds
        )

    def _reseller_may(self, use: UseCase, subject: Model | None) -> bool:
        own = self.own_reseller
        if own is None:
            return False
        if isinstance(subject, WebhookDelivery):
            subject = subject.webhook
        if isinstance(subject, HostingPlan | RecordTemplate) or (
            isinstance(subject, Webhook) and subject.customer is None
        ):
            return subject.reseller_id == own.pk
        if isinstance(subject, HostingService) and _ended_by_operator(use.name, subject):
            return False
        customer = customer_of(subject)
        return customer.reseller_id == own.pk if customer is not None else not use.subject

    def _member_may(self, access: MemberAccess, subject: Model | None) -> bool:
        customer, service = customer_of(subject), service_of(subject)
        if customer is None or (service is not None and service.state == ServiceState.SUSPENDED):
            return False
        held = Membership.objects.filter(user=user_id(self._actor), customer=customer)
        level = max((ACCESS_LEVELS[MemberAccess(row.access)] for row in held), default=0)
        return level >= ACCESS_LEVELS[access]


def perform(actor: Actor, name: str, subject: Model | None = None, /, **data: Any) -> Any:
    """Ask the policy, then call the use case's service function with the subject and the data.

    The first three are positional only: what a service function takes may have their names.

    Raises:
        HostingError: ``forbidden``, ``invalid`` (a reason of many lines), or what the function raises.
    """
    policy = Policy(actor)
    use = policy.require(name, subject)
    one_line(str(data.get("reason", "")))
    if actor.role == Role.RESELLER and not use.subject:
        data["reseller"] = policy.own_reseller  # whatever was asked for: what they make is theirs
    return use.function(actor=actor, **({use.subject: subject} if use.subject else {}), **data)


def service_of(subject: Model | None) -> HostingService | None:
    """The hosting service that something belongs to."""
    match subject:
        case HostingService():
            return subject
        case AutoCertificate():
            return subject.domain.service
        case (
            Certificate()
            | Domain()
            | Database()
            | DatabaseUser()
            | Operation()
            | MailDomain()
            | Mailbox()
            | MailAlias()
            | FtpAccount()
            | SshKey()
            | QueuedMessage()
            | MailLookup()
        ):
            return subject.service
        case DnsRecord():
            return subject.domain.service
    return None


def customer_of(subject: Model | None) -> Customer | None:
    """The customer that something belongs to."""
    if isinstance(subject, Customer):
        return subject
    if isinstance(subject, Webhook | WebhookDelivery):
        return (subject if isinstance(subject, Webhook) else subject.webhook).customer
    if isinstance(subject, Membership):
        return subject.customer
    service = service_of(subject)
    return service.customer if service is not None else None


def suspended_by_operator(service: HostingService) -> bool:
    """Whether an operator suspended the service; then only an operator lets it go on."""
    last = service.operations.filter(kind=OperationKind.SUSPEND).order_by("-created_at").first()
    return last is not None and _is_the_operators(last)


def _ended_by_operator(name: str, service: HostingService) -> bool:
    """Whether a use case would bring a service back that an operator took off the web."""
    if name == "service.resume":
        return suspended_by_operator(service)
    removal = removal_of(service) if name == "service.restore" else None
    return removal is not None and _is_the_operators(removal)


def _is_the_operators(operation: Operation) -> bool:
    """Whether an operator asked for it: then nobody else approves, cancels, repeats, gives up or takes it back.

    Those that an operation was done to must not undo it, and whether it was done to them or for them, nobody can tell.
    """
    return operation.actor.get("role") in _OPERATORS
