"""Nearly the same: what people do to photos is seen through, other photos are not taken for copies."""

import numpy as np
import pytest
from data_makers import drawn, encoded
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from tinysight.data.doctor import near_groups
from tinysight.data.examine import examine_picture
from tinysight.data.layout import read_dataset
from tinysight.data.near import candidates, likeness
from tinysight.data.overlay import Integral, Overlay, fine, unit, window
from tinysight.preprocess import resize

PHOTO = drawn(1, 320, 240)
W, H = PHOTO.size


def darker(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.7)


CHANGES = {
    "half the size": lambda: PHOTO.resize((W // 2, H // 2)),
    "twice the size": lambda: PHOTO.resize((W * 2, H * 2)),
    "squashed": lambda: PHOTO.resize((200, 200)),
    "darker": lambda: darker(PHOTO),
    "brighter": lambda: ImageEnhance.Brightness(PHOTO).enhance(1.3),
    "less contrast": lambda: ImageEnhance.Contrast(PHOTO).enhance(0.6),
    "grey": lambda: PHOTO.convert("L").convert("RGB"),
    "mirrored": lambda: PHOTO.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "3 % off each side": lambda: PHOTO.crop((10, 7, W - 10, H - 7)),
    "5 % off each side": lambda: PHOTO.crop((16, 12, W - 16, H - 12)),
    "6 % off the left": lambda: PHOTO.crop((19, 0, W, H)),
    "smaller, cropped, darker": lambda: darker(PHOTO.crop((6, 4, W, H)).resize((150, 110))),
}  # fmt: skip


def groups(folder, *images, **options):
    (folder / "a").mkdir()
    for number, image in enumerate(images):
        (folder / "a" / f"{number:02}.jpg").write_bytes(encoded(image, "JPEG", **options))
    dataset = read_dataset(folder)
    return near_groups(dataset, [examine_picture(example.path) for example in dataset.examples])


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_among_others(tmp_path, change):
    others = [drawn(seed, 320, 240) for seed in range(2, 12)]
    assert groups(tmp_path, PHOTO, *others, CHANGES[change](), quality=60) == ((0, 11),)


def test_hard_compression_is_seen_through(tmp_path):
    assert groups(tmp_path, PHOTO, drawn(2), PHOTO, quality=10) == ()  # the same bytes: another finding
    (tmp_path / "a" / "02.jpg").write_bytes(encoded(PHOTO, "JPEG", quality=95))
    dataset = read_dataset(tmp_path)
    assert near_groups(dataset, [examine_picture(one.path) for one in dataset.examples]) == ((0, 2),)


def test_different_pictures_of_one_layout_are_no_copies(tmp_path):
    """Discs on a plain ground agree from afar; what is in the disc does not."""
    images = []
    for seed in range(12):
        disc = Image.new("L", (256, 256), 0)
        disc.paste(255, (64, 64, 192, 192))
        images.append(Image.composite(drawn(seed, 256, 256), Image.new("RGB", (256, 256), (20, 90, 30)), disc))
    assert groups(tmp_path, *images, quality=90) == ()


def test_alike_from_afar_and_not_in_detail_is_no_copy(tmp_path):
    """Like a bed of flowers a moment later: what passes the first two sieves is told apart by the third."""
    images = []
    for seed in range(2):
        strength = np.random.default_rng(seed).integers(-60, 60, (32, 32))
        grain = np.kron(strength, [[1, -1], [-1, 1]]).repeat(4, 0).repeat(4, 1)[:, :, None]
        images.append(
            Image.fromarray((np.asarray(drawn(1, 256, 256)) * 0.6 + 50 + grain).clip(0, 255).astype(np.uint8))
        )
    thumbs = [resize(np.asarray(image), 32, 32) for image in images]
    assert len(candidates(thumbs)) == 1
    assert groups(tmp_path, *images, quality=90) == ()


def test_chains_are_one_group(tmp_path):
    small, grey = PHOTO.resize((160, 120)), PHOTO.convert("L").convert("RGB")
    assert groups(tmp_path, PHOTO, drawn(3), small, drawn(4), grey) == ((0, 2, 4),)


def test_of_many_copies_not_every_pair_is_compared(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr("tinysight.data.doctor.likeness", lambda *given: calls.append(given) or likeness(*given))
    copies = [PHOTO.resize((160 + number, 120)) for number in range(20)]
    assert groups(tmp_path, *copies) == (tuple(range(20)),)
    assert len(calls) == 19


def test_nothing_and_one_and_flat_thumbs():
    flat = np.full((32, 32, 3), 7, np.uint8)
    assert candidates([]) == candidates([flat]) == candidates([flat, flat]) == []


def test_many_that_look_alike_are_bounded(monkeypatch):
    monkeypatch.setattr("tinysight.data.near.MAX_PAIRS", 10)
    monkeypatch.setattr("tinysight.data.near.MAX_CANDIDATES", 5)
    thumb = np.asarray(drawn(1, 32, 32))
    assert 0 < len(candidates([np.clip(thumb + level, 0, 255).astype(np.uint8) for level in range(30)])) <= 5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.floats(0.4, 1.5), st.integers(-20, 20))
def test_likeness_does_not_depend_on_brightness_and_contrast(seed, contrast, brightness):
    grey = np.asarray(drawn(seed).convert("L"), np.float32)
    assert Overlay(grey, contrast * grey + brightness).best((0.0, 0.0, 1.0, 1.0)) == pytest.approx(1, abs=1e-4)


@given(st.integers(0, 1000), st.tuples(*[st.floats(0, 0.3)] * 2), st.floats(0.5, 0.7), st.sampled_from([8, 31, 64]))
def test_integrals_have_the_windows_of_matrices(seed, corner, share, side):
    picture = np.random.default_rng(seed).random((40, 40))
    box = (*corner, share, 0.7)
    assert np.allclose(Integral(picture).window(box, side), window(picture, box, side), atol=1e-5)


def test_windows_average_and_units_have_length_one():
    picture = np.arange(64, dtype=np.float32).reshape(8, 8)
    assert window(picture, (0.0, 0.0, 1.0, 1.0), 8).tolist() == picture.tolist()
    assert window(picture, (0.5, 0.5, 0.5, 0.5), 2).tolist() == [[40.5, 42.5], [56.5, 58.5]]
    assert np.linalg.norm(unit(picture)) == pytest.approx(1)
    assert np.abs(fine(np.repeat(np.repeat(picture, 4, 0), 4, 1))).max() == 0
