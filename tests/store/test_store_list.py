"""The list of weights, the settings and the package index configuration: what is read, and what is refused."""

import os
import re
from importlib import resources
from pathlib import Path

import pytest

from tinysight.errors import StoreError, UsageError
from tinysight.spec import released_specs
from tinysight.store.index_config import index_config
from tinysight.store.released import parse_releases, releases
from tinysight.store.settings import Settings

LIST = resources.files("tinysight").joinpath("assets/weights.toml").read_text(encoding="utf-8")


def test_the_list_names_the_sixteen_released_models():
    assert list(releases()) == list(released_specs())
    for release in releases().values():
        assert release.official_url.startswith("https://")
        assert release.official_url.endswith(f"mobilenet/{release.keras_file}")
        assert release.numbers_bytes < release.max_file_bytes < release.numbers_bytes + (2 << 20)


def test_facts_of_the_list():
    """The numbers of FACTS section 2, and the three hashes that could be pinned."""
    pinned = {name for name, release in releases().items() if release.arrays_sha256}
    assert pinned == {"mobilenet_v1_1.0_224", "mobilenet_v1_0.75_224", "mobilenet_v1_0.25_224"}
    package = releases()["mobilenet_v1_1.0_224"].package
    assert package is not None
    assert (package.project, package.size_bytes, package.member_size_bytes) == ("nudity", 15_849_159, 17_124_178)
    assert package.sha256.startswith("d26e10346f00")
    assert package.member_sha256.startswith("3b90af536f81")
    assert releases()["mobilenet_v1_0.5_160"].keras_file == "mobilenet_5_0_160_tf.h5"
    assert sum(release.package is not None for release in releases().values()) == 1


def with_value(key: str, value: str) -> str:
    """Replace the first value of a key in the list."""
    changed, count = re.subn(rf"^{key} = .*$", lambda _: f"{key} = {value}", LIST, count=1, flags=re.MULTILINE)
    assert count == 1
    return changed


PATHS = [
    '"../x"',
    '"/etc/x"',
    '"a/b"',
    '"a\\\\b"',
    '".hidden"',
    '"x\\u0000"',
    '""',
    '"ä"',
    '"x\\n"',
    "5",
    '"' + "a" * 200 + '"',
]
DIGESTS = [
    '"' + "a" * 63 + '"',
    '"' + "a" * 65 + '"',
    '"' + "A" * 64 + '"',
    '"../' + "a" * 61 + '"',
    '"/etc/passwd"',
    "1",
    '""',
]


@pytest.mark.parametrize("value", PATHS)
@pytest.mark.parametrize("key", ["file", "project", "name", "member"])
def test_a_name_that_is_a_path_is_refused(key, value):
    if key == "member" and value in ('"a/b"', '"' + "a" * 200 + '"'):
        value = '"a//b"'
    with pytest.raises(StoreError, match=f"list of weights: {key} must be"):
        parse_releases(with_value(key, value))


@pytest.mark.parametrize("value", DIGESTS)
@pytest.mark.parametrize("key", ["sha256", "member_sha256", "arrays_sha256"])
def test_a_digest_of_another_form_is_refused(key, value):
    with pytest.raises(StoreError, match=f"{key} must be 64 hexadecimal digits"):
        parse_releases(with_value(key, value))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("base", '"http://h/x/"', "official base must be an https address"),
        ("base", '"file:///x/"', "official base must be an https address"),
        ("base", '"https://u:p@h/x/"', "official base must be an https address"),
        ("base", '"https://h/x"', "official base must be an https address"),
        ("format", "2", "format must be 1"),
        ("bytes", "-1", "bytes must be a number"),
        ("bytes", "true", "bytes must be a number"),
        ("member_bytes", "9999999999999", "member_bytes must be a number"),
        ("model", '"mobilenet_v1_1.0_999"', "package model must be one of the models"),
        ("name", '"mobilenet_v1_0.5_192"', "name must be a released model that is named once"),
        ("licence", "[", "not valid TOML"),
    ],
)
def test_other_values_that_are_refused(key, value, message):
    with pytest.raises(StoreError, match=message):
        parse_releases(with_value(key, value))


def test_unknown_and_missing_keys_are_refused():
    for text in (LIST + "\nurl = 'x'\n", LIST.replace("[official]", "[other]"), LIST.replace("member = ", "part = ")):
        with pytest.raises(StoreError, match="keys of"):
            parse_releases(text)


HOME = {"HOME": "/home/me"}


@pytest.mark.parametrize(
    ("environ", "cache"),
    [
        (HOME, "/home/me/.cache/tinysight"),
        ({**HOME, "XDG_CACHE_HOME": "/x"}, "/x/tinysight"),
        ({**HOME, "XDG_CACHE_HOME": "relative"}, "/home/me/.cache/tinysight"),
        ({**HOME, "TINYSIGHT_CACHE": "/c"}, "/c"),
        ({**HOME, "TINYSIGHT_CACHE": ""}, "/home/me/.cache/tinysight"),
        ({**HOME, "TINYSIGHT_CACHE": "~/c"}, "/home/me/c"),
        ({**HOME, "TINYSIGHT_CACHE": "~"}, "/home/me"),
        ({"HOME": "", "TINYSIGHT_CACHE": "/c"}, "/c"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="platform: paths of Unix")
def test_where_the_cache_is(environ, cache):
    assert Settings.from_environment(environ).cache == Path(cache)


def test_a_user_without_home_folder_is_told_only_when_a_cache_is_needed(monkeypatch):
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError("no such user")))
    settings = Settings.from_environment({})
    assert settings.cache is None
    with pytest.raises(StoreError, match=r"no home folder is known.*set TINYSIGHT_CACHE"):
        settings.cache_folder()


def test_the_other_variables():
    assert not Settings.from_environment(HOME).offline
    assert Settings.from_environment({**HOME, "TINYSIGHT_OFFLINE": "Yes"}).offline
    assert not Settings.from_environment({**HOME, "TINYSIGHT_OFFLINE": "0"}).offline
    with pytest.raises(UsageError, match="TINYSIGHT_OFFLINE must be 1 or 0, received 'maybe'"):
        Settings.from_environment({**HOME, "TINYSIGHT_OFFLINE": "maybe"})
    assert Settings.from_environment({**HOME, "TINYSIGHT_MIRROR": ""}).mirror is None
    bundles = {"REQUESTS_CA_BUNDLE": "/r", "CURL_CA_BUNDLE": "/c"}
    assert Settings.from_environment({**HOME, **bundles}).ca_bundle == "/r"
    assert Settings.from_environment({**HOME, **bundles, "SSL_CERT_FILE": "/s"}).ca_bundle == "/s"
    secret = Settings.from_environment({**HOME, "PIP_INDEX_URL": "https://u:secret@h/"})
    assert "secret" not in repr(secret)


@pytest.fixture
def no_files(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.prefix", str(tmp_path / "prefix"))
    return {"HOME": str(tmp_path / "home"), "XDG_CONFIG_DIRS": str(tmp_path / "etc")}


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("variables", "urls"),
    [
        ({}, (None,)),
        ({"PIP_INDEX_URL": "https://a/simple"}, ("https://a/simple",)),
        ({"UV_DEFAULT_INDEX": "https://b/s"}, ("https://b/s",)),
        ({"UV_DEFAULT_INDEX": "corp=https://b/s"}, ("https://b/s",)),
        ({"UV_INDEX_URL": "https://c/s"}, ("https://c/s",)),
        ({"PIP_INDEX_URL": "https://a/", "UV_INDEX_URL": "https://c/s"}, ("https://a/",)),
        ({"PIP_EXTRA_INDEX_URL": "https://d/ file:///e https://f/"}, (None, "https://d/", "https://f/")),
        ({"UV_INDEX": "x=https://g/ https://h/"}, (None, "https://g/", "https://h/")),
        ({"PIP_INDEX_URL": "file:///mirror"}, ()),
        ({"PIP_INDEX_URL": "https://a/", "PIP_EXTRA_INDEX_URL": "https://a/"}, ("https://a/",)),
    ],
)
def test_index_from_variables(variables, urls, no_files):
    config = index_config({**no_files, **variables, "PIP_CONFIG_FILE": os.devnull})
    assert config.urls == urls
    assert not config.disabled


@pytest.mark.skipif(os.name == "nt", reason="platform: places of Unix")
def test_index_from_pips_files_in_pips_order(no_files, tmp_path):
    places = ["etc/pip/pip.conf", "home/.pip/pip.conf", "home/.config/pip/pip.conf", "prefix/pip.conf"]
    for number, place in enumerate(places):
        write(tmp_path / place, f"[global]\nindex-url = https://index{number}/\n")
        assert index_config(no_files).urls == (f"https://index{number}/",)
    write(tmp_path / "own.conf", "[global]\nindex_url = https://own/\ncert = /ca.pem\n[install]\nno-index = yes\n")
    config = index_config({**no_files, "PIP_CONFIG_FILE": str(tmp_path / "own.conf")})
    assert (config.urls, config.ca_bundle, config.disabled) == (("https://own/",), "/ca.pem", True)
    assert index_config({**no_files, "PIP_INDEX_URL": "https://variable/"}).urls == ("https://variable/",)


def test_several_extra_indexes_on_lines_of_their_own(no_files, tmp_path):
    write(tmp_path / "prefix/pip.conf", "[global]\nextra-index-url =\n    https://a/\n    file:///b\n    https://c/\n")
    environ = {**no_files, "PIP_CONFIG_FILE": str(tmp_path / "absent")}
    assert index_config(environ).urls == (None, "https://a/", "https://c/")


def test_a_file_that_pip_could_not_read_is_left_out(no_files, tmp_path):
    (tmp_path / "prefix").mkdir()
    (tmp_path / "prefix/pip.conf").write_bytes(b"\xff[global\nnonsense")
    assert index_config({**no_files, "PIP_NO_INDEX": "0"}).disabled is False
