"""Which package index the user has told pip or uv to use.

Read are the variables of pip and uv and pip's configuration files in their documented places. Passwords in an address
are used as pip uses them, and never shown.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_SECTIONS = ("global", "download", "install")  # the later wins, as in pip; either command would be used for this
_URL = re.compile(r"https?://", re.IGNORECASE)
_NAMED = re.compile(r"[A-Za-z0-9._-]+=(?=https?://)", re.IGNORECASE)  # uv: name=address


@dataclass(frozen=True, slots=True)
class IndexConfig:
    """The user's package index.

    Args:
        urls: http(s) addresses in the order they are asked; None stands for the client's own default.
        ca_bundle: file of trusted certificates that pip was told to use.
        disabled: the user has told pip to use no index.
    """

    urls: tuple[str | None, ...]
    ca_bundle: str | None = None
    disabled: bool = False


def _config_files(environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the places of pip's configuration files, the weakest first."""
    home = environ.get("HOME") or environ.get("USERPROFILE")
    own = environ.get("PIP_CONFIG_FILE")
    if own == os.devnull:  # pip: no files at all
        return
    if own and Path(own).exists():  # pip: instead of the user's own
        home = None
    if os.name == "nt":
        yield Path(environ.get("PROGRAMDATA", "C:/ProgramData")) / "pip/pip.ini"
        if home:
            yield Path(home) / "pip/pip.ini"
        if environ.get("APPDATA"):
            yield Path(environ["APPDATA"]) / "pip/pip.ini"
        yield Path(sys.prefix) / "pip.ini"
    else:
        for folder in (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":"):
            if folder:
                yield Path(folder) / "pip/pip.conf"
        yield Path("/etc/pip.conf")
        if sys.platform == "darwin":
            yield Path("/Library/Application Support/pip/pip.conf")
        if home:
            yield Path(home) / ".pip/pip.conf"
            yield Path(environ.get("XDG_CONFIG_HOME") or Path(home) / ".config") / "pip/pip.conf"
            if sys.platform == "darwin":
                yield Path(home) / "Library/Application Support/pip/pip.conf"
        yield Path(sys.prefix) / "pip.conf"
    if own:
        yield Path(own)


def _read_config(files: Iterator[Path]) -> dict[str, str]:
    """Return the options of all files as one dictionary; files that cannot be read are left out, as pip does."""
    options: dict[str, str] = {}
    for path in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            continue
        for section in _SECTIONS:
            if parser.has_section(section):
                options |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    return options


def _addresses(text: str | None) -> list[str]:
    words = (_NAMED.sub("", word) for word in (text or "").split())
    return [word for word in words if _URL.match(word)]


def index_config(environ: Mapping[str, str]) -> IndexConfig:
    """Return the package index that the user has configured.

    Args:
        environ: variables named ``PIP_*`` and ``UV_*``, and those that name home and configuration folders.

    Returns:
        pip's main index before uv's, variables before files, extra indexes last; indexes that are folders on this
        machine are left out.
    """
    options = _read_config(_config_files(environ))
    mains = [environ.get(name) for name in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")]
    main = next((text for text in [*mains, options.get("index-url")] if text), None)
    extras = [environ.get(name) for name in ("UV_INDEX", "PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL")]
    urls: list[str | None] = [None] if main is None else [*_addresses(main)]
    for text in [*extras, None if environ.get("PIP_EXTRA_INDEX_URL") else options.get("extra-index-url")]:
        urls += _addresses(text)
    no_index = environ.get("PIP_NO_INDEX") or options.get("no-index") or ""
    return IndexConfig(
        urls=tuple(dict.fromkeys(urls)),
        ca_bundle=environ.get("PIP_CERT") or options.get("cert"),
        disabled=no_index.strip().lower() in ("1", "true", "yes", "on"),
    )
