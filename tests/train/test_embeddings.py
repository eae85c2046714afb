"""Embeddings: what they are, and that the cache never changes one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinysight.classify import Classifier
from tinysight.data import hash_contents
from tinysight.engines.native import NativeEngine, available_isas, is_built
from tinysight.errors import UsageError
from tinysight.preprocess import prepare, read_picture
from tinysight.train import embeddings as module
from tinysight.train.embedding_cache import EmbeddingCache, Shape
from tinysight.train.embeddings import backbone_key, embed, embedding_precision, second_view


@pytest.fixture
def backbone(make_checkpoint):
    return make_checkpoint(alpha=0.25, resolution=32, num_classes=4)


@pytest.fixture
def photos(tmp_path) -> list[Path]:
    rng = np.random.default_rng(3)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(7):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def run(backbone, paths, **options):
    return embed(backbone, paths, hash_contents(paths), **options)


def files(cache: Path) -> list[Path]:
    return sorted((cache / "embeddings").iterdir())


@pytest.fixture
def never_run(monkeypatch):
    """No picture may be looked at."""

    def refuse(*_args):
        raise AssertionError("the engine ran")

    return lambda: monkeypatch.setattr(module, "second_view", refuse)


def test_the_first_view_is_what_the_classifier_sees(backbone, photos):
    found = run(backbone, photos)
    classifier = Classifier(backbone, precision=embedding_precision(backbone))
    wanted = np.stack([classifier.embed(path) for path in photos])
    assert np.array_equal(found.values[:, 0], wanted) and found.readable.all() and found.reasons == ()
    assert found.values.dtype == np.float32 and found.values.shape == (7, 2, 256)
    image = prepare(read_picture(photos[2], wanted_px=32).pixels, backbone.card.recipe)
    assert np.array_equal(found.values[2, 1], classifier.engine.run(second_view(image)[None]).embedding[0])
    assert np.array_equal(run(backbone, photos, flip=False).values, found.values[:, :1])


def test_the_second_view_is_the_mirrored_middle():
    image = np.zeros((32, 32, 3), np.uint8)
    image[4:28, 4:16] = 255  # the left half of the middle
    view = second_view(image)
    assert view.shape == image.shape and (view[:, 18:] == 255).all() and (view[:, :14] == 0).all()


@pytest.mark.parametrize("workers", [1, 3])
def test_threads_change_nothing(backbone, photos, workers):
    assert np.array_equal(run(backbone, photos, workers=workers).values, run(backbone, photos).values)


def test_cached_is_uncached_to_the_bit(backbone, photos, tmp_path, never_run):
    wanted = run(backbone, photos).values
    assert np.array_equal(run(backbone, photos[:4], cache=tmp_path).values, wanted[:4])
    assert np.array_equal(run(backbone, photos, cache=tmp_path).values, wanted)  # grown
    never_run()
    assert np.array_equal(run(backbone, photos[::-1], cache=tmp_path).values, wanted[::-1])
    assert len(files(tmp_path)) == 1


def test_renamed_files_are_known(backbone, photos, tmp_path, never_run):
    wanted = run(backbone, photos, cache=tmp_path).values
    moved = [path.rename(path.with_name(f"new-{path.name}")) for path in photos]
    never_run()
    assert np.array_equal(run(backbone, moved, cache=tmp_path).values, wanted)


@pytest.mark.parametrize("place", [0.01, 0.3, 0.999])
@pytest.mark.parametrize("damage", ["flip", "cut"])
def test_a_damaged_cache_is_ignored_and_written_anew(backbone, photos, tmp_path, damage, place):
    wanted = run(backbone, photos, cache=tmp_path).values
    (file,) = files(tmp_path)
    whole = file.read_bytes()
    where = int(place * len(whole))
    changed = whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :]
    file.write_bytes(changed if damage == "flip" else whole[:where])
    assert np.array_equal(run(backbone, photos, cache=tmp_path).values, wanted)
    shape, key = Shape(2, 256), file.stem
    assert EmbeddingCache(tmp_path, key, shape).read(hash_contents(photos), np.empty_like(wanted))


def test_a_file_under_another_name_is_not_believed(backbone, photos, tmp_path):
    values = run(backbone, photos, cache=tmp_path).values
    (file,) = files(tmp_path)
    file.rename(file.with_name("other.safetensors"))
    assert not EmbeddingCache(tmp_path, "other", Shape(2, 256)).read(hash_contents(photos), np.empty_like(values))


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root writes anywhere")
def test_a_read_only_folder_only_costs_time(backbone, photos, tmp_path):
    cache = tmp_path / "cache"
    cache.mkdir()
    cache.chmod(0o500)
    assert np.array_equal(run(backbone, photos, cache=cache).values, run(backbone, photos).values)


def test_a_cache_that_cannot_be_a_folder_only_costs_time(backbone, photos, tmp_path):
    file = tmp_path / "file"
    file.write_bytes(b"")
    assert np.array_equal(run(backbone, photos, cache=file).values, run(backbone, photos).values)
    assert file.read_bytes() == b""


def test_the_file_does_not_outgrow_its_limit(tmp_path):
    shape = Shape(1, 8)
    cache = EmbeddingCache(tmp_path, "key", shape, largest_bytes=4096 + 3 * (32 + 32))
    contents = [bytes([number]) * 32 for number in range(5)]
    values = np.arange(40, dtype=np.float32).reshape(5, *shape)
    cache.add({contents[0]: 0, contents[1]: 1}, values)
    cache.add({content: row for row, content in enumerate(contents)}, values)
    back = np.zeros_like(values)
    assert cache.read(contents, back) == set(contents[:3]) and np.array_equal(back[:3], values[:3])
    assert not back[3:].any() and cache.path.stat().st_size < 4096 + 3 * 64


def test_unreadable_pictures_are_named_and_not_kept(backbone, photos, tmp_path):
    bad = tmp_path / "photos" / "bad.png"
    bad.write_bytes(photos[0].read_bytes()[:200])
    paths = [photos[0], bad, tmp_path / "absent.png", photos[1], bad]
    for cache in (None, tmp_path, tmp_path):
        found = run(backbone, paths, cache=cache)
        assert found.readable.tolist() == [True, False, False, True, False]
        assert len(found.reasons) == 3 and "bad.png" in found.reasons[0] and "absent" in found.reasons[1]
        assert not found.values[~found.readable].any()
    assert not EmbeddingCache(tmp_path, files(tmp_path)[0].stem, Shape(2, 256)).read(
        hash_contents([bad]), np.empty((1, 2, 256), np.float32)
    )


def test_repeats_are_computed_once(backbone, photos, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(module, "second_view", lambda image: seen.append(1) or image)
    found = run(backbone, [photos[0], photos[1], photos[0]])
    assert len(seen) == 2 and np.array_equal(found.values[0], found.values[2])


def test_what_was_computed_before_an_interrupt_is_kept(backbone, photos, tmp_path):
    def stop(done, _total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(backbone, photos, cache=tmp_path, progress=stop, workers=1)
    values = np.zeros((7, 2, 256), np.float32)
    known = EmbeddingCache(tmp_path, files(tmp_path)[0].stem, Shape(2, 256)).read(hash_contents(photos), values)
    assert known == set(hash_contents(photos[:3]))


def test_progress_ends_at_all_pictures(backbone, photos, tmp_path):
    run(backbone, photos[:2], cache=tmp_path)
    calls = []
    run(backbone, photos, cache=tmp_path, progress=lambda *call: calls.append(call))
    assert calls == [(done, 7) for done in range(3, 8)]


def test_the_head_is_no_part_of_the_key_and_everything_else_is(backbone, both, int8_only):
    engine = NativeEngine(backbone, 1, "portable")
    key = backbone_key(backbone, engine, 2)
    other_head = dict(backbone.arrays) | {"conv_preds.bias": backbone.arrays["conv_preds.bias"] + 1}
    assert backbone_key(replace(backbone, arrays=other_head), engine, 2) == key
    spec = replace(backbone.card.spec, include_top=False)
    headless = {name: array for name, array in backbone.arrays.items() if not name.startswith("conv_preds")}
    card = replace(backbone.card, spec=spec, labels=None)
    assert backbone_key(replace(backbone, card=card, arrays=headless), engine, 2) == key
    first = dict(backbone.arrays) | {"conv1.kernel": backbone.arrays["conv1.kernel"] * 2}
    recipe = replace(backbone.card.recipe, crop_fraction=0.5)
    others = [
        backbone_key(backbone, engine, 1),
        backbone_key(replace(backbone, arrays=first), engine, 2),
        backbone_key(replace(backbone, card=replace(backbone.card, recipe=recipe)), engine, 2),
        backbone_key(both, NativeEngine(both, 1, "portable", "int8"), 2),
    ]
    assert len({key, *others}) == 5
    assert backbone_key(both, NativeEngine(both, 1, "portable"), 2) == key  # the same floats
    assert backbone_key(int8_only, NativeEngine(int8_only, 1, "portable", "int8"), 2) == others[3]


def test_int8_alone_is_run_in_int8(int8_only, both, photos):
    assert embedding_precision(int8_only) == "int8"
    fast = is_built() and available_isas()[0] != "portable"
    assert embedding_precision(both) == ("int16" if fast else "float32")
    wanted = np.stack([Classifier(int8_only).embed(path) for path in photos])
    assert np.array_equal(run(int8_only, photos).values[:, 0], wanted)


def test_contents_must_belong_to_paths(backbone, photos):
    with pytest.raises(UsageError, match="7 pictures need as many contents, received 1"):
        embed(backbone, photos, [b""])


def test_two_processes_leave_a_whole_file(tmp_path):
    program = """
import sys, numpy as np
from pathlib import Path
from tinysight.train.embedding_cache import EmbeddingCache, Shape
cache = EmbeddingCache(Path(sys.argv[1]), "key", Shape(1, 64))
for number in range(40):
    content = bytes([int(sys.argv[2]), number]) * 16
    cache.add({content: 0}, np.full((1, 1, 64), number, np.float32))
"""
    both = [subprocess.Popen([sys.executable, "-c", program, tmp_path, str(one)]) for one in (1, 2)]
    assert [process.wait() for process in both] == [0, 0]
    contents = [bytes([one, number]) * 16 for one in (1, 2) for number in range(40)]
    values = np.full((80, 1, 64), -1, np.float32)
    known = EmbeddingCache(tmp_path, "key", Shape(1, 64)).read(contents, values)
    assert len(known) >= 40 and len(files(tmp_path)) == 1
    for content, row in zip(contents, values, strict=True):
        assert (row == (content[1] if content in known else -1)).all()
