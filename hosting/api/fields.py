"""Fields that serializers share: things of the actor's own named by id, and texts without control characters."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from audit.actor import Actor
from hosting.api.authentication import actor_of


class ManyMine(serializers.ListField):
    """Many things that the actor may see, named by their ids and looked up together.

    Args:
        selector: from :mod:`hosting.selectors`. most: how many at a time.
    """

    default_error_messages: ClassVar[dict[str, Any]] = {"does_not_exist": _("There is no {pk}.")}
    child = serializers.IntegerField(min_value=1, max_value=2**63 - 1)

    def __init__(self, selector: Callable[[Actor], QuerySet[Any]], most: int, **options: Any) -> None:
        self._selector = selector
        super().__init__(min_length=1, max_length=most, **options)

    def to_internal_value(self, data: Any) -> list[Model]:
        """The rows, each once.

        Raises:
            ValidationError: one of them is not there, or not the actor's.
        """
        wanted = dict.fromkeys(super().to_internal_value(data))
        rows = self._selector(actor_of(self.context["request"])).in_bulk(list(wanted))
        for pk in wanted:
            if pk not in rows:
                self.fail("does_not_exist", pk=pk)
        return [rows[pk] for pk in wanted]


class Mine(serializers.PrimaryKeyRelatedField):
    """Something the actor may see, named by its id; what they may not see does not exist.

    Args:
        selector: from :mod:`hosting.selectors`.
    """

    def __init__(self, selector: Callable[[Actor], QuerySet[Any]], **options: Any) -> None:
        self._selector = selector
        super().__init__(queryset=selector(Actor.anonymous()), **options)

    def __deepcopy__(self, memo: dict[int, Any]) -> "Mine":
        arguments = {name: value for name, value in self._kwargs.items() if name not in ("queryset", "selector")}
        return type(self)(self._selector, **arguments)

    def get_queryset(self) -> QuerySet[Model]:
        """What the actor of the request may see."""
        return self._selector(actor_of(self.context["request"]))

    def to_internal_value(self, data: Any) -> Model:
        """The row; a number too large for the database is a row that does not exist."""
        if isinstance(data, bool | float):
            self.fail("incorrect_type", data_type=type(data).__name__)
        if isinstance(data, int) and not 0 < data < 2**63:
            self.fail("does_not_exist", pk_value=data)
        return super().to_internal_value(data)
