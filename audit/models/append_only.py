"""Rows that Django adds and reads, and neither changes nor removes; triggers say the same below it."""

from typing import Any, NoReturn

from django.db import models

from audit.errors import AppendOnlyViolation


def refuse(what: str) -> NoReturn:
    raise AppendOnlyViolation(f"The audit record is append-only: {what} is refused.")


class AppendOnlyQuerySet(models.QuerySet[Any]):
    """Reads, and inserts one new row at a time or many; nothing else."""

    def update(self, **kwargs: Any) -> NoReturn:
        refuse("update()")

    async def aupdate(self, **kwargs: Any) -> NoReturn:
        refuse("aupdate()")

    def _update(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("update")

    def delete(self) -> NoReturn:
        refuse("delete()")

    async def adelete(self) -> NoReturn:
        refuse("adelete()")

    def _raw_delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("delete")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("bulk_update()")

    async def abulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("abulk_update()")

    def update_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("update_or_create()")

    async def aupdate_or_create(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("aupdate_or_create()")

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("update_conflicts") or kwargs.get("ignore_conflicts") or len(args) > 1:
            refuse("bulk_create() with conflict handling")
        return super().bulk_create(objs, *args, **kwargs)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


class AppendOnlyModel(models.Model):
    """A row that is inserted once."""

    objects = AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert a new row; raises AppendOnlyViolation for one that exists."""
        if not self._state.adding or kwargs.get("force_update") or kwargs.get("update_fields"):
            refuse("saving an existing row")
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("delete()")

    async def adelete(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse("adelete()")
