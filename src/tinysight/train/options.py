"""What can be chosen about training all layers or the last blocks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from tinysight.errors import UsageError
from tinysight.spec import BLOCKS, MIN_RESOLUTION
from tinysight.train.augment import Augmentation

Optimizer = Literal["adamw", "sgd"]
Mode = Literal["head", "last-blocks", "all-layers", "from-scratch"]

WIDE_FROM = 0.5  # alpha above which a network learns at the slower rate
MAX_RATE, MAX_EPOCHS, MAX_BATCH = 10.0, 100_000, 65_536


@dataclass(frozen=True, slots=True)
class Options:
    """How a network is trained.

    Args:
        resolution: side of the pictures in training, in pixels; the one to predict at is chosen afterwards.
        epochs: times that every picture is taken.
        batch_size: pictures in a step, of all processes together.
        learning_rate: the highest, after the warm-up.
        seed: of the order of the pictures and of all that happens to them.
        optimizer: ``adamw``, or ``sgd`` with Nesterov's momentum 0.9.
        weight_decay: of dense kernels; depthwise kernels, batch norm and biases have none.
        warmup: share of the steps in which the rate rises.
        label_smoothing: share of each target spread over all classes, 0 to below 1.
        teacher_share: how much of each target is what a head on the built-in network says, 0 (off) to 1.
        average_decay: of the moving average of the weights, which is what is kept; 0 keeps the weights themselves.
        patience: epochs without a better average on validation after which training ends; 0 never ends it early.
        mixed_precision: whether convolutions run in bfloat16 (float16 on older GPUs).
        last_blocks: train only so many blocks at the end, on activations that are computed once; None trains all.
        views: how many differently augmented activations of each picture are computed for ``last_blocks``.
        augmentation: how different a picture may look.

    Raises:
        UsageError: a value outside its range.
    """

    resolution: int = 160
    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 1e-3
    seed: int = 0
    optimizer: Optimizer = "adamw"
    weight_decay: float = 0.02
    warmup: float = 0.05
    label_smoothing: float = 0.1
    teacher_share: float = 0.0
    average_decay: float = 0.99
    patience: int = 0
    mixed_precision: bool = False
    last_blocks: int | None = None
    views: int = 3
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        for name, least, most in (
            ("resolution", MIN_RESOLUTION, 1024),
            ("epochs", 1, MAX_EPOCHS),
            ("batch_size", 2, MAX_BATCH),  # batch norm has no spread over a single picture
            ("seed", 0, 2**31 - 1),
            ("patience", 0, MAX_EPOCHS),
            ("views", 1, 100),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise UsageError(f"{name} must be a whole number from {least} to {most}, received {value!r}")
        for name, most_, inclusive in (
            ("learning_rate", MAX_RATE, True),
            ("weight_decay", 10.0, True),
            ("warmup", 1.0, True),
            ("teacher_share", 1.0, True),
            ("label_smoothing", 1.0, False),
            ("average_decay", 1.0, False),
        ):
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | float)
                or not 0 <= value <= most_
                or (value == most_ and not inclusive)
            ):
                raise UsageError(
                    f"{name} must be from 0 to {'' if inclusive else 'below '}{most_:g}, received {value!r}"
                )
        if self.optimizer not in get_args(Optimizer):
            raise UsageError(f"optimizer must be one of {', '.join(get_args(Optimizer))}, received {self.optimizer!r}")
        blocks = self.last_blocks
        whole = isinstance(blocks, int) and not isinstance(blocks, bool)
        if blocks is not None and not (whole and 1 <= blocks < len(BLOCKS)):
            raise UsageError(f"last_blocks must be from 1 to {len(BLOCKS) - 1}, received {self.last_blocks!r}")

    @property
    def first_trained(self) -> int:
        """Number of the first convolution that is trained: 0, or the depthwise one of the first of the last blocks."""
        return 0 if self.last_blocks is None else 1 + 2 * (len(BLOCKS) - self.last_blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return asdict(self) | {"augmentation": self.augmentation.to_dict()}


def options_from_dict(fields: dict[str, Any]) -> Options:
    """Read back ``Options.to_dict``.

    Raises:
        UsageError: unknown or missing keys, or values out of range.
    """
    try:
        augmentation: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in fields["augmentation"].items()
        }
        return Options(**fields | {"augmentation": Augmentation(**augmentation)})
    except (TypeError, KeyError, AttributeError) as error:
        raise UsageError(f"the run's options are damaged: {error}") from None


def usual_rate(alpha: float, optimizer: Optimizer, batch_size: int, mode: Mode = "all-layers") -> float:
    """Return the learning rate that suits a width, chosen by validation on photographs of flowers.

    It grows with the square root of the batch, as suits Adam (Malladi et al., arXiv 2205.10287); for SGD it is 30 times
    higher and grows in proportion (Goyal et al., arXiv 1706.02677).
    """
    wide = alpha > WIDE_FROM and mode != "from-scratch"
    rate, batch = (4e-4, 32) if wide else (2e-3, 64)
    if mode == "last-blocks":
        rate = 1e-4 if wide else 2.5e-4  # what they begin with is good already
    if optimizer == "sgd":
        return 30 * rate * batch_size / batch
    return float(rate * (batch_size / batch) ** 0.5)
