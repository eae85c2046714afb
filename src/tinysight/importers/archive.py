"""Members of a zip archive from a stranger, by their names, in memory and up to a size.

The list of members is the first thing that a zip reader takes in whole, so its length is looked at before it is read.
Nothing is written to disk, so that names with ``..`` or ``/`` in them are names like any other.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections import Counter

from tinysight.errors import CheckpointError, printable

MAX_DIRECTORY_BYTES = 64 << 10  # some hundred members; Keras writes three, and assets of layers that we do not have
END_BYTES = 22  # of the record that closes an archive; it starts with END, and LOCATOR stands before it in a zip64
LOCATOR_BYTES = 20
END, LOCATOR = b"PK\x05\x06", b"PK\x06\x07"
PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
ENCRYPTED = 1
# What zipfile and zlib raise for damaged archives, depending on the call.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, NotImplementedError)


class Archive:
    """An archive whose list of members was read.

    Args:
        data: the whole file.
        where: its name, for messages.

    Raises:
        CheckpointError: damaged, cut short, a list that is too long, or a name that stands in it twice.
    """

    def __init__(self, data: bytes, where: str) -> None:
        self.where = where
        end, before = data[-END_BYTES:], data[-END_BYTES - LOCATOR_BYTES : -END_BYTES]
        if len(end) < END_BYTES or not end.startswith(END):
            raise CheckpointError(
                f"{where}: zip archive is damaged or cut short: its list of members is not at its end"
            )
        (listed,) = struct.unpack("<I", end[12:16])
        if before.startswith(LOCATOR) or listed > MAX_DIRECTORY_BYTES:
            raise CheckpointError(f"{where}: zip archive lists more members than a Keras model has")
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
        except DAMAGE as error:
            raise self._damaged("list of members", error) from None
        self._members = {info.filename: info for info in self._zip.infolist()}
        twice = [name for name, count in Counter(self._zip.namelist()).items() if count > 1]
        if twice:
            raise CheckpointError(f"{where}: member {printable(twice[0], 60)!r} stands twice in the archive")

    def _damaged(self, what: str, error: Exception) -> CheckpointError:
        reason = printable(str(error) or type(error).__name__, 100)
        return CheckpointError(f"{self.where}: {what} of the zip archive cannot be read: {reason}")

    def names(self) -> list[str]:
        """Return all members' names."""
        return list(self._members)

    def read(self, name: str, limit: int, expansion: int) -> bytes:
        """Unpack a member.

        Args:
            name: exactly as it stands in the archive.
            limit: bytes that it may have.
            expansion: how many times as long as its packed form it may be.

        Raises:
            CheckpointError: no such member, too long, encrypted, packed in a rare way, or damaged.
        """
        if name not in self._members:
            held = ", ".join(printable(one, 30) for one in self.names()[:3]) or "nothing"
            raise CheckpointError(f"{self.where}: member {name} is missing from the archive (it holds {held})")
        info = self._members[name]
        size, packed = info.file_size, info.compress_size
        if size > limit or size > expansion * packed:
            raise CheckpointError(
                f"{self.where}: member {name} declares {size} bytes, packed in {packed}; "
                f"at most {limit}, and {expansion} times the packed, are read"
            )
        if info.compress_type not in PLAIN or info.flag_bits & ENCRYPTED:
            raise CheckpointError(f"{self.where}: member {name} is encrypted or packed in another way than deflate")
        try:
            with self._zip.open(info) as member:
                content = member.read(size)
                member.read(1)  # at the end the checksum is compared
        except (*DAMAGE, RuntimeError) as error:
            raise self._damaged(f"member {name}", error) from None
        if len(content) != size:
            raise CheckpointError(f"{self.where}: member {name} has {len(content)} bytes and declares {size}")
        return content
