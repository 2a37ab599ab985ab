"""An auth manager that also decides by the view and by the asset."""

from __future__ import annotations

from typing import Any

from airflow.api_fastapi.auth.managers.models.resource_details import AccessView

from tests.with_airflow.page.who import RESTRICTED_ASSET
from tests.with_airflow.rest.auth_manager import AuthManager as ByDag


class AuthManager(ByDag):
    """Lets viewers see no plug-ins, and some assets no one but admins."""

    def is_authorized_view(self, *, access_view: AccessView, user: Any) -> bool:
        if access_view is AccessView.PLUGINS and user.role == "viewer":
            return False
        return bool(super().is_authorized_view(access_view=access_view, user=user))

    def is_authorized_asset(self, *, user: Any, details: Any = None, **asked: Any) -> bool:
        restricted = details is not None and str(details.id) == str(RESTRICTED_ASSET)
        if restricted and user.role != "admin":
            return False
        # Of assets as such, users have none to list.
        if details is not None and details.id is None and user.role == "user":
            return False
        return bool(super().is_authorized_asset(user=user, details=details, **asked))
