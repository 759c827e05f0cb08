"""Domains of hosting services, and the lock under which names are given out."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from hosting.errors import HostingError
from hosting.models.certificate import Certificate
from hosting.models.node import CATALOGS
from hosting.models.service import HostingService
from hosting.names import ancestors, reversed_name
from hosting.texts import N_
from hosting.validators import validate_domain


class Domain(models.Model):
    """A host name that a service answers for: a site, and a DNS zone unless one above it carries its records."""

    service = models.ForeignKey(HostingService, models.PROTECT, related_name="domains", verbose_name=_("service"))
    name = models.CharField(_("name"), max_length=190, validators=[validate_domain])
    #: The name while it is held, NULL once its service is terminated.
    name_key = models.CharField(max_length=190, null=True, unique=True, editable=False)
    #: Labels in reverse (``com.example.``) while it is held: names below share the prefix.
    reversed_key = models.CharField(max_length=191, null=True, db_index=True, editable=False)
    is_primary = models.BooleanField(_("main domain"), default=False)
    www = models.BooleanField(_("answers for www too"), default=True)
    php = models.BooleanField(_("runs PHP"), default=True)
    has_zone = models.BooleanField(_("has its own DNS zone"), default=True)
    dnssec = models.BooleanField(_("signed (DNSSEC)"), default=False)
    #: Host names that it is delegated to, with blanks between, where its reseller had some of its own; "": the node's.
    name_servers = models.CharField(max_length=600, blank=True, default="", editable=False)
    #: DS records of the zone's keys as the node's name server was seen to have them, a line each.
    ds = models.TextField(_("DS records"), max_length=2000, blank=True, default="", editable=False)
    certificate = models.ForeignKey(
        Certificate, models.SET_NULL, null=True, blank=True, editable=False, related_name="domains",
        verbose_name=_("certificate"),
    )  # fmt: skip
    https_redirect = models.BooleanField(_("sends visitors to HTTPS"), default=False)
    hsts = models.BooleanField(_("has browsers insist on HTTPS (HSTS)"), default=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("domain")
        verbose_name_plural = _("domains")
        ordering = ("name",)
        indexes = (models.Index(fields=["name"]),)

    def __str__(self) -> str:
        return self.name

    @property
    def root(self) -> str:
        """Document root relative to the home directory."""
        return f"sites/{self.name}/public"

    def claim(self) -> None:
        """Take the name for the service's customer. Call in the transaction that saves the domain.

        Raises:
            HostingError: ``domain_taken`` when the name is held (or its www name is a domain of its own), or is above
                or below a name of another customer, or is for catalogs: who writes one rules over all secondaries.
        """
        if f".{self.name}".endswith(f".{CATALOGS}"):
            raise _taken(self.name, CATALOGS)
        NameLock.hold(self.name)
        reverse = reversed_name(self.name)
        related = Domain.objects.filter(
            Q(name_key__in=[self.name, *ancestors(self.name)]) | Q(reversed_key__startswith=reverse)
        ).exclude(pk=self.pk)
        for other in related.select_related("service"):
            if other.name == self.name or other.service.customer_id != self.service.customer_id:
                raise _taken(self.name, other.name)
            if (self.www and other.name == f"www.{self.name}") or (other.www and self.name == f"www.{other.name}"):
                raise _answered_twice(self.name, other)
        self.name_key, self.reversed_key = self.name, reverse

    def release(self) -> None:
        """Give the name up."""
        self.name_key = self.reversed_key = None


class NameLock(models.Model):
    """A row for each registrable part (last two labels), locked while a name below it is given out.

    Two names of which one is above the other share their last two labels, so the same row serialises them.
    """

    tail = models.CharField(max_length=190, unique=True)

    class Meta:
        verbose_name = _("name lock")

    def __str__(self) -> str:
        return self.tail

    @staticmethod
    def hold(name: str) -> None:
        """Lock the row of a name's registrable part until the transaction ends."""
        tail = ".".join(name.split(".")[-2:])
        held = NameLock.objects.select_for_update().filter(tail=tail)
        if held.first() is None:  # asked for first: an INSERT beside others would take a shared lock, and deadlock
            NameLock.objects.bulk_create([NameLock(tail=tail)], ignore_conflicts=True)
            held.get()


def _answered_twice(name: str, other: Domain) -> HostingError:
    return HostingError(
        N_(
            "%(name)s and %(other)s of the same customer would both answer for one www name.",
            name=name,
            other=other.name,
        ),
        code="domain_taken",
        hint=N_("Remove the other domain, or let the shorter one not answer for www."),
        field="domain",
    )


def _taken(name: str, other: str) -> HostingError:
    # Names of other customers are not told: only that the wish collides, and in which way.
    if other == name:
        detail = N_("The domain %(name)s is already hosted here.", name=name)
    elif name.endswith(f".{other}"):
        detail = N_("%(name)s lies below a domain that another customer hosts here.", name=name)
    else:
        detail = N_("A name below %(name)s is hosted here by another customer.", name=name)
    return HostingError(
        detail,
        code="domain_taken",
        hint=N_("Check the spelling, or ask the operator to move the other domain."),
        field="domain",
    )
