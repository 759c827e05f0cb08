"""A server that carries hosting services."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.choices import ConnectionKind, NodeState
from hosting.validators import validate_address, validate_host_keys, validate_login, validate_node_name

#: What the names of catalog zones end with; hosting/adapters/powerdns/node_database.py knows them by it.
CATALOGS = "npanel.invalid"


class Node(models.Model):
    """A server that carries hosting services, reached locally or over SSH with a pinned host key."""

    name = models.CharField(_("name"), max_length=40, unique=True, validators=[validate_node_name])
    address = models.CharField(
        _("address"), max_length=190, validators=[validate_address], help_text=_("Host name or IP address for SSH.")
    )
    connection = models.CharField(
        _("connection"), max_length=8, choices=ConnectionKind.choices, default=ConnectionKind.SSH
    )
    ssh_port = models.PositiveIntegerField(
        _("SSH port"), default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    ssh_user = models.CharField(_("SSH user"), max_length=32, default="root", validators=[validate_login])
    host_keys = models.TextField(
        _("pinned host keys"),
        blank=True,
        max_length=4000,
        validators=[validate_host_keys],
        help_text=_("One key per line, as in known_hosts without the host: type and base64."),
    )
    public_key = models.TextField(_("NPanel's public key"), blank=True, editable=False)
    private_key_sealed = models.TextField(editable=False, blank=True)
    secrets_sealed = models.JSONField(default=dict, editable=False, blank=True)
    public_addresses = models.JSONField(
        _("public addresses"),
        default=list,
        blank=True,
        help_text=_("IPv4 and IPv6 addresses that sites and the name server answer on."),
    )
    nameservers = models.JSONField(
        _("name servers"), default=list, blank=True, help_text=_("Host names that zones are delegated to.")
    )
    #: Names of the TSIG keys with which secondaries fetch its zones, as the latest bootstrap set them up.
    transfer_keys = models.JSONField(default=list, editable=False, blank=True)
    facts = models.JSONField(_("facts"), default=dict, editable=False, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=NodeState.choices, default=NodeState.NEW)
    note = models.CharField(_("note"), max_length=300, blank=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True, editable=False)
    scanned_at = models.DateTimeField(_("last drift scan"), null=True, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("node")
        verbose_name_plural = _("nodes")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name

    @property
    def catalog(self) -> str:
        """The catalog zone (RFC 9432) that tells secondaries which zones there are; no resolver ever asks for it."""
        return f"{self.name}.{CATALOGS}"

    @property
    def php_versions(self) -> list[str]:
        """PHP versions that were found on the node, newest first."""
        found = self.facts.get("discovered", {}).get("php_fpm", {}).get("versions", [])
        return sorted(found, key=lambda v: [int(part) for part in v.split(".")], reverse=True)
