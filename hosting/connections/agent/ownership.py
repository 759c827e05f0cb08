"""Owner, group and permission bits that a request asks for."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from .fields import Fields
from .identity import gid_of, uid_of


class Wanted(NamedTuple):
    """Owner, group and permission bits a file is to have."""

    uid: int
    gid: int
    mode: int

    def matches(self, facts: os.stat_result) -> bool:
        return (facts.st_uid, facts.st_gid, stat.S_IMODE(facts.st_mode)) == self


def wanted_of(fields: Fields, mode: int) -> Wanted:
    """What a request asks for; with ``user`` set the file is that user's, whom this process then is."""
    bits = fields.whole("mode", 0, 0o7777, mode)
    if fields.user:
        return Wanted(os.geteuid(), os.getegid(), bits)
    return Wanted(uid_of(fields.text("owner", "root")), gid_of(fields.text("group", "root")), bits)
