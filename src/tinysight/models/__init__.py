"""Models by name or path: opened, fetched, imported, verified.

The one place that knows both where weights come from (``store``, ``importers``, the package itself) and how to run them
(the reference engine, which gives the probes that a model carries to check itself).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinysight.lazy import names_of

if TYPE_CHECKING:
    from tinysight.models.foreign import import_model
    from tinysight.models.opening import open_model
    from tinysight.models.probes import make_probes
    from tinysight.models.released import fetch
    from tinysight.models.verifying import Verified, verify

__all__ = ["Verified", "fetch", "import_model", "make_probes", "open_model", "verify"]

_HOMES = {
    "Verified": "verifying",
    "fetch": "released",
    "import_model": "foreign",
    "make_probes": "probes",
    "open_model": "opening",
    "verify": "verifying",
}
__getattr__ = names_of(__name__, _HOMES)
