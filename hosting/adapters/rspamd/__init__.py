"""rspamd: looks at every mail that strangers send, and learns from what people move into and out of Junk."""

from collections.abc import Sequence
from typing import ClassVar

from hosting.adapters._units import ends
from hosting.adapters.base import Adapter, NodeFacts, Scope, register
from hosting.adapters.rspamd import setup
from hosting.connections.base import Run, Steps
from hosting.errors import CommandFailed, ConfigurationInvalid
from hosting.state import Change, DaemonUnit, NodeFile, Resource
from hosting.texts import plain


@register
class RspamdAdapter(Adapter):
    """Nothing of a service is kept here: the filter is the node's, and what it learned is each mail domain's own."""

    kind = "rspamd"
    handles: ClassVar[tuple[type[Resource], ...]] = ()

    def setup(self, facts: NodeFacts) -> tuple[Resource, ...]:
        return setup.node_resources(facts)

    def observe(self, scope: Scope) -> Steps[tuple[Resource, ...]]:
        """Nothing: it handles no Resource of a service's."""
        return ()
        yield []

    def validate(self, changes: Sequence[Change]) -> Steps[None]:
        """Let rspamd read its configuration."""
        if not _configures(changes) or ends(changes, setup.UNIT):
            return
        try:
            yield [Run(("/usr/bin/rspamadm", "configtest", "-q"), timeout=60.0)]
        except CommandFailed as error:
            raise ConfigurationInvalid(plain(error.detail), path=setup.LOCAL) from error

    def activate(self, changes: Sequence[Change]) -> Steps[None]:
        """A new configuration takes a restart. Nobody waits for its end: meanwhile mail flows, unscanned."""
        if not _configures(changes) or ends(changes, setup.UNIT) or _just_started(changes):
            return
        # A roll back may leave the distribution's rspamd running, without what stood beside it.
        units = [unit for unit in (setup.MEMORY_UNIT, setup.LEARNER_SOCKET_UNIT, setup.UNIT) if not ends(changes, unit)]
        restarts = [Run(("/usr/bin/systemctl", "restart", unit), timeout=60.0) for unit in units]
        yield [Run(("/usr/bin/systemctl", "daemon-reload")), *restarts]


def _just_started(changes: Sequence[Change]) -> bool:
    """Whether the unit was started after its files were written: its first start takes many seconds of CPU."""
    units = [change for change in changes if change.kind == DaemonUnit.kind and change.key == setup.UNIT]
    return any(not (isinstance(unit.before, DaemonUnit) and unit.before.running) for unit in units)


def _configures(changes: Sequence[Change]) -> bool:
    return any(isinstance(change.resource, NodeFile | DaemonUnit) for change in changes)
