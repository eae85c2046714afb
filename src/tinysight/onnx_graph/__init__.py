"""The network as an ONNX graph, in float32, with weights in float16, or in int8.

Only here is the package ``onnx`` imported; what runs the graphs is elsewhere.
"""

from tinysight.onnx_graph.builder import OPSET
from tinysight.onnx_graph.float32 import onnx_model
from tinysight.onnx_graph.int8 import onnx_int8_model
from tinysight.onnx_graph.kernels import onnx_kernel

__all__ = ["OPSET", "onnx_int8_model", "onnx_kernel", "onnx_model"]
