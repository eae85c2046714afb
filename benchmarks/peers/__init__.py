"""Other programs that run the same network, one file each.

Every module says what it is in ``NAME``, which packages it needs in ``PACKAGES``, what it can do in ``VARIANTS``
(precision -> settings in words) and builds a ``Contender`` with ``contender(material, variant, threads)``: from our
checkpoint's numbers, for batches of one picture, with the settings that were fastest for it here. What a program needs
to see its own input (scaling, layout) is in ``prepare`` and not timed, while our engines scale pixels within the time.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType

MODULES = ("onnx_runtime", "open_vino", "lite_rt", "py_torch", "keras_predict")

# Nothing is sent while we measure. ONNX Runtime has a variable of its own, OpenVINO's and NNCF's sender stays quiet on
# continuous integration.
QUIET = {"ORT_DISABLE_TELEMETRY": "1", "CI": "true", "TF_CPP_MIN_LOG_LEVEL": "3", "NNCF_PROGRESS": "0"}


def peer(module: str) -> ModuleType:
    """Import one of ``MODULES``; it imports its own packages only when it builds a contender."""
    return importlib.import_module(f"peers.{module}")


def missing(module: str) -> list[str]:
    """Return the packages that a peer lacks here."""
    return [package for package in peer(module).PACKAGES if importlib.util.find_spec(package) is None]
