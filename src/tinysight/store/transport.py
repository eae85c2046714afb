"""One HTTP request: redirects with rules, trusted certificates, proxies, and failures in one line each.

``requests`` reads the proxy variables, NO_PROXY and ``.netrc``. This module is imported only when something is fetched.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from tinysight.errors import StoreError, printable
from tinysight.store.limits import Limits, NotThereError, SourceError
from tinysight.store.watchdog import Watchdog

RETRY_STATUS = frozenset((429, 500, 502, 503, 504))
NOT_THERE_STATUS = frozenset((404, 410))


class _Adapter(HTTPAdapter):
    """Shows each new connection to a watchdog."""

    def __init__(self, watchdog: Watchdog) -> None:
        class Http(HTTPConnection):
            def _new_conn(self) -> Any:
                connection = super()._new_conn()
                watchdog.watch(connection)
                return connection

        class Https(HTTPSConnection):
            def _new_conn(self) -> Any:
                connection = super()._new_conn()
                watchdog.watch(connection)
                return connection

        class HttpPool(HTTPConnectionPool):
            ConnectionCls = Http

        class HttpsPool(HTTPSConnectionPool):
            ConnectionCls = Https

        self._pools = {"http": HttpPool, "https": HttpsPool}
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # that manager has connections of its own kind
            manager.pool_classes_by_scheme = self._pools
        return manager


def shown(url: str) -> str:
    """Return an address for a message: without user, password, query and fragment."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    host = parts.netloc.rpartition("@")[2]
    return printable(urlunsplit((parts.scheme, host, parts.path, "", "")))


def checked_url(url: str, before: str | None = None) -> str:
    """Return an address that may be asked.

    Args:
        url: where to.
        before: the address that redirects there.

    Raises:
        SourceError: another scheme than http and https, no host, or a step from https to http.
    """
    came = "" if before is None else f"{shown(before)}: redirected to "
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if host is None or parts.scheme not in ("http", "https"):
        raise SourceError(f"{came}{shown(url)}, which is no http or https address")
    if before is not None and before.lower().startswith("https:") and parts.scheme != "https":
        raise SourceError(f"{came}{shown(url)}, away from https, which is refused")
    return url


def certificates(path: str | None) -> str | bool:
    """Return the ``verify`` argument of requests; verification is never off.

    Raises:
        StoreError: there is no such file or folder.
    """
    if path is None:
        return True
    if not Path(path).exists():
        raise StoreError(
            f"the file of trusted certificates {printable(path)} does not exist; set SSL_CERT_FILE to one that does"
        )
    return path


# The first that stands in the chain of an error says what went wrong, and whether trying again may help.
_KINDS: tuple[tuple[type[BaseException], str, bool], ...] = (
    (requests.exceptions.SSLError, "the TLS certificate or handshake is refused", False),
    (urllib3.exceptions.SSLError, "the TLS certificate or handshake is refused", False),
    (requests.exceptions.ProxyError, "the proxy cannot be used", False),
    (urllib3.exceptions.NameResolutionError, "the host name cannot be resolved", False),
    (urllib3.exceptions.NewConnectionError, "no connection", False),
    (urllib3.exceptions.ConnectTimeoutError, "no connection in time", False),
    (requests.exceptions.InvalidSchema, "the proxy address has an unknown scheme", False),
    (urllib3.exceptions.ReadTimeoutError, "the server went silent", True),
    (requests.exceptions.Timeout, "the server went silent", True),
    (ValueError, "the address or a header is malformed", False),
)


def _chain(error: BaseException) -> list[BaseException]:
    """Return an error and what is inside it; requests wraps urllib3's errors, which wrap those of the system."""
    chain: list[BaseException] = []
    current: object = error
    while isinstance(current, BaseException) and len(chain) < 8:
        chain.append(current)
        inner = next((argument for argument in current.args if isinstance(argument, BaseException)), None)
        current = getattr(current, "reason", None) or inner or current.__cause__ or current.__context__
    return chain


def _reason(error: BaseException) -> tuple[str, bool]:
    """Return what went wrong in a few words, and whether trying again may help."""
    chain = _chain(error)
    detail = ""
    for link in chain:  # what the operating system or OpenSSL says is short
        if isinstance(link, OSError) and link.strerror and not isinstance(link, requests.RequestException):
            detail = f" ({printable(str(link.strerror), 100)})"
    for kind, text, retry in _KINDS:
        if any(isinstance(link, kind) for link in chain):
            return text + detail, retry
    return f"the connection broke{detail}", True


@contextlib.contextmanager
def plain_failures(url: str, watchdog: Watchdog, limits: Limits) -> Iterator[None]:
    """Turn whatever requests and urllib3 raise into a ``SourceError`` of one line."""
    try:
        yield
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        if watchdog.too_slow:
            slow = f"less than {limits.min_bytes_per_s:g} bytes/s for {limits.window_s:g} s"
            raise SourceError(f"{shown(url)}: given up, too slow ({slow})") from None
        text, retry = _reason(error)
        raise SourceError(f"{shown(url)}: {text}", retry=retry) from None


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, in either of its two forms; None where there is none."""
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None


def check_status(response: requests.Response, url: str, now_s: float) -> None:
    """Refuse every answer but 200, 206 and 416.

    Raises:
        NotThereError: 404 or 410.
        SourceError: any other status.
    """
    status = response.status_code
    if status in (200, 206, 416):
        return
    if status in NOT_THERE_STATUS:
        raise NotThereError(f"{shown(url)}: not there (HTTP {status})")
    wait_s = retry_after_s(response.headers, now_s)
    raise SourceError(f"{shown(url)}: HTTP {status}", retry=status in RETRY_STATUS, retry_after_s=wait_s)


@contextlib.contextmanager
def opened(
    url: str, headers: Mapping[str, str], limits: Limits, ca_bundle: str | None
) -> Iterator[tuple[requests.Response, Watchdog]]:
    """Send one GET and follow its redirects; the body is not read yet.

    Raises:
        SourceError: no answer, or too many or forbidden redirects.
        StoreError: the file of trusted certificates does not exist.
    """
    verify = certificates(ca_bundle)
    with Watchdog(limits) as watchdog, requests.Session() as session:
        for scheme in ("http://", "https://"):
            session.mount(scheme, _Adapter(watchdog))
        session.headers.update({"User-Agent": "tinysight", "Accept-Encoding": "identity"})
        timeout = (limits.connect_s, limits.read_s)
        for _ in range(limits.max_redirects + 1):
            checked_url(url)
            with plain_failures(url, watchdog, limits):
                response = session.get(
                    url, headers=dict(headers), timeout=timeout, stream=True, allow_redirects=False, verify=verify
                )
            if not response.is_redirect:
                with contextlib.closing(response):
                    yield response, watchdog
                return
            with contextlib.closing(response), plain_failures(url, watchdog, limits):
                target = urljoin(url, response.headers["Location"])
            url = checked_url(target, before=url)
        raise SourceError(f"{shown(url)}: more than {limits.max_redirects} redirects")
