"""What only admins may see. The API server's process reads it, too, so it imports nothing."""

from __future__ import annotations

# The DAGs whose id begins so, and the asset with this id, which is not there.
RESTRICTED = "restricted-"
RESTRICTED_ASSET = 404_000
