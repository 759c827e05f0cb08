"""Lists that open as fast at row 90,000 as at row 1, and searches that only read indexes."""

import base64
import binascii
import contextlib
import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import idna
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR, ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest

AFTER, BEFORE = "after", "before"
#: Rows that one column of a prefix search finds at most.
MATCHES = 500


class CappedPaginator(Paginator):
    """Counts at most ``cap`` rows, so that a list of millions opens as fast as one of hundreds."""

    cap = 10_000

    @cached_property
    def count(self) -> int:
        """Number of rows, or ``cap`` when there are more."""
        return min(self.cap, self._counted)

    @property
    def capped(self) -> bool:
        """Whether there are more rows than were counted."""
        return self._counted > self.cap

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: self.cap + 1].count())


class KeysetChangeList(ChangeList):
    """Goes on from the last row shown (``?after=``) or back from the first (``?before=``), never by counting rows.

    All columns of the order run in one direction, as the indexes behind them do.
    """

    place: dict[str, Any]

    def get_filters_params(self, params: Any = None) -> Any:
        kept = super().get_filters_params(params)
        for key in (AFTER, BEFORE):
            kept.pop(key, None)
        return kept

    def get_ordering(self, request: HttpRequest, queryset: QuerySet[Any]) -> list[Any]:
        """One column when somebody asked for one, else the list's own; all in the direction of the first."""
        wanted = [str(name) for name in super().get_ordering(request, queryset)]
        if ORDER_VAR in self.params:
            wanted = wanted[:1]
        sign = "-" if wanted[0].startswith("-") else ""
        pk = self.lookup_opts.pk.name
        plain = (name.removeprefix("-") for name in wanted)
        names = list(dict.fromkeys(pk if name == "pk" else name for name in plain))
        if pk in names:
            names = names[: names.index(pk) + 1]
        if not self._tells_apart(names):
            names.append(self.lookup_opts.pk.name)
        return [f"{sign}{name}" for name in names]

    def _tells_apart(self, names: Sequence[str]) -> bool:
        """Whether no two rows are equal in these columns: then the primary key has no place in the order.

        MariaDB does not see that a unique index has it already, and would sort the whole table.
        """
        fields = self._fields(names)
        together = [constraint.fields for constraint in self.lookup_opts.total_unique_constraints]
        return any(field.unique and not field.null for field in fields) or any(set(names) >= set(c) for c in together)

    def get_results(self, request: HttpRequest) -> None:
        after, before = request.GET.get(AFTER), request.GET.get(BEFORE)
        columns = [str(name) for name in self.queryset.query.order_by]
        position, rows, newer, older = self._page(columns, before if before and not after else after, bool(before))
        self.paginator = CappedPaginator(self.queryset, self.list_per_page)
        self.result_list = rows
        self.result_count = self.full_result_count = self.paginator.count
        self.show_full_result_count = False
        self.show_admin_actions = bool(rows)
        self.can_show_all = self.multi_page = False
        self.place = self._place(columns, position, rows, newer, older)

    def _page(self, columns: list[str], token: str | None, back: bool) -> tuple[int, list[Any], bool, bool]:
        """Number of the first row, the rows, and whether there are some before and after them."""
        size, rows = self.list_per_page, self.queryset
        if token is None:
            found = list(rows[: size + 1])
            return 1, found[:size], False, len(found) > size
        position, values = self._read(columns, token)
        if back:
            found = list(rows.filter(beyond(columns, values, back=True)).reverse()[: size + 1])
            kept = found[:size][::-1]
            return max(1, position - len(kept)), kept, len(found) > size, True
        found = list(rows.filter(beyond(columns, values))[: size + 1])
        return position + 1, found[:size], True, len(found) > size

    def _fields(self, columns: Sequence[str]) -> list[Any]:
        return [self.lookup_opts.get_field(name.removeprefix("-")) for name in columns]

    def _read(self, columns: list[str], token: str) -> tuple[int, list[Any]]:
        """Position and values of the row that a link names.

        Raises:
            IncorrectLookupParameters: the link was not made here; Django then shows the first page.
        """
        try:
            position, *texts = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
            values = [field.to_python(text) for field, text in zip(self._fields(columns), texts, strict=True)]
            if not isinstance(position, int) or None in values:
                raise ValueError(token)
        except (ValueError, TypeError, RecursionError, binascii.Error, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error
        return position, values

    def _write(self, columns: list[str], position: int, row: Model) -> str:
        values = (field.value_to_string(row) for field in self._fields(columns))
        text = json.dumps([position, *values], separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    def _place(self, columns: list[str], position: int, rows: list[Any], newer: bool, older: bool) -> dict[str, Any]:
        """What the line below the list says and links to."""
        last = position + len(rows) - 1
        many = max(self.paginator.count, last)
        return {
            "first": position if rows else 0,
            "last": last,
            "count": f"{many:,}" + ("+" if self.paginator.capped else ""),
            "start": self._url() if newer else "",
            "previous": self._url(before=self._write(columns, position, rows[0])) if rows and newer else "",
            "next": self._url(after=self._write(columns, last, rows[-1])) if rows and older else "",
        }

    def _url(self, **where: str) -> str:
        return str(self.get_query_string(dict(where), remove=[AFTER, BEFORE]))


def beyond(columns: Sequence[str], values: Sequence[Any], *, back: bool = False) -> Q:
    """Rows that come after (or ``back``: before) the one with these values, in the order of the columns."""
    downwards = columns[0].startswith("-") is not back
    word = "lt" if downwards else "gt"
    names = [name.removeprefix("-") for name in columns]
    found = Q()
    for place, name in enumerate(names):
        same = dict(zip(names[:place], values[:place], strict=True))
        found |= Q(**same, **{f"{name}__{word}": values[place]})
    # The first condition alone gives the database the range of its index where to begin.
    return Q(**{f"{names[0]}__{word}e": values[0]}) & found


def spellings(text: str) -> list[str]:
    """How names may be stored that somebody means by a text: as typed, lower-case, capitalised, and as a host name."""
    found = [text, text.lower(), text[:1].upper() + text[1:]]
    if not text.isascii():
        with contextlib.suppress(idna.IDNAError, UnicodeError):  # a person's name, then, or a company's
            found.append(idna.encode(text.lower().rstrip("."), uts46=True).decode())
    return list(dict.fromkeys(found))


def begins(column: str, text: str) -> Q:
    """Rows of which a column begins with a text, as a range of the column's index.

    Django's ``startswith`` compares bytes on MariaDB, and reads every row for it.
    """
    found = Q()
    for spelling in spellings(text):
        found |= Q(**{f"{column}__istartswith": spelling})
    return found


def search(rows: QuerySet[Any], paths: Sequence[str], text: str) -> QuerySet[Any]:
    """Rows found by a text at the beginning of one of the columns, each resolved to ids first.

    Asking for all columns at once makes a join and an OR of them, which reads whole tables.

    Args:
        paths: as in ``search_fields``: ``name__startswith``, ``customer__name__startswith``, ``trace_id__exact``.
    """
    ids: set[Any] = set()
    for path in paths:
        ids.update(_ids(rows.model, path, text))
    return rows.filter(pk__in=ids)


def _ids(model: type[Model], path: str, text: str) -> list[Any]:
    *relations, column, how = path.split("__")
    if relations:
        relation = relations[0]
        related: Any = model._meta.get_field(relation).related_model
        there = _ids(related, "__".join((*relations[1:], column, how)), text)
        condition = Q(**{f"{relation}__in": there})
    else:
        condition = Q(**{column: text}) if how == "exact" else begins(column, text)
    return list(model._default_manager.filter(condition).order_by().values_list("pk", flat=True)[:MATCHES])
