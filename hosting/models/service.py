"""One isolated hosting subscription."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Customer
from hosting.choices import ServiceState, SshMode
from hosting.models.node import Node
from hosting.models.plan import HostingPlan
from hosting.validators import validate_php_version, validate_shell, validate_username


class HostingService(models.Model):
    """One Linux user on one node, under one plan, with its domains and databases."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="services", verbose_name=_("customer"))
    plan = models.ForeignKey(HostingPlan, models.PROTECT, related_name="services", verbose_name=_("plan"))
    node = models.ForeignKey(Node, models.PROTECT, related_name="services", verbose_name=_("node"))
    username = models.CharField(_("user name"), max_length=16, validators=[validate_username])
    #: The user name while it is held, NULL after termination: a conditional unique that MariaDB has as well.
    username_key = models.CharField(max_length=16, null=True, unique=True, editable=False)
    php_version = models.CharField(_("PHP version"), max_length=8, validators=[validate_php_version])
    shell = models.CharField(
        _("login shell"), max_length=64, default="/usr/sbin/nologin", validators=[validate_shell], editable=False
    )
    ssh = models.CharField(_("SSH access"), max_length=8, choices=SshMode.choices, default=SshMode.SFTP)
    state = models.CharField(
        _("state"), max_length=16, choices=ServiceState.choices, default=ServiceState.PROVISIONING, db_index=True
    )
    out_of_sync = models.BooleanField(
        _("out of sync"),
        default=False,
        help_text=_("The node is not as wanted; an operation failed or was rolled back."),
    )
    #: Refs ("kind:key") that an operation was asked for and could not make so; ["*"] stands for all of the service.
    unsynced = models.JSONField(default=list, editable=False, blank=True)
    #: While it is deleted but restorable: when its kept data is to be removed for good.
    purge_at = models.DateTimeField(_("purged at"), null=True, editable=False, db_index=True)
    #: After the purge: until when the final archive is kept on the node.
    archive_until = models.DateTimeField(_("archive kept until"), null=True, editable=False, db_index=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("hosting service")
        verbose_name_plural = _("hosting services")
        ordering = ("-id",)
        indexes = (
            models.Index(fields=["username"]),
            models.Index(fields=["node", "state"]),
            models.Index(fields=["out_of_sync"]),
            models.Index(fields=["created_at"]),
        )

    def __str__(self) -> str:
        return self.username

    @property
    def home(self) -> str:
        """The home directory on the node."""
        return f"/home/{self.username}"

    @property
    def is_live(self) -> bool:
        """Whether anything of it is wanted on the node."""
        return self.state not in (ServiceState.SOFT_DELETED, ServiceState.TERMINATED)

    @property
    def is_suspended(self) -> bool:
        """Whether visitors get the suspended page."""
        return self.state == ServiceState.SUSPENDED

    @property
    def ssh_mode(self) -> str:
        """What keys of its people open: what was chosen, as far as the plan goes."""
        return min(self.ssh, self.plan.ssh, key=SshMode.values.index)

    def mark_unsynced(self, refs: set[str]) -> None:
        """Remember (unsaved) that these Resources are not as wanted, and that an operation explains it."""
        self.unsynced = sorted({*self.unsynced, *refs})
        self.out_of_sync = bool(self.unsynced)

    def mark_synced(self, refs: set[str] | None) -> None:
        """Remember (unsaved) that these Resources, or with None all of them, are as wanted."""
        self.unsynced = [] if refs is None else sorted(set(self.unsynced) - refs)
        self.out_of_sync = bool(self.unsynced)
