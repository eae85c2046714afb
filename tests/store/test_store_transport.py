"""TLS, redirects, proxies and passwords."""

import faults as fault
import pytest
from store_helpers import CERTIFICATES, QUICK

from tinysight.errors import StoreError
from tinysight.store.download import fetch_bytes
from tinysight.store.limits import NotThereError, SourceError
from tinysight.store.transport import checked_url, retry_after_s, shown

CA = str(CERTIFICATES / "ca.pem")


def get(url: str, ca_bundle: str | None = None) -> bytes:
    return fetch_bytes(url, 1000, {}, QUICK, ca_bundle)[0]


def test_a_certificate_that_nobody_vouches_for_is_refused(tls_server):
    tls_server.files["/x"] = b"data"
    with pytest.raises(SourceError, match=r"TLS certificate .* is refused .*CERTIFICATE_VERIFY_FAILED") as caught:
        get(tls_server.url("/x"))
    assert "\n" not in str(caught.value)
    assert tls_server.requests == []


def test_a_custom_authority_is_accepted_and_a_wrong_host_name_is_not(tls_server):
    tls_server.files["/x"] = b"data"
    assert get(tls_server.url("/x"), CA) == b"data"
    with pytest.raises(SourceError, match="TLS certificate"):
        get(tls_server.url("/x").replace("127.0.0.1", "127.1"), CA)  # the same host by a name that is not in it


def test_other_bundles_in_the_environment_do_not_replace_the_one_that_is_given(tls_server, monkeypatch):
    tls_server.files["/x"] = b"data"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/does/not/exist")
    assert get(tls_server.url("/x"), CA) == b"data"


def test_a_missing_bundle_says_which_variable_to_set(tls_server):
    with pytest.raises(StoreError, match=r"/does/not/exist does not exist; set SSL_CERT_FILE"):
        get(tls_server.url("/x"), "/does/not/exist")


def test_plain_http_on_a_tls_port_and_tls_on_a_plain_port(server, tls_server):
    with pytest.raises(SourceError, match="TLS"):
        get(server.url("/x").replace("http:", "https:"), CA)
    with pytest.raises(SourceError):
        get(tls_server.url("/x").replace("https:", "http:"))


def test_a_redirect_is_followed_but_not_from_https_to_http(server, tls_server):
    server.files["/x"] = tls_server.files["/x"] = b"data"
    server.faults["/moved"] = fault.redirect("/x", 301)
    server.faults["/to-tls"] = fault.redirect(tls_server.url("/x"), 308)
    tls_server.faults["/to-plain"] = fault.redirect(server.url("/x"))
    assert get(server.url("/moved")) == b"data"
    assert get(server.url("/to-tls"), CA) == b"data"
    asked = len(server.requests)
    with pytest.raises(SourceError, match=r"redirected to http://127.*, away from https, which is refused"):
        get(tls_server.url("/to-plain"), CA)
    assert len(server.requests) == asked


def test_a_password_goes_to_its_own_host_and_into_no_message(server, tls_server):
    server.faults["/x"] = fault.redirect(tls_server.url("/x"))
    tls_server.faults["/x"] = fault.status(404)
    with pytest.raises(NotThereError) as caught:
        get(server.url("/x").replace("//", "//user:secret@"), CA)
    assert "secret" not in str(caught.value)
    assert server.requests[0].headers["Authorization"].startswith("Basic ")
    assert "Authorization" not in tls_server.requests[0].headers


def test_netrc_is_honoured(server, tmp_path, monkeypatch):
    server.files["/x"] = b"data"
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password you\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    assert get(server.url("/x")) == b"data"
    assert server.requests[0].headers["Authorization"] == "Basic bWU6eW91"


def test_proxy_and_no_proxy(server, monkeypatch):
    """A proxy is asked with the whole address, which here no resolver knows."""
    server.files["http://weights.invalid/x"] = b"by proxy"
    server.files["/x"] = b"directly"
    monkeypatch.setenv("HTTP_PROXY", server.url())
    assert get("http://weights.invalid/x") == b"by proxy"
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with pytest.raises(SourceError, match="proxy"):
        get(server.url("/x"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    assert get(server.url("/x")) == b"directly"


def test_a_proxy_that_is_too_slow_is_watched_as_well(server, monkeypatch):
    server.faults["http://weights.invalid/x"] = fault.slow_headers
    monkeypatch.setenv("HTTP_PROXY", server.url())
    with pytest.raises(SourceError, match="too slow"):
        get("http://weights.invalid/x")


def test_a_tls_handshake_that_never_ends_is_given_up(server):
    with pytest.raises(SourceError, match=r"too slow|silent|TLS"):
        get(server.url("/x").replace("http:", "https:"))


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://h/x", "/etc/passwd", "", "http://", "http://[::1", "x:y"])
def test_no_address(url):
    with pytest.raises(SourceError, match="no http or https address"):
        checked_url(url)


def test_shown_hides_what_is_secret():
    assert shown("https://user:secret@host:1/a?token=t#f") == "https://host:1/a"
    assert shown("http://[::1") == "an address that cannot be read"
    assert "\x1b" not in shown("http://h/\x1b[31m")


def test_retry_after_in_both_forms():
    assert retry_after_s({"Retry-After": "7"}, 0) == 7
    assert retry_after_s({"Retry-After": "Thu, 01 Jan 1970 00:01:00 GMT"}, 20) == 40
    assert retry_after_s({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 20) == 0
    for nonsense in ("", "-1", "soon", "1e9", "٣"):
        assert retry_after_s({"Retry-After": nonsense}, 0) is None
