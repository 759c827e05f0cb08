"""URLs of the customers' interface."""

from django.urls import include, path
from django.views.generic import RedirectView

from hosting.api.problems import not_found
from npanel.crossing import other_interface

handler500 = "npanel.broken_page.broken"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="portal:home")),
    path("", include("observability.urls")),
    path("portal/account/", include("accounts.urls")),
    path("portal/", include("hosting.portal.urls")),
    path("api/v1/", include("hosting.api.urls")),
    path("v1/", include("hosting.api.urls", namespace="api-alias")),
    path("api/<path:rest>", not_found),
    path("admin/", other_interface),
    path("admin/<path:rest>", other_interface),
    path("hooks/<path:rest>", other_interface),
]
