"""The door of the admin site: staff with a second factor; for everybody else there is no such page."""

from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _

from ..decorators import second_factor_page


class PortalAdminSite(AdminSite):
    site_title = _("Returns Portal")
    site_header = _("Administration of the returns portal")
    index_title = _("Administration")
    site_url = "/"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active and request.user.is_staff

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        """`view` for staff; 404 to others; staff without a second factor are led to set it up or show it."""
        checked = super().admin_view(view, cacheable)

        def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not self.has_permission(request):
                raise Http404
            if page := second_factor_page(request):
                return redirect(page)
            return checked(request, *args, **kwargs)

        return update_wrapper(gate, checked)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """There is one sign-in, and it is not here."""
        if not self.has_permission(request):
            raise Http404
        return redirect("admin:index")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        if request.method == "POST":
            logout(request)
        return redirect("home")

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        return redirect("account_change_password")


site = PortalAdminSite()
