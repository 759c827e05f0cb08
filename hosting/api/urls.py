"""URLs of the API, relative to ``/api/v1/`` (and to its alias ``/v1/``)."""

from django.urls import URLPattern, URLResolver

app_name = "api"

urlpatterns: list[URLPattern | URLResolver] = []
