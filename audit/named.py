"""Which events a name stands for."""

from functools import reduce
from operator import or_

from django.db.models import Q

from observability.names import Known


def about(name: Known) -> Q | None:
    """The condition on events about all that a name is known to stand for, such as a customer's services.

    All of it is answered by the index on type and id of targets. None: nobody knows more than the name.
    """
    wanted = [Q(target_type=kind, target_id__in=keys) for kind, keys in name.targets.items()]
    return reduce(or_, wanted) if wanted else None
