"""Maps the probe paths; the wiring app includes them where the interface may serve them."""

from django.urls import path

from observability import views

app_name = "observability"

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("health", views.health, name="health"),
    path("metrics", views.prometheus_view, name="metrics"),
]
