"""What an operation learnt of zones' keys: DS records, as the name server was seen to answer on the node itself."""

import re

from hosting.models import Domain, Operation
from hosting.state import DnsZone

_DS = re.compile(r"; DS ([0-9]+ [0-9]+ [0-9]+ [0-9A-F]+)")


def note_ds(operation: Operation) -> None:
    """Keep the DS records of each zone that was probed; of one that is not signed, none."""
    for probe in operation.result.get("probes", ()):
        kind, _colon, name = str(probe["ref"]).partition(":")
        if kind == DnsZone.kind:
            found = "\n".join(_DS.findall(str(probe["answer"])))
            Domain.objects.filter(name_key=name, service=operation.service_id).exclude(ds=found).update(ds=found)
