"""Secondary name servers: others that fetch a node's zones and answer for them too."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from hosting.models.node import Node
from hosting.validators import validate_domain


class Secondary(models.Model):
    """A name server that fetches all zones of a node, with a TSIG key of its own; a node of ours, or anybody's."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="secondaries", verbose_name=_("primary node"))
    name = models.CharField(
        _("host name"),
        max_length=190,
        validators=[validate_domain],
        help_text=_("As domains are delegated to it, such as ns2.example.net."),
    )
    address = models.GenericIPAddressField(_("address"), unpack_ipv4=True)
    carrier = models.ForeignKey(
        Node, models.CASCADE, null=True, blank=True, related_name="followed", verbose_name=_("node of ours")
    )
    key_sealed = models.TextField(editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("secondary name server")
        verbose_name_plural = _("secondary name servers")
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(fields=["node", "name"], name="secondary_once"),
            models.UniqueConstraint(fields=["node", "address"], name="secondary_address_once"),
        )

    def __str__(self) -> str:
        return self.name

    @property
    def key_name(self) -> str:
        """The name of its TSIG key, on both sides."""
        return f"{self.name}.{self.node.catalog}"

    @property
    def seal_context(self) -> str:
        """What its TSIG key is sealed for."""
        return f"secondary:{self.node.name}:{self.name}"
