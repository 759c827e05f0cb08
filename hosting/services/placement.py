"""Chooses the node for a new hosting service where nobody names one."""

from django.db.models import Count, Q

from hosting.choices import NodeState, ServiceState
from hosting.errors import HostingError
from hosting.models import Node
from hosting.texts import N_

_GONE = (ServiceState.SOFT_DELETED, ServiceState.TERMINATED)


def choose_node(php_version: str = "") -> Node:
    """The ready node with the fewest live services that has the PHP version wanted; the older one of two equals.

    Args:
        php_version: empty for any.

    Raises:
        HostingError: ``no_node``.
    """
    live = Count("services", filter=~Q(services__state__in=_GONE))
    for node in Node.objects.filter(state=NodeState.READY).annotate(live=live).order_by("live", "pk"):
        if node.php_versions and (not php_version or php_version in node.php_versions):
            return node
    raise HostingError(
        N_("No server with PHP %(version)s is ready for a new service.", version=php_version)
        if php_version
        else N_("No server is ready for a new service."),
        code="no_node",
        hint=N_("Choose another PHP version, or ask the operator."),
        field="php_version",
        permanent=False,
    )


def offered_php() -> list[str]:
    """PHP versions that some ready node has, newest first."""
    found = {version for node in Node.objects.filter(state=NodeState.READY) for version in node.php_versions}
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")], reverse=True)
