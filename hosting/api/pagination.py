"""Cursor pages: as fast at the end of a list as at its beginning, and none missed when rows are added meanwhile."""

from typing import Any

from django.core import signing
from django.utils.translation import gettext as _
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.request import Request
from rest_framework.utils.urls import replace_query_param

from hosting.api.problems import Refusal


class Pages(CursorPagination):
    """Pages of 50, at most 200. Cursors are signed: one that was made up is refused before it reaches the database."""

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    page_size_query_description = "Rows on a page."
    cursor_query_description = "From next or previous of another page."
    ordering = "-pk"

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        """The rows of the page that the cursor names."""
        self._salt = f"npanel.api.cursor:{view.basename}:{self.get_ordering(request, queryset, view)}"
        return super().paginate_queryset(queryset, request, view)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> Any:
        """The view's own order, unless the request asks for another one that has an index."""
        self.ordering = view.ordering
        return super().get_ordering(request, queryset, view)

    def encode_cursor(self, cursor: Cursor) -> str:
        """The address of another page."""
        value = signing.dumps([cursor.offset, cursor.reverse, cursor.position], salt=self._salt)
        return str(replace_query_param(self.base_url, self.cursor_query_param, value))

    def decode_cursor(self, request: Request) -> Cursor | None:
        """The cursor of the request.

        Raises:
            Refusal: ``bad_cursor``.
        """
        text = request.query_params.get(self.cursor_query_param)
        if not text:
            return None
        try:
            offset, reverse, position = signing.loads(text, salt=self._salt)
        except (signing.BadSignature, ValueError) as error:
            raise Refusal("bad_cursor", _("The cursor is not one of this list.")) from error
        return Cursor(offset, reverse, position)
