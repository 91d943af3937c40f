"""What the admin's pages share: who may, what is only read, and lists of big tables."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

BEFORE_VAR = "before"


def link_to(name: str, label: Any) -> Callable[[Any, Model], SafeString | None]:
    """A column (or a field that is only read) that leads to the row which the foreign key `name` names."""

    @admin.display(description=label)
    def show(self: admin.ModelAdmin, row: Model) -> SafeString | None:
        target = getattr(row, name)
        if target is None:
            return None
        opts = target._meta
        url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[target.pk])
        return format_html('<a href="{}">{}</a>', url, target)

    return show


class DeskAdmin(admin.ModelAdmin):
    """Every admin may everything that a page offers; what no page offers, nobody may."""

    show_facets = admin.ShowFacets.NEVER

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Called like what it points to, whose name is in both languages."""
        opts = db_field.related_model._meta
        kwargs.setdefault("label", capfirst(opts.verbose_name))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return True

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return True

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return True

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class KeysetChangeList(ChangeList):
    """Newest first, read on from the last row's id: it never counts and never skips rows."""

    def __init__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        before = request.GET.get(BEFORE_VAR, "")
        self.before = int(before) if before.isascii() and before.isdigit() and len(before) < 19 else None
        super().__init__(request, *args, **kwargs)

    def get_filters_params(self, params: Any = None) -> dict[str, Any]:
        lookups: dict[str, Any] = super().get_filters_params(params)
        lookups.pop(BEFORE_VAR, None)
        return lookups

    def get_query_string(self, new_params: Any = None, remove: Any = None) -> str:
        """A link to other filters starts at the newest row again."""
        return super().get_query_string(new_params, [*(remove or []), BEFORE_VAR])

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[Any]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        self.params.pop(BEFORE_VAR, None)
        rows = self.queryset if self.before is None else self.queryset.filter(pk__lt=self.before)
        found = list(rows[: self.list_per_page + 1])
        self.result_list = found[: self.list_per_page]
        has_more = len(found) > self.list_per_page
        self.older_query = super().get_query_string({BEFORE_VAR: self.result_list[-1].pk}) if has_more else ""
        self.newest_query = self.get_query_string() if self.before is not None else ""
        # What Django's own templates ask for. Equal counts keep them from showing either.
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = False
        self.show_admin_actions = True
        self.can_show_all = False
        self.multi_page = False
        self.paginator = None


class BigTableAdmin(DeskAdmin):
    """A table with a row for each thing that ever happened: only read, searched exactly, newest first.

    `search_fields` must name lookups that an index answers; a search that spans tables belongs into
    `get_search_results`, one indexed step after the other.
    """

    change_list_template = "admin/big_table.html"
    list_per_page = 50
    sortable_by = ()
    show_full_result_count = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return KeysetChangeList

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
