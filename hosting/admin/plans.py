"""Hosting plans: the limits that are sold, edited directly and recorded."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.actors import actor_from_request
from accounts.console import FactsAdmin
from hosting.admin.pages import live_services
from hosting.choices import ServiceState
from hosting.models import HostingPlan
from hosting.services.plans import change_plan, create_plan, delete_plan
from hosting.templatetags.console import limit, megabytes

_LIMITS = (
    "disk_mb", "domains", "databases", "database_users", "dns_records", "mailboxes", "mails_per_hour", "ftp_accounts",
    "php_processes", "memory_mb", "cpu_percent",
)  # fmt: skip


@admin.register(HostingPlan)
class HostingPlanAdmin(FactsAdmin):
    """Hosting plans."""

    list_display = ("label", "num_disk", "num_domains", "num_databases", "num_processes", "num_memory", "num_services")
    list_display_links = ("label",)
    search_fields = ("name__startswith",)
    search_help_text = _("Name, from the beginning")
    fieldsets = (
        (None, {"fields": ("name", "for_resellers")}),
        (_("Limits"), {"fields": _LIMITS[:8], "description": _("An empty limit means unlimited.")}),
        (_("Computing"), {"fields": _LIMITS[8:]}),
        (_("SFTP and SSH"), {"fields": ("ssh",)}),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[HostingPlan]:
        return super().get_queryset(request).annotate(service_count=live_services("plan"))

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Let the service function save, and say which services do not know the new limits yet."""
        actor = actor_from_request(request)
        if change:
            change_plan(actor=actor, plan=obj, **{name: form.cleaned_data[name] for name in form.changed_data})
        else:
            obj.pk = create_plan(actor=actor, **form.cleaned_data).pk
        used = obj.services.exclude(state=ServiceState.TERMINATED).count()
        if change and used and {"disk_mb", "php_processes", "memory_mb", "ssh"} & set(form.changed_data):
            text = ngettext(
                "%d service has this plan. Its node gets the new limits when the service is applied.",
                "%d services have this plan. Their nodes get the new limits when the services are applied.",
                used,
            )
            messages.info(request, text % used)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Let the service function delete."""
        delete_plan(actor=actor_from_request(request), plan=obj)

    @admin.display(description=_("name"), ordering="name")
    def label(self, plan: HostingPlan) -> str:
        return plan.name

    @admin.display(description=_("disk"))
    def num_disk(self, plan: HostingPlan) -> str:
        return megabytes(plan.disk_mb)

    @admin.display(description=_("domains"))
    def num_domains(self, plan: HostingPlan) -> str:
        return limit(plan.domains)

    @admin.display(description=_("databases"))
    def num_databases(self, plan: HostingPlan) -> str:
        return limit(plan.databases)

    @admin.display(description=_("PHP processes"))
    def num_processes(self, plan: HostingPlan) -> int:
        return plan.php_processes

    @admin.display(description=_("PHP memory"))
    def num_memory(self, plan: HostingPlan) -> str:
        return megabytes(plan.memory_mb)

    @admin.display(description=_("services"))
    def num_services(self, plan: Any) -> int:
        return int(plan.service_count)
