"""``tinysight summary`` and ``tinysight cost`` as they are typed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tinysight.checkpoint import write_checkpoint
from tinysight.cli import run
from tinysight.spec import Spec, layers, released_specs


@pytest.fixture
def tinysight(capsys, monkeypatch):
    """Run a command line; return exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "80")
    for forced in ("FORCE_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(forced, raising=False)

    def type_in(line: str) -> tuple[int, str, str]:
        code = run(line.split())
        output = capsys.readouterr()
        return code, output.out, output.err

    return type_in


def one_object(result: tuple[int, str, str]) -> dict:
    code, out, err = result
    assert (code, err, out.count("\n")) == (0, "", 1)
    return json.loads(out)


def test_summary_lists_every_layer_and_the_totals(tinysight) -> None:
    code, out, _ = tinysight("summary")
    lines = out.splitlines()
    assert code == 0
    assert lines[0] == "mobilenet_v1_1.0_224: 28 layers with weights, input 224 x 224 x 3"
    for layer in layers(Spec()):
        assert sum(line.startswith(f"{layer.name} ") for line in lines) == 1
    assert "conv_pw_13 7 x 7 x 1024 1,052,672 51,380,224 9.03 %" in [" ".join(line.split()) for line in lines]
    assert "total 4,253,864 568,740,352 100.00 %" in [" ".join(line.split()) for line in lines]
    assert "4,253,864 stored, 4,231,976 trained, 3,228,864 without the head" in out
    assert "4,816,896 bytes float32, 1,204,224 bytes int8" in out


def test_summary_as_json(tinysight) -> None:
    fields = one_object(tinysight("summary --json"))
    assert list(fields)[:4] == ["model", "layers", "params", "mult_adds"]
    assert (fields["model"], fields["params"], fields["mult_adds"]) == ("mobilenet_v1_1.0_224", 4_253_864, 568_740_352)
    assert fields["layers"][0] == {"name": "conv1", "output": [112, 112, 32], "params": 992, "mult_adds": 10_838_016}
    assert sum(layer["mult_adds"] for layer in fields["layers"]) == fields["mult_adds"]
    assert (fields["params_without_head"], fields["trainable_params"]) == (3_228_864, 4_231_976)
    assert fields["peak_activation"]["float32_bytes"] == 4_816_896
    assert Spec(**fields["spec"]) == Spec()


@pytest.mark.parametrize("name", ["mobilenet_v1_0.5_192", "mobilenet_0.50_192", "mobilenet_5_0_192_tf"])
def test_every_spelling_of_a_released_name(tinysight, name: str) -> None:
    assert one_object(tinysight(f"summary {name} --json"))["model"] == "mobilenet_v1_0.5_192"
    assert one_object(tinysight(f"cost {name} --json"))["depthwise_separable"]["mult_adds"] == 109_970_432


def test_flags_describe_any_network(tinysight) -> None:
    line = "--alpha 0.35 --resolution 97 --depth-multiplier 2 --classes 7 --json"
    expected = Spec(alpha=0.35, resolution=97, depth_multiplier=2, num_classes=7)
    fields = one_object(tinysight(f"summary {line}"))
    assert Spec(**fields["spec"]) == expected
    assert [tuple(layer["output"]) for layer in fields["layers"]] == [row.output_shape for row in layers(expected)]
    assert one_object(tinysight(f"cost {line}"))["spec"] == fields["spec"]


def test_a_flag_changes_the_model_beside_it(tinysight) -> None:
    fields = one_object(tinysight("summary mobilenet_v1_0.5_192 --resolution 160 --json"))
    assert (fields["model"], fields["mult_adds"]) == ("mobilenet_v1_0.5_160", 76_524_800)


def test_without_top(tinysight) -> None:
    fields = one_object(tinysight("summary --no-top --json"))
    assert (fields["params"], fields["layers"][-1]["name"]) == (3_228_864, "global_average_pooling2d")
    assert "without the head" not in tinysight("summary --no-top")[1]
    assert "without the head" not in tinysight("cost --no-top")[1]


def test_a_checkpoint_on_disk(tinysight, tmp_path, make_checkpoint) -> None:
    checkpoint = make_checkpoint(alpha=0.25, resolution=32, num_classes=7)
    path = tmp_path / "mine.safetensors"
    write_checkpoint(path, checkpoint)
    fields = one_object(tinysight(f"summary {path} --json"))
    assert fields["model"] == checkpoint.card.name
    assert fields["params"] == sum(array.size for array in checkpoint.arrays.values())
    assert one_object(tinysight(f"cost {path} --resolution 64 --json"))["spec"]["resolution"] == 64


def test_cost_of_the_whole_network(tinysight) -> None:
    fields = one_object(tinysight("cost --json"))
    assert fields["full_convolutions"]["mult_adds_without_head"] == 4_866_269_184
    assert fields["depthwise_separable"]["mult_adds"] == 568_740_352
    out = tinysight("cost")[1]
    assert "4,866,269,184" in out
    assert "568,740,352" in out
    assert "4866 million, without the head, against 569 million, with it" in out
    assert "4866 million" not in tinysight("cost --alpha 0.5")[1]


def test_cost_of_the_tutorials_layer(tinysight) -> None:
    line = "cost --input 12x12x3 --kernel 5 --filters 256"
    fields = one_object(tinysight(f"{line} --json"))
    assert fields["output"] == [8, 8, 256]
    ways = {way: (fields[way]["params"], fields[way]["mult_adds"]) for way in list(fields)[6:]}
    assert ways == {
        "standard": (19_200, 1_228_800),
        "depthwise_separable": (843, 53_952),
        "spatially_separable": (7_680, 614_400),
    }
    assert fields["depthwise_separable"]["mult_adds_ratio"] == 1 / 256 + 1 / 25
    assert "1/N + 1/k^2 = 1/256 + 1/25 = 0.0439" in tinysight(line)[1]


def test_stride_and_padding_of_one_layer(tinysight) -> None:
    line = "cost --input 13x12x3 --kernel 3 --filters 8 --stride 2 --padding same --json"
    assert one_object(tinysight(line))["output"] == [7, 6, 8]


def test_the_papers_tables(tinysight) -> None:
    code, out, err = tinysight("cost --paper --json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (code, err, len(rows)) == (0, "", 42)
    assert [row["row"] for row in rows if not row["agrees"]] == ["3 x 3 x 1024 dw", "Conv 3x3"]
    assert rows[-1]["printed"] == {"accuracy_percent": 64.4, "mult_adds_millions": 186.0, "params_millions": 4.2}
    text = tinysight("cost --paper")[1]
    for table in range(1, 8):
        assert f"\nTable {table}. " in text
    assert "1.91" in text
    assert "Conv dw / s2 (is s1)" in text
    assert "4866 is counted without the head, 569 with it" in text


@pytest.mark.parametrize("line", ["summary", "cost", "cost --paper", "cost --input 12x12x3 --kernel 5 --filters 256"])
def test_text_is_plain_in_a_pipe_and_fits_80_columns(tinysight, line: str) -> None:
    out = tinysight(line)[1]
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_narrow_terminal_loses_no_digit(tinysight, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    assert "4,866,269,184" in tinysight("cost")[1]
    assert "…" not in tinysight("summary")[1]


WRONG = {
    "cost --input 12x12 --kernel 3 --filters 1": "--input is height x width x channels",
    "cost --input axbxc --kernel 3 --filters 1": "--input is height x width x channels",
    "cost --input -1x5x5 --kernel 3 --filters 1": "--input is height x width x channels",
    "cost --input 12x12x3 --kernel 13 --filters 1": "does not fit",
    "cost --input 12x12x3 --kernel 3 --filters 0": "filters must be",
    "cost --input 12x12x3 --kernel 0 --filters 1": "kernel must be",
    "cost --input 12x12x3 --kernel 3 --filters 1 --stride 0": "stride must be",
    "cost --input 12x12x3": "missing: --kernel, --filters",
    "cost --filters 2": "missing: --input, --kernel",
    "cost --input 12x12x3 --kernel 3 --filters 9999999999": "may be above",
    "cost --paper --alpha 1": "only one at a time",
    "cost --paper --kernel 3": "only one at a time",
    "cost --alpha 1 --input 12x12x3 --kernel 3 --filters 1": "only one at a time",
    "cost --no-top --input 12x12x3 --kernel 3 --filters 1": "only one at a time",
    "summary --alpha 0": "alpha must be above 0",
    "summary --alpha nan": "alpha must be a number of at most",
    "summary --alpha 1e308": "alpha must be a number of at most",
    "summary --resolution 31": "resolution must be",
    "summary --classes 0": "num_classes must be",
    "summary --depth-multiplier 0": "depth_multiplier must be",
    "summary mobilenet_v1_1.0_225": "unknown model",
}


@pytest.mark.parametrize("line", WRONG)
def test_wrong_input_is_one_line_and_exit_code_2(tinysight, line: str) -> None:
    code, out, err = tinysight(line)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert WRONG[line] in err


@pytest.mark.parametrize("line", ["summary no/such/file", "cost missing.safetensors"])
def test_a_missing_file_is_one_line(tinysight, line: str) -> None:
    code, out, err = tinysight(line)
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "no such file" in err


def test_a_file_that_is_no_checkpoint_is_refused_in_one_line(tinysight, tmp_path) -> None:
    path = tmp_path / "bad.safetensors"
    path.write_bytes(b"not a model")
    code, out, err = tinysight(f"summary {path}")
    assert (code, out, err.count("\n")) == (1, "", 1)


@pytest.mark.parametrize("verb", ["summary", "cost"])
def test_help_has_an_example(tinysight, verb: str) -> None:
    code, out, _ = tinysight(f"{verb} --help")
    assert code == 0
    assert f"\n    tinysight {verb}" in out


LINES = ["summary", "summary mobilenet_v1_0.25_128 --json", "cost", "cost --paper", "cost --paper --json"]


@pytest.mark.parametrize("line", LINES)
def test_names_and_flags_load_no_heavy_package(line: str) -> None:
    heavy = ("numpy", "PIL", "safetensors", "requests", "pypi_simple", "h5py", "keras", "torch")
    code = f"import sys; from tinysight.cli import run; assert run({line.split()!r}) == 0; print()"
    code += f"; print([name for name in {heavy!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.splitlines()[-1] == "[]"


def test_every_released_network_by_name(tinysight) -> None:
    for name, spec in released_specs().items():
        assert one_object(tinysight(f"summary {name} --json"))["spec"] == spec.to_dict()
