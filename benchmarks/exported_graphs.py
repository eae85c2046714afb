r"""Our exported float32 graphs against those of the runtimes' own converters, in turns in the same runtime.

    python benchmarks/exported_graphs.py --work DIR --output benchmarks/results/exports/graphs.json \
        [--tensorflow PYTHON]

Both hold the same numbers. ONNX Runtime's comes from ``torch.onnx.export``, OpenVINO's from ``openvino.convert_model``
of a PyTorch module, LiteRT's from TensorFlow's converter of a Keras model; the modules have batch norm folded already,
so that a converter cannot lose by leaving it in. Pictures lie ready in the order that each file takes: ours (N, R, R,
3), the other's planes. OpenVINO is asked for ours as ONNX; ``save_model`` of it changes nothing about the graph.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from jobs import machine
from peers import lite_rt
from peers.material import Material
from peers.py_torch import folded_network

from tinysight.benchmark import Contender, Plan, compare, interleave, summarise
from tinysight.benchmark.rows import noise_fields
from tinysight.export import ExportOptions
from tinysight.export.onnx import onnx_bytes
from tinysight.export.tflite import tflite_bytes
from tinysight.models import open_model
from tinysight.quantize.synthetic import synthetic_pictures

OURS, THEIRS = "ours", "converter"
PACKAGES = ("tinysight", "numpy", "onnx", "onnxruntime", "openvino", "ai-edge-litert", "torch")
LARGEST_DIFFERENCE = 1e-3  # of logits; a pair that answers otherwise is not the same network


def by_torch(material: Material, name: str, make: Callable[[Any, Any, Path], None]) -> Path:
    """Return a file that a converter made of the PyTorch module."""
    import torch

    def write(path: Path) -> None:
        network = folded_network(material).to(memory_format=torch.contiguous_format)
        make(network, torch.from_numpy(material.planes(material.calibration[:1])), path)

    return material.kept(name, write)


def onnx_runtime(material: Material, threads: int) -> list[Contender]:
    """Ours and ``torch.onnx.export``'s in ONNX Runtime."""
    import onnxruntime

    def export(network: Any, example: Any, path: Path) -> None:
        import torch

        torch.onnx.export(network, (example,), str(path), input_names=["planes"], dynamo=False)

    def opened(data: Any, name: str, prepare: Callable[[Any], Any]) -> Contender:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        given = session.get_inputs()[0].name
        return Contender(name, "float32", threads, lambda values: session.run(None, {given: values})[0], prepare)

    theirs = by_torch(material, "by-torch.onnx", export)
    ours = onnx_bytes(material.checkpoint, ExportOptions())
    return [opened(ours, OURS, material.values), opened(str(theirs), THEIRS, material.planes)]


def open_vino(material: Material, threads: int) -> list[Contender]:
    """Ours and ``convert_model``'s of a PyTorch module in OpenVINO."""
    import openvino

    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
        "ENABLE_CPU_PINNING": False,  # both would be bound to the same processor
    }
    core = openvino.Core()

    def opened(model: Any, name: str, prepare: Callable[[Any], Any]) -> Contender:
        request = core.compile_model(model, "CPU", settings).create_infer_request()

        def run(values: Any) -> Any:
            return request.infer(values, share_inputs=True, share_outputs=True)[0]

        return Contender(name, "float32", threads, run, prepare)

    def convert(network: Any, example: Any, path: Path) -> None:
        openvino.save_model(openvino.convert_model(network, example_input=example), path, compress_to_fp16=False)
        path.with_suffix(".bin").rename(path.with_name(path.name.removeprefix("making-")).with_suffix(".bin"))

    theirs = core.read_model(by_torch(material, "by-torch.xml", convert))
    theirs.reshape([1, 3, *material.calibration.shape[1:3]])
    ours = core.read_model(onnx_bytes(material.checkpoint, ExportOptions()))
    return [opened(ours, OURS, material.values), opened(theirs, THEIRS, material.planes)]


def litert(material: Material, threads: int) -> list[Contender]:
    """Ours and TensorFlow's converter's in LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=tflite_bytes(material.checkpoint, ExportOptions()), num_threads=threads)
    interpreter.allocate_tensors()
    given, wanted = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(values: Any) -> Any:
        interpreter.set_tensor(given, values)
        interpreter.invoke()
        return interpreter.get_tensor(wanted)

    theirs = lite_rt.contender(material, "float32", threads)
    return [
        Contender(OURS, "float32", threads, run, material.values),
        Contender(THEIRS, "float32", threads, theirs.run, theirs.prepare),
    ]


RUNTIMES = {"ONNX Runtime": onnx_runtime, "OpenVINO": open_vino, "LiteRT": litert}


def measure(runtime: str, material: Material, threads: int, rounds: int) -> dict[str, Any]:
    """Time a pair; the ratio is the converter's time by ours, so that above 1 ours is faster."""
    pair = RUNTIMES[runtime](material, threads)
    images = material.calibration
    ours, theirs = (one.logits(images) for one in pair)
    difference = float(np.abs(ours - theirs).max())
    if difference > LARGEST_DIFFERENCE:
        raise click.ClickException(f"{runtime}: the graphs answer otherwise, by up to {difference:.2g}")
    measured = interleave(pair, [image[None] for image in images], Plan(rounds))
    times = [measured.times[one.label] for one in pair]
    ratio = compare(times[0], times[1])
    row = {
        "model": material.checkpoint.card.name,
        "runtime": runtime,
        "threads": threads,
        "ours_ms": summarise(times[0]).min_ms,
        "converter_ms": summarise(times[1]).min_ms,
        "ratio": round(ratio.of_medians, 3),
        "ratio_low": round(ratio.low, 3),
        "ratio_high": round(ratio.high, 3),
        "difference": difference,
        **noise_fields(measured.noise),
    }
    click.echo(f"{row['model']} {runtime:13} {threads}: {row['ours_ms']:.2f} ms, ratio {row['ratio']:.3f}")
    return row


@click.command()
@click.option("--work", type=click.Path(path_type=Path), required=True, help="Keeps converted models between runs.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--model", "models", multiple=True, default=["mobilenet_v1_1.0_224"], show_default=True)
@click.option("--tensorflow", metavar="PYTHON", help="A Python that has TensorFlow, to write LiteRT's file once.")
@click.option("--rounds", default=30, show_default=True)
@click.option("--only", multiple=True, type=click.Choice(list(RUNTIMES)))
def main(
    work: Path, output: Path, models: tuple[str, ...], tensorflow: str | None, rounds: int, only: tuple[str, ...]
) -> None:
    """Measure in all runtimes, on 1 and 2 threads."""
    rows = []
    for name in models:
        checkpoint = open_model(name, precision="float32")
        pictures = synthetic_pictures(checkpoint.card.spec.resolution, 4)
        material = Material(checkpoint, pictures, work, tensorflow)
        rows += [measure(one, material, threads, rounds) for one in only or RUNTIMES for threads in (1, 2)]
    document = {"kind": "exported graphs", "machine": machine(PACKAGES), "rows": rows}
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
