"""Where weights are kept and where they may come from, read from the environment once, at the edge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tinysight.errors import StoreError, UsageError

CACHE_VARIABLE = "TINYSIGHT_CACHE"
MIRROR_VARIABLE = "TINYSIGHT_MIRROR"
OFFLINE_VARIABLE = "TINYSIGHT_OFFLINE"
REGISTRY_VARIABLE = "npm_config_registry"  # npm's own; it reads it in capitals as well
# In this order. requests itself does not look at SSL_CERT_FILE.
CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_DIR")
_INDEX_VARIABLES = ("HOME", "USERPROFILE", "APPDATA", "PROGRAMDATA", "XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")

_TRUE = frozenset(("1", "true", "yes", "on"))
_FALSE = frozenset(("", "0", "false", "no", "off"))


@dataclass(frozen=True, slots=True)
class Settings:
    """How weights are kept and fetched.

    Args:
        cache: folder of the cache; None where no home folder is known, which is an error only when it is needed.
        mirror: a folder, or an http(s) or file address, that is asked before all other sources.
        offline: open no connection at all.
        ca_bundle: file or folder of trusted certificates; None for those that requests ships.
        index_environment: the variables and home folders by which the user tells pip or uv their package index.
        npm_registry: address that npm is told to use; None where npm itself is to be asked.
    """

    cache: Path | None
    mirror: str | None = None
    offline: bool = False
    ca_bundle: str | None = None
    index_environment: Mapping[str, str] = field(default_factory=dict, repr=False)  # may hold passwords
    npm_registry: str | None = field(default=None, repr=False)  # as well

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Settings:
        """Read ``TINYSIGHT_CACHE``, ``TINYSIGHT_MIRROR``, ``TINYSIGHT_OFFLINE`` and what they leave open.

        Raises:
            UsageError: ``TINYSIGHT_OFFLINE`` is neither a yes nor a no.
        """
        index = {k: v for k, v in environ.items() if k.startswith(("PIP_", "UV_")) or k in _INDEX_VARIABLES}
        return cls(
            cache=_cache_folder(environ),
            mirror=environ.get(MIRROR_VARIABLE) or None,
            offline=_flag(OFFLINE_VARIABLE, environ.get(OFFLINE_VARIABLE, "")),
            ca_bundle=next((environ[name] for name in CA_VARIABLES if environ.get(name)), None),
            index_environment=index,
            npm_registry=environ.get(REGISTRY_VARIABLE) or environ.get(REGISTRY_VARIABLE.upper()) or None,
        )

    def cache_folder(self) -> Path:
        """Return the cache folder, which need not exist.

        Raises:
            StoreError: no home folder is known and the variable is not set.
        """
        if self.cache is None:
            raise StoreError(f"no home folder is known, so there is no place for the cache; set {CACHE_VARIABLE}")
        return self.cache


def _flag(name: str, value: str) -> bool:
    word = value.strip().lower()
    if word not in _TRUE | _FALSE:
        raise UsageError(f"{name} must be 1 or 0, received {value!r}")
    return word in _TRUE


def _home(environ: Mapping[str, str]) -> Path | None:
    """Return the home folder, from the password file where HOME is not set; None for a user that has no entry."""
    named = environ.get("HOME") or (environ.get("USERPROFILE") if os.name == "nt" else None)
    if named:
        return Path(named)
    try:
        import pwd

        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except (ImportError, KeyError):
        return None


def _cache_folder(environ: Mapping[str, str]) -> Path | None:
    own = environ.get(CACHE_VARIABLE)
    home = _home(environ)
    if own:
        rest = own.removeprefix("~")
        inside_home = own == "~" or own.startswith(("~/", f"~{os.sep}"))
        return Path(str(home) + rest) if inside_home and home is not None else Path(own)
    xdg = environ.get("XDG_CACHE_HOME", "")
    if Path(xdg).is_absolute():  # the XDG specification says to ignore a relative one
        return Path(xdg) / "tinysight"
    if os.name == "nt" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "tinysight" / "cache"
    return None if home is None else home / ".cache" / "tinysight"
