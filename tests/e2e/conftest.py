"""What every end-to-end test can ask for. Fixtures live in modules of their own; this only names them."""

from __future__ import annotations

from tests.e2e.pbx_fixtures import (
    asterisk,
    contact_centre,
    office,
    patient_service,
    pbx,
    phone_dir,
    public,
    service,
)

__all__ = ["asterisk", "contact_centre", "office", "patient_service", "pbx", "phone_dir", "public", "service"]
