"""Everything tinysight raises on purpose.

TinysightError
├── UsageError          a wrong name, size, option or argument (also a ValueError)
├── ImageError          a picture that cannot be read; ``reason`` is one of ``IMAGE_REASONS``
├── CheckpointError     a model file that is damaged, incomplete or not one of ours
├── StoreError          weights that cannot be fetched, verified or cached
├── EngineError         an engine that cannot run this model or this input
├── GateError           a finished result that misses a promised threshold
└── MissingExtraError   an optional package is not installed (also an ImportError)

Each message is one line: what is wrong, the value received, what is accepted. Text that came out of a file is
shown through ``printable``, so that it cannot steer a terminal.
"""

from __future__ import annotations

IMAGE_REASONS = (
    "not_found",
    "not_a_regular_file",
    "permission_denied",
    "file_too_large",
    "empty",
    "not_an_image",
    "unsupported_format",
    "truncated",
    "corrupt",
    "too_many_pixels",
    "too_slow",
    "unsupported_pixels",
    "unreadable",
)


class TinysightError(Exception):
    """Base of every error raised on purpose."""


class UsageError(TinysightError, ValueError):
    """A wrong name, size, option or argument."""


class ImageError(TinysightError):
    """A picture that cannot be read.

    Args:
        reason: one of ``IMAGE_REASONS``, stable, for programs.
        message: one line for people.
    """

    def __init__(self, reason: str, message: str) -> None:
        if reason not in IMAGE_REASONS:
            raise ValueError(f"unknown image error reason {reason!r}")
        super().__init__(message)
        self.reason = reason

    def __reduce__(self) -> tuple[type[ImageError], tuple[str, str]]:
        return type(self), (self.reason, str(self))


class CheckpointError(TinysightError):
    """A model file that is damaged, incomplete or not one of ours."""


class StoreError(TinysightError):
    """Weights that cannot be fetched, verified or cached."""


class EngineError(TinysightError):
    """An engine that cannot run this model or this input."""


class GateError(TinysightError):
    """A finished result that misses a promised threshold."""


class MissingExtraError(TinysightError, ImportError):
    """An optional package is not installed.

    Args:
        package: the package that could not be imported.
        extra: the extra of tinysight that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"{package} is not installed; run: pip install 'tinysight[{extra}]'")
        self.package = package
        self.extra = extra

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return type(self), (self.package, self.extra)


def printable(text: str, limit: int = 200) -> str:
    r"""Return text from an untrusted file as one safe line of at most ``limit`` characters.

    >>> printable("a\x1b[31mred\n")
    'a\\x1b[31mred\\n'
    """
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: limit + 1])
    safe = safe.encode("utf-8", "backslashreplace").decode()
    return safe if len(safe) <= limit else safe[: limit - 3] + "..."
