"""Everything that decides what a run computes, as ``run.json`` keeps it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, get_args

from tinysight.errors import UsageError
from tinysight.train.options import Mode, Options, options_from_dict


@dataclass(frozen=True, slots=True)
class Plan:
    """A run.

    Args:
        data: folder or table of labelled pictures.
        mode: ``head``, ``last-blocks``, ``all-layers`` or ``from-scratch``.
        model: name or path of the model whose layers are the start; None from scratch.
        alpha: width from scratch; else the model's.
        options: of training layers; None for a head alone.
        test_share: of the pictures that measure, 0 to below 1.
        val_share: of the pictures that choose, above 0 to below 1.
        split_seed: another one cuts the data elsewhere.
        seed: of all chance in training.
        class_weights: whether a rare class counts as much as a common one.
        predict_resolution: side of the pictures that the new model takes; None: chosen on validation.
        device: what PyTorch computes on.
        tensorboard: whether epochs are also written for TensorBoard.

    Raises:
        UsageError: values that do not fit each other.
    """

    data: str
    mode: Mode = "head"
    model: str | None = None
    alpha: float | None = None
    options: Options | None = None
    test_share: float = 0.2
    val_share: float = 0.1
    split_seed: int = 0
    seed: int = 0
    class_weights: bool = False
    predict_resolution: int | None = None
    device: str = "cpu"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise UsageError(f"mode must be one of {', '.join(get_args(Mode))}, received {self.mode!r}")
        if (self.mode == "head") != (self.options is None):
            raise UsageError(f"mode {self.mode} and options of training layers do not fit each other")
        options = self.options
        if options is not None and (self.mode == "last-blocks") != (options.last_blocks is not None):
            raise UsageError(f"mode {self.mode} and last_blocks {options.last_blocks} do not fit each other")
        if (self.mode == "from-scratch") != (self.model is None) or (self.model is None) != (self.alpha is not None):
            raise UsageError(f"mode {self.mode} does not fit model {self.model!r} and alpha {self.alpha}")
        if not (self.test_share >= 0 and self.val_share > 0 and self.test_share + self.val_share < 1):
            raise UsageError(
                "the shares of test and validation must leave pictures to learn from, received "
                f"{self.test_share:g} and {self.val_share:g}"
            )

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a dictionary that JSON can hold."""
        return asdict(self) | {"options": None if self.options is None else self.options.to_dict()}


def plan_from_dict(fields: Any) -> Plan:
    """Read back ``Plan.to_dict``.

    Raises:
        UsageError: unknown or missing keys, or values that cannot be.
    """
    try:
        options = fields["options"]
        return Plan(**fields | {"options": None if options is None else options_from_dict(options)})
    except (TypeError, KeyError) as error:
        raise UsageError(f"the run's plan is damaged: {error}") from None
