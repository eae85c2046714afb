import json

import numpy as np
import pytest

from tinysight.cli import run
from tinysight.preprocess import decode, encode_png


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "photo.png"
    path.write_bytes(encode_png(np.random.default_rng(0).integers(0, 256, (48, 60, 3), dtype=np.uint8)))
    return path


def test_overlay_is_written_and_json_adds_up(checkpoint_file, picture, tmp_path, capsys):
    target = tmp_path / "heat.png"
    assert run(["explain", "--json", "-m", str(checkpoint_file), str(picture), "-o", str(target)]) == 0
    fields = json.loads(capsys.readouterr().out)
    assert np.mean(fields["heat"]) + fields["bias"] == pytest.approx(fields["logit"], abs=1e-4)
    assert fields["box"] == {"top": 0, "left": 6, "height": 48, "width": 48}
    assert decode(target).shape == (48, 60, 3)


def test_default_name_and_no_overwriting(checkpoint_file, picture, capsys, monkeypatch):
    monkeypatch.chdir(picture.parent)
    arguments = ["explain", "-m", str(checkpoint_file), str(picture)]
    assert run(arguments) == 0
    assert (picture.parent / "photo_explained.png").exists()
    assert run(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert run([*arguments, "--force", "--class", "3"]) == 0


def test_failures(checkpoint_file, picture, tmp_path, capsys):
    model = ["-m", str(checkpoint_file)]
    assert run(["explain", *model, str(tmp_path / "none.jpg"), "-o", str(tmp_path / "x.png")]) == 4
    assert run(["explain", *model, str(picture), "-o", str(tmp_path / "x.jpg")]) == 2
    assert run(["explain", *model, str(picture), "-o", str(tmp_path / "x.png"), "--class", "7"]) == 2
    assert run(["explain", *model, str(picture), "-o", str(tmp_path / "no" / "x.png")]) == 2
    assert not (tmp_path / "x.png").exists()
    assert "Traceback" not in capsys.readouterr().err
