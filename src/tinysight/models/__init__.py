"""Models by name or path: opened, fetched, imported, verified.

The one place that knows both where weights come from (``store``, ``importers``) and how to run them (the reference
engine, which gives the probes that a model carries to check itself).
"""

from tinysight.models.foreign import import_model
from tinysight.models.opening import Verified, open_model, verify
from tinysight.models.probes import make_probes
from tinysight.models.released import fetch, released

__all__ = ["Verified", "fetch", "import_model", "make_probes", "open_model", "released", "verify"]
