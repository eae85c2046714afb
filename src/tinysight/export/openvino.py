"""OpenVINO: a folder with ``model.xml`` and ``model.bin``, made from our ONNX file by OpenVINO's own converter.

``rt_info`` holds what stood in the ONNX file's metadata: the card in the section ``tinysight``, and in ``model_info``
what OpenVINO's Model API looks for.
"""

from __future__ import annotations

import io
import re
import sys
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinysight.checkpoint import Checkpoint
from tinysight.checkpoint.card import card_from_json
from tinysight.errors import EngineError, MissingExtraError, printable
from tinysight.export.artefact import Artefact, in_batches
from tinysight.export.onnx import MODEL_API, PRECISION_KEY, check_model_api, onnx_bytes
from tinysight.export.options import ExportOptions, Precision
from tinysight.importers.exported import CARD_KEY
from tinysight.preprocess.scale import scale

GRAPH, NUMBERS = "model.xml", "model.bin"
ONNX_SECTION = "framework"  # where the converter leaves the metadata of the file it read
COUNTED = re.compile(r"[A-Z][A-Za-z0-9]*_\d+")  # a name that the converter gave; ours begin with a small letter
TELEMETRY = "openvino_telemetry"

_importing = threading.Lock()


def import_openvino() -> Any:
    """Import OpenVINO without what would send usage data over the network, on import and with each conversion.

    Its converter does without the package that sends them where that is not installed, and until OpenVINO is imported
    it seems not to be. A program that has imported OpenVINO already has let it send; its converter sends no more then.

    Raises:
        MissingExtraError: it is not installed.
    """
    with _importing:
        hidden = "openvino" not in sys.modules and TELEMETRY not in sys.modules
        if hidden:
            sys.modules[TELEMETRY] = None  # type: ignore[assignment] # by which Python knows a package as absent
        try:
            import openvino
        except ModuleNotFoundError:
            raise MissingExtraError("openvino", "openvino") from None
        except ImportError as error:
            raise EngineError(f"OpenVINO cannot be loaded: {printable(str(error), 200)}") from error
        finally:
            if hidden:
                del sys.modules[TELEMETRY]
        from openvino.tools.ovc import telemetry_stub

        for name, module in list(sys.modules.items()):
            if name.startswith("openvino.tools.ovc.") and hasattr(module, "tm"):
                module.__dict__["tm"] = telemetry_stub
    return openvino


def openvino_files(checkpoint: Checkpoint, options: ExportOptions) -> dict[str, bytes]:
    """Write a model as OpenVINO's two files.

    Args:
        checkpoint: with a head, and the numbers that the precision needs.
        options: how; ``float16`` stores biases so as well.

    Returns:
        The files' contents by name.

    Raises:
        UsageError, CheckpointError: as ``onnx_bytes``.
        EngineError: OpenVINO does not convert the ONNX file.
        MissingExtraError: the extra ``openvino`` is not installed.
    """
    openvino = import_openvino()
    # The converter would turn kernels in float16 back into float32; it has its own way to store them.
    half = options.precision == "float16"
    data = onnx_bytes(checkpoint, replace(options, precision="float32") if half else options)
    try:
        model = openvino.convert_model(io.BytesIO(data))
        _name_anew(model)
        _move_metadata(model, options.precision)
        with tempfile.TemporaryDirectory() as folder:
            openvino.save_model(model, Path(folder) / GRAPH, compress_to_fp16=half)
            return {name: (Path(folder) / name).read_bytes() for name in (GRAPH, NUMBERS)}
    except Exception as error:  # its exceptions have no common base of their own
        raise EngineError(f"OpenVINO does not convert the model: {printable(str(error), 200)}") from error


def _name_anew(model: Any) -> None:
    """Number the converter's names from 0; it counts on from one model to the next."""
    for number, node in enumerate(model.get_ordered_ops()):
        if COUNTED.fullmatch(node.get_friendly_name()):
            node.set_friendly_name(f"{node.get_type_name()}_{number}")


def _move_metadata(model: Any, precision: Precision) -> None:
    found = {key: value.astype(str) for key, value in model.rt_info[ONNX_SECTION].items()}
    del model.rt_info[ONNX_SECTION]
    for key, value in sorted({**found, PRECISION_KEY: precision}.items()):
        section, _, name = key.partition(" ") if key.startswith(MODEL_API) else key.partition(".")
        model.set_rt_info(value, [section, name])


def open_openvino(files: Mapping[str, bytes], threads: int = 1) -> Artefact:
    """Open files that ``openvino_files`` wrote in OpenVINO, on the processor, in float32 where they are.

    Args:
        files: the contents of ``model.xml`` and ``model.bin``.
        threads: for one picture.

    Raises:
        EngineError: OpenVINO does not open them, or they are none of ours.
        GateError: what they tell Model API is not what their card says.
        MissingExtraError: the extra ``openvino`` is not installed.
    """
    openvino = import_openvino()
    # Processors with bfloat16 would compute in it by default.
    how = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
    try:
        model = openvino.Core().read_model(files[GRAPH], files[NUMBERS])
        card = card_from_json(model.get_rt_info(CARD_KEY.split(".")).astype(str))
        compiled = openvino.compile_model(model, "CPU", how)
        request = compiled.create_infer_request()
    except Exception as error:
        raise EngineError(f"OpenVINO does not open the files: {printable(str(error), 200)}") from error
    given, scores = model.inputs[0], model.outputs[0]
    pixels = given.get_element_type() == openvino.Type.u8
    told = {f"{MODEL_API} {key}": value.astype(str) for key, value in model.rt_info[MODEL_API].items()}
    check_model_api(card, pixels, told)
    batch = given.get_partial_shape()[0]
    size = 1 if batch.is_dynamic else batch.get_length()

    def answer(values: NDArray[Any]) -> NDArray[np.float32]:
        return np.array(request.infer([values])[0], dtype=np.float32)  # a copy: the next answer takes its place

    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        values = images if pixels else scale(images, card.recipe.value_range)
        return in_batches(answer, values, size)

    version = openvino.__version__.split("-")[0]
    return Artefact(
        f"OpenVINO {version}", run, card.names, card, size, probabilities="probabilities" in scores.get_names()
    )
