"""Which pictures a model was trained on: on those it is better than on any others, so they are not measured on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

PREFIX_BYTES = 4  # of a file's SHA-256: with 4,000 pictures seen, one new one in a million is taken for seen


def unseen(contents: Sequence[bytes], seen_prefixes: NDArray[np.uint32] | None) -> NDArray[np.bool_]:
    """Tell which pictures a model was not trained on.

    Args:
        contents: SHA-256 of each file, 32 bytes; ``b""`` for what could not be read, which nothing was trained on.
        seen_prefixes: uint32, the first four bytes of the hashes of the pictures trained on, big-endian, as
            ``Card.trained_on`` has them; None where they are not known.

    Returns:
        bool ``(N,)``, True: not trained on, as far as the model knows.

    >>> unseen([bytes.fromhex("0000000a") + bytes(28), b""], np.uint32([10])).tolist()
    [False, True]
    """
    readable = np.array([len(digest) >= PREFIX_BYTES for digest in contents], bool)
    if seen_prefixes is None:
        return np.ones(len(contents), bool)
    prefixes = np.array([int.from_bytes(digest[:PREFIX_BYTES], "big") for digest in contents], np.uint32)
    fresh: NDArray[np.bool_] = ~(np.isin(prefixes, seen_prefixes) & readable)
    return fresh
