"""The network as one table.

Source: Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
arXiv 1704.04861, Table 1. Costs, engines, exports and framework models are loops over ``layers(spec)``;
no other file knows how many blocks there are or where the strides lie.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, get_args

from tinysight.errors import UsageError

Padding = Literal["keras", "same", "symmetric"]
Kind = Literal["stem", "depthwise", "pointwise", "pool", "head"]

STEM_FILTERS = 32
# (pointwise filters, depthwise stride) of blocks 1..13. The paper prints stride 2 for the last depthwise layer
# as well; its output size, 7 x 7, shows that 1 is meant.
BLOCKS = (
    (64, 1),
    (128, 2),
    (128, 1),
    (256, 2),
    (256, 1),
    (512, 2),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (512, 1),
    (1024, 2),
    (1024, 1),
)
KERNEL_SIZE = 3
MIN_RESOLUTION = 32  # five halvings leave one pixel
MAX_SIZE = 2**20  # of any of them: far above every use, and no count built from it leaves what a float can hold

MIN_EPSILON = 1e-12  # a smaller one is lost beside any variance in float32

RELEASED_ALPHAS = (1.0, 0.75, 0.5, 0.25)
RELEASED_RESOLUTIONS = (224, 192, 160, 128)
DEFAULT_MODEL = "mobilenet_v1_1.0_224"


@dataclass(frozen=True, slots=True)
class Spec:
    """Which member of the family: everything that shapes the network, nothing that is learned.

    Args:
        alpha: width multiplier, > 0; every layer has ``max(1, int(filters * alpha))`` channels.
        resolution: input side in pixels, >= 32.
        depth_multiplier: depthwise outputs per input channel, >= 1 (Keras' meaning).
        num_classes: outputs of the head, >= 1.
        dropout: share of features dropped before the head in training, 0 <= dropout < 1.
        include_top: whether the network has its head.
        padding: ``keras`` pads (0, 1) at every stride-2 depthwise layer and as TensorFlow at the stem; ``same`` is
            TensorFlow's rule everywhere (TF-slim, TFLite; equal to ``keras`` while the sides are even);
            ``symmetric`` pads (1, 1) everywhere (PyTorch, timm).
        bn_epsilon: added to the batch-norm variance, >= 1e-12; 1e-3 in Keras and TF-slim, 1e-5 in timm.

    Raises:
        UsageError: a value outside its range.
    """

    alpha: float = 1.0
    resolution: int = 224
    depth_multiplier: int = 1
    num_classes: int = 1000
    dropout: float = 1e-3
    include_top: bool = True
    padding: Padding = "keras"
    bn_epsilon: float = 1e-3

    def __post_init__(self) -> None:
        for name in ("alpha", "dropout", "bn_epsilon"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= MAX_SIZE:
                raise UsageError(f"{name} must be a number of at most {MAX_SIZE}, received {repr(value)[:20]}")
        for name, least in (("resolution", MIN_RESOLUTION), ("depth_multiplier", 1), ("num_classes", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise UsageError(f"{name} must be a whole number of at least {least}, received {value!r}")
        for name in ("alpha", "resolution", "depth_multiplier", "num_classes"):
            if getattr(self, name) > MAX_SIZE:
                raise UsageError(f"{name} must be at most {MAX_SIZE}, received {str(getattr(self, name))[:20]}")
        if self.alpha <= 0:
            raise UsageError(f"alpha must be above 0, received {self.alpha!r}")
        if not 0 <= self.dropout < 1:
            raise UsageError(f"dropout must be at least 0 and below 1, received {self.dropout!r}")
        if self.bn_epsilon < MIN_EPSILON:
            raise UsageError(f"bn_epsilon must be at least {MIN_EPSILON}, received {self.bn_epsilon!r}")
        if not isinstance(self.include_top, bool):
            raise UsageError(f"include_top must be True or False, received {self.include_top!r}")
        if self.padding not in get_args(Padding):
            raise UsageError(f"padding must be one of {', '.join(get_args(Padding))}, received {self.padding!r}")

    @property
    def name(self) -> str:
        """The model's name, for example ``mobilenet_v1_1.0_224``."""
        return f"mobilenet_v1_{float(self.alpha)}_{self.resolution}"

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return asdict(self)


def spec_from_dict(fields: object) -> Spec:
    """Read back ``Spec.to_dict``; every key must be known, and all must be there.

    Raises:
        UsageError: an unknown or missing key, or a value outside its range.
    """
    if not isinstance(fields, dict):
        raise UsageError(f"a spec must be an object, received {type(fields).__name__}")
    expected = set(Spec.__dataclass_fields__)
    if set(fields) != expected:
        wrong = sorted(str(key) for key in set(fields) ^ expected)
        raise UsageError(f"a spec has exactly the keys {', '.join(sorted(expected))}; unknown or missing: {wrong[:5]}")
    return Spec(**fields)


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of the network.

    Shapes are (height, width, channels). ``pad`` is (before, after) in pixels, the same for both axes.
    """

    name: str
    kind: Kind
    kernel_size: int
    stride: int
    pad: tuple[int, int]
    input_shape: tuple[int, int, int]
    output_shape: tuple[int, int, int]

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the kernel: HWIO, for a depthwise layer (3, 3, channels, depth_multiplier), () for the pool."""
        if self.kind == "pool":
            return ()
        k, inputs, outputs = self.kernel_size, self.input_shape[2], self.output_shape[2]
        return (k, k, inputs, outputs // inputs) if self.kind == "depthwise" else (k, k, inputs, outputs)

    @property
    def has_bn(self) -> bool:
        """Whether batch norm and ReLU6 follow (every convolution but the head)."""
        return self.kind in ("stem", "depthwise", "pointwise")


def _padding_px(side: int, stride: int, rule: Padding) -> tuple[int, int]:
    if rule == "symmetric":
        return 1, 1
    if rule == "keras":
        return (1, 1) if stride == 1 else (0, 1)
    total = max((math.ceil(side / stride) - 1) * stride + KERNEL_SIZE - side, 0)
    return total // 2, total - total // 2


def _spatial(name: str, kind: Kind, shape: tuple[int, int, int], filters: int, stride: int, rule: Padding) -> Layer:
    side = shape[0]
    pad = _padding_px(side, stride, rule)
    out = (side + sum(pad) - KERNEL_SIZE) // stride + 1
    return Layer(name, kind, KERNEL_SIZE, stride, pad, shape, (out, out, filters))


@lru_cache(maxsize=256)
def layers(spec: Spec) -> tuple[Layer, ...]:
    """Return the rows of the network from picture to logits: stem, 13 x (depthwise, pointwise), pool, head.

    Raises:
        UsageError: never for a valid ``Spec``.
    """

    def width(filters: int) -> int:
        return max(1, int(filters * spec.alpha))

    stem_rule: Padding = "same" if spec.padding == "keras" else spec.padding
    picture = (spec.resolution, spec.resolution, 3)
    rows = [_spatial("conv1", "stem", picture, width(STEM_FILTERS), 2, stem_rule)]
    for block, (filters, stride) in enumerate(BLOCKS, start=1):
        before = rows[-1].output_shape
        depthwise = _spatial(
            f"conv_dw_{block}", "depthwise", before, before[2] * spec.depth_multiplier, stride, spec.padding
        )
        middle = depthwise.output_shape
        after = (middle[0], middle[1], width(filters))
        rows += [depthwise, Layer(f"conv_pw_{block}", "pointwise", 1, 1, (0, 0), middle, after)]
    last = rows[-1].output_shape
    pooled = (1, 1, last[2])
    rows.append(Layer("global_average_pooling2d", "pool", last[0], 1, (0, 0), last, pooled))
    if spec.include_top:
        rows.append(Layer("conv_preds", "head", 1, 1, (0, 0), pooled, (1, 1, spec.num_classes)))
    return tuple(rows)


BN_ARRAYS = ("gamma", "beta", "moving_mean", "moving_variance")


@lru_cache(maxsize=256)
def array_shapes(spec: Spec) -> dict[str, tuple[int, ...]]:
    """Name and shape of every stored array, in the network's order (137 of them with the head).

    A kernel is ``<layer>.kernel``, a batch norm ``<layer>_bn.gamma`` and so on, the head's bias ``conv_preds.bias``.
    Do not change the returned dictionary; it is shared.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in layers(spec):
        if layer.kind == "pool":
            continue
        shapes[f"{layer.name}.kernel"] = layer.weight_shape
        channels = (layer.output_shape[2],)
        if layer.has_bn:
            shapes |= {f"{layer.name}_bn.{array}": channels for array in BN_ARRAYS}
        else:
            shapes[f"{layer.name}.bias"] = channels
    return shapes


def released_specs() -> dict[str, Spec]:
    """The 16 released networks by name, widest and largest first."""
    specs = [Spec(alpha=a, resolution=r) for a in RELEASED_ALPHAS for r in RELEASED_RESOLUTIONS]
    return {spec.name: spec for spec in specs}


def spec_from_name(name: str) -> Spec:
    """Return the released network called ``name``.

    Three spellings are known: ours (``mobilenet_v1_0.5_192``), Keras' model name (``mobilenet_0.50_192``) and the
    name of Keras' weight file (``mobilenet_5_0_192_tf``). Nothing else is accepted, not even a near miss.

    Raises:
        UsageError: any other name; the message lists all.
    """
    for ours, spec in released_specs().items():
        digits = f"{spec.alpha:.2f}"
        file_alpha = f"{spec.alpha * 10:.1f}".replace(".", "_") if spec.alpha < 1 else "1_0"
        if name in (ours, f"mobilenet_{digits}_{spec.resolution}", f"mobilenet_{file_alpha}_{spec.resolution}_tf"):
            return spec
    raise UsageError(f"unknown model {name!r}; released models: {', '.join(released_specs())}")
