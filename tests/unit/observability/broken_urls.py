"""The views of the tests with an error page that fails."""

from tests.unit.observability.urls import broken_error_page, urlpatterns

__all__ = ["handler500", "urlpatterns"]
handler500 = broken_error_page
