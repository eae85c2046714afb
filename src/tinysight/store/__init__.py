"""Where released weights come from and where they are kept.

``released`` is the list, ``settings`` says where to look, ``sources`` asks one place after the other, ``download`` and
what is below it fetch one file, ``cache`` holds the result. HTTP is imported only when something is fetched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinysight.lazy import names_of

if TYPE_CHECKING:
    from tinysight.store.cache import Entry, entry_path, prepare_folder, read_entry, tidy, write_entry
    from tinysight.store.limits import Progress
    from tinysight.store.lock import locked
    from tinysight.store.material import Material, Request
    from tinysight.store.npm import npm_members, npm_packages
    from tinysight.store.released import Release, releases
    from tinysight.store.settings import Settings
    from tinysight.store.sources import can_ask, obtain

__all__ = [
    "Entry",
    "Material",
    "Progress",
    "Release",
    "Request",
    "Settings",
    "can_ask",
    "entry_path",
    "locked",
    "npm_members",
    "npm_packages",
    "obtain",
    "prepare_folder",
    "read_entry",
    "releases",
    "tidy",
    "write_entry",
]

_HOMES = {
    "Entry": "cache",
    "Material": "material",
    "Progress": "limits",
    "Release": "released",
    "Request": "material",
    "Settings": "settings",
    "can_ask": "sources",
    "entry_path": "cache",
    "locked": "lock",
    "npm_members": "npm",
    "npm_packages": "npm",
    "obtain": "sources",
    "prepare_folder": "cache",
    "read_entry": "cache",
    "releases": "released",
    "tidy": "cache",
    "write_entry": "cache",
}
__getattr__ = names_of(__name__, _HOMES)
