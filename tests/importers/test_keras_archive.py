"""``.keras`` archives: read in memory, member by member; hostile and damaged ones are refused in a line."""

import io
import json
import struct
import sys
import warnings
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from h5_writer import model_config, numbered
from lively_models import lively

from tinysight.errors import CheckpointError, MissingExtraError
from tinysight.importers import import_file
from tinysight.labels import Label
from tinysight.models import import_model
from tinysight.models.foreign import foreign_hint
from tinysight.spec import Spec

h5py = pytest.importorskip("h5py", reason="needs h5py")
SPEC = Spec(alpha=0.25, resolution=64, num_classes=3)
NAMES = ("metadata.json", "config.json", "model.weights.h5")


@pytest.fixture(scope="module")
def model():
    made = lively(SPEC)
    labels = tuple(Label(None, name) for name in ("rose", "tulip", "daisy"))
    return replace(made, card=replace(made.card, name="flowers", labels=labels, licence="CC0-1.0", source="a test"))


def members(model, spec=SPEC, pads="keras", **changes):
    memory = io.BytesIO()
    with h5py.File(memory, "w") as root:
        numbered(root, model.arrays, names=True)
    config = model_config(spec, pads=pads, **changes).encode()
    return dict(zip(NAMES, (b'{"keras_version": "3.15.1"}', config, memory.getvalue()), strict=True))


def zipped(entries, kind=zipfile.ZIP_STORED):
    memory = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(memory, "w", kind) as archive:
        warnings.simplefilter("ignore")  # of names that stand twice
        for name, data in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(name, data)
    return memory.getvalue()


def written(tmp_path, data):
    path = tmp_path / "model.keras"
    path.write_bytes(data)
    return path


def same(found, arrays):
    return {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in arrays.items()}


@pytest.mark.parametrize("kind", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("fields", "pads"),
    [
        ({}, "keras"),
        ({"padding": "same", "resolution": 97}, "same"),
        ({"padding": "symmetric", "bn_epsilon": 1e-5}, "symmetric"),
        ({"include_top": False, "depth_multiplier": 2}, "keras"),
    ],
)
def test_the_config_says_what_the_weights_do_not(tmp_path, fields, pads, kind):
    spec = Spec(**{"alpha": 0.25, "resolution": 64, "num_classes": 3, **fields})
    made = lively(spec)
    found = import_file(written(tmp_path, zipped(members(made, spec, pads), kind)))
    assert found.spec == replace(spec, num_classes=found.spec.num_classes)
    assert same(found.arrays, made.arrays)
    assert found.source == "Keras archive model.keras"
    assert found.card is None


def test_another_resolution_can_be_asked_for(model, tmp_path):
    path = written(tmp_path, zipped(members(model)))
    assert import_file(path, resolution=96).spec == replace(SPEC, resolution=96)


def test_our_card_comes_along(model, tmp_path):
    path = written(tmp_path, zipped({**members(model), "tinysight.card.json": model.card.to_json()}))
    assert import_file(path).card == model.card
    back = import_model(path)
    assert (back.card.name, back.card.labels, back.card.licence) == ("flowers", model.card.labels, "CC0-1.0")
    assert import_file(path, resolution=96).card.probes == ()
    assert "tinysight models import" in foreign_hint(path)


def test_a_card_of_another_network_is_refused(model, tmp_path):
    for change in ({"num_classes": 4}, {"bn_epsilon": 1e-5}, {"resolution": 96}, {"padding": "symmetric"}):
        other = lively(replace(SPEC, **change)).card.to_json()
        path = written(tmp_path, zipped({**members(model), "tinysight.card.json": other}))
        with pytest.raises(CheckpointError, match="describes another network"):
            import_file(path)
    path = written(tmp_path, zipped({**members(model), "tinysight.card.json": "{}"}))
    with pytest.raises(CheckpointError, match=r"model\.keras: .*card must have"):
        import_file(path)


def _listed(data, name, offset, value):
    """Write something else into a member's entry in the list."""
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(name.encode())) + offset
    return data[:at] + value + data[at + len(value) :]


def _declaring(data, name, size):
    return _listed(data, name, 24, struct.pack("<I", size))


def _flipped(data, mark, offset):
    place = data.index(mark) + offset
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def _before_the_end(data, more):
    return data[:-22] + more + data[-22:]


# What is made of a good archive's members, and what is said about it.
HOSTILE = {
    "cut short": (lambda good: zipped(good)[:-30], "cut short"),
    "only the beginning of a zip": (lambda _: b"PK\x03\x04" + b"config.json" * 9, "cut short"),
    "no weights": (lambda good: zipped({"config.json": good["config.json"]}), "model.weights.h5 is missing"),
    "no config": (lambda good: zipped({NAMES[2]: good[NAMES[2]]}), "member config.json is missing"),
    "paths for names": (
        lambda good: zipped({f"../../{name}": data for name, data in good.items()}),
        "config.json is missing from the archive (it holds ../../metadata.json",
    ),
    "a name twice": (lambda good: zipped([*good.items(), ("config.json", b"{}")]), "'config.json' stands twice"),
    "a member of 4 GB": (lambda good: _declaring(zipped(good), NAMES[2], 0xFFFFFFF0), "declares 4294967280 bytes"),
    "a member of 100 MB": (lambda good: _declaring(zipped(good), NAMES[2], 100 << 20), "declares 104857600 bytes"),
    "a shorter member": (lambda good: _declaring(zipped(good), NAMES[2], 1000), "cannot be read: Bad CRC-32"),
    "zeros that unpack": (
        lambda good: zipped({**good, NAMES[2]: bytes(64 << 20)}, zipfile.ZIP_DEFLATED),
        "declares 67108864 bytes, packed in",
    ),
    "a config without an end": (
        lambda good: zipped({**good, "config.json": b"[" * (9 << 20)}),
        "member config.json declares 9437184 bytes",
    ),
    "nested lists": (lambda good: zipped({**good, "config.json": b"[" * (1 << 20)}), "does not list the layers"),
    "a config in bytes": (lambda good: zipped({**good, "config.json": b"\xff\xfe"}), "not UTF-8"),
    "thousands of members": (
        lambda good: zipped([*good.items(), *((f"assets/{n}/{'x' * 100}", b"") for n in range(1000))]),
        "lists more members",
    ),
    "a zip64": (lambda good: _before_the_end(zipped(good), b"PK\x06\x07" + bytes(16)), "lists more members"),
    "encrypted": (lambda good: _listed(zipped(good), "config.json", 8, b"\x01"), "encrypted"),
    "packed in another way": (lambda good: zipped(good, zipfile.ZIP_BZIP2), "another way than deflate"),
    "a flipped bit": (
        lambda good: _flipped(zipped(good), b"\x89HDF", 5000),
        "cannot be read: Bad CRC-32",
    ),
    "another file for weights": (lambda good: zipped({**good, NAMES[2]: b"PK" * 999}), "HDF5 file is damaged"),
    "a layer that runs code": (
        lambda good: zipped({**good, "config.json": model_config(SPEC, act_softmax={"class_name": "Lambda"})}),
        "layer act_softmax is a Lambda",
    ),
}


@pytest.mark.parametrize("which", HOSTILE)
def test_hostile_archives_are_refused_in_a_line(model, tmp_path, which):
    make, words = HOSTILE[which]
    path = written(tmp_path, make(members(model)))
    with pytest.raises(CheckpointError) as caught:
        import_file(path)
    message = str(caught.value)
    assert words in message
    assert str(path) in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == [path]


def test_any_byte_may_be_wrong(model, tmp_path):
    """Wherever an archive is damaged, it is refused in a line, or the numbers are whole."""
    whole = zipped(members(model))
    rng = np.random.default_rng(0)
    tail = len(whole) - 400
    for place in [*rng.integers(0, len(whole), 20), *range(tail, len(whole), 9)]:
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(rng.integers(8))
        try:
            found = import_file(written(tmp_path, bytes(damaged)))
        except CheckpointError:
            continue
        assert same(found.arrays, model.arrays)


def test_without_h5py_the_extra_is_named(model, tmp_path, monkeypatch):
    path = written(tmp_path, zipped(members(model)))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtraError, match=r"tinysight\[h5\]"):
        import_file(path)


@pytest.mark.filterwarnings("ignore")  # of Keras and its backends
@pytest.mark.parametrize("trained", [False, True])
def test_an_archive_that_keras_wrote(keras, tmp_path, trained):
    made = keras.applications.MobileNet((96, 96, 3), 0.25, weights=None, classes=7)
    if trained:
        made.compile("adam", "categorical_crossentropy")
        made.optimizer.build(made.trainable_variables)
    made.save(tmp_path / "theirs.keras")
    found = import_file(tmp_path / "theirs.keras")
    assert found.spec == Spec(alpha=0.25, resolution=96, num_classes=7)
    kept = [np.asarray(weight) for layer in made.layers for weight in layer.get_weights()]
    assert [array.tobytes() for array in found.arrays.values()] == [array.tobytes() for array in kept]
    assert json.loads(zipfile.ZipFile(tmp_path / "theirs.keras").read("config.json"))["class_name"] == "Functional"


@pytest.mark.filterwarnings("ignore")
def test_a_keras_model_of_another_kind_is_refused(keras, tmp_path):
    inside = keras.applications.MobileNet((32, 32, 3), 0.25, weights=None, classes=3)
    keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Rescaling(1 / 127.5, -1), inside]).save(
        tmp_path / "a.keras"
    )
    with pytest.raises(CheckpointError, match="is a Rescaling, which no MobileNet v1 has"):
        import_file(tmp_path / "a.keras")
