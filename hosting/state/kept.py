"""What is left of a deleted service on its node: data kept aside for a restore, and its final archive."""

from dataclasses import dataclass
from typing import ClassVar

from hosting.state.resources import Ref, Resource, register_resource


@register_resource
@dataclass(frozen=True, slots=True)
class FinalArchive(Resource):
    """One compressed file with everything that a deletion kept aside, made and verified before that is purged.

    Args:
        owner: Linux user of the service that was deleted.
        source: the folder of kept data (an operation's id) that is in it.
    """

    kind: ClassVar[str] = "final_archive"
    owner: str
    source: str

    @property
    def key(self) -> str:
        return f"{self.owner}-{self.source}"


@register_resource
@dataclass(frozen=True, slots=True)
class KeptData(Resource):
    """The folder where one operation keeps what it removed, until a restore needs it or a purge removes it for good.

    Args:
        owner: Linux user of the service.
        removed_id: the folder's name: the operation's id.
        archive: key of the FinalArchive that must be there before it goes ("": none).
        partial: a purge of it has begun; it can't be restored any more.
    """

    kind: ClassVar[str] = "kept_data"
    owner: str
    removed_id: str
    archive: str = ""
    partial: bool = False

    @property
    def key(self) -> str:
        return self.removed_id

    def depends_on(self) -> tuple[Ref, ...]:
        """Its end waits for the archive."""
        return (Ref(FinalArchive.kind, self.archive),) if self.archive else ()
