"""URLs of the operators' interface."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from hosting.api.problems import not_found
from npanel.alert_hook import alertmanager
from npanel.crossing import other_interface

handler500 = "npanel.broken_page.broken"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("", include("observability.urls")),
    path("hooks/alertmanager/", alertmanager, name="alertmanager"),
    path("admin/account/", include("accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("hosting.api.urls")),
    path("v1/", include("hosting.api.urls", namespace="api-alias")),
    path("api/<path:rest>", not_found),
    path("portal/", other_interface),
    path("portal/<path:rest>", other_interface),
]
