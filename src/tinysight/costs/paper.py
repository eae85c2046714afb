"""The paper's tables about cost, printed numbers beside recomputed ones.

Source: Howard et al., arXiv 1704.04861, Tables 1 to 7. Accuracies are shown as printed: they cannot be computed.
A printed number agrees when the computed one, rounded or cut to as many digits, gives it (one of them is cut).
The paper's params are kernels alone, without batch norm and bias: Table 2's shares are shares of that sum, and Table
9's 1.32 M for alpha 0.5 is its 1,319,648 kernel numbers, not the 1,342,536 that are stored.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from tinysight.costs.convolution import Convolution, Factorisation, depthwise_separable, standard
from tinysight.costs.network import NetworkCost, full_convolution_cost, network_cost
from tinysight.spec import Layer, Spec, layers

MILLION = 1_000_000
SHALLOW_WITHOUT = range(7, 12)  # Table 5: the five blocks that keep 14 x 14 x 512

TITLES = {
    1: "MobileNet body architecture",
    2: "Share of each layer type in %, without batch norm and bias",
    3: "One layer (14 x 14 x 512, kernel 3, 512 filters), step by step",
    4: "Depthwise separable against full convolutions",
    5: "Narrow against shallow",
    6: "Width multiplier",
    7: "Resolution",
}

TABLE_1 = (
    ("Conv / s2", "3 x 3 x 3 x 32", "224 x 224 x 3"),
    ("Conv dw / s1", "3 x 3 x 32 dw", "112 x 112 x 32"),
    ("Conv / s1", "1 x 1 x 32 x 64", "112 x 112 x 32"),
    ("Conv dw / s2", "3 x 3 x 64 dw", "112 x 112 x 64"),
    ("Conv / s1", "1 x 1 x 64 x 128", "56 x 56 x 64"),
    ("Conv dw / s1", "3 x 3 x 128 dw", "56 x 56 x 128"),
    ("Conv / s1", "1 x 1 x 128 x 128", "56 x 56 x 128"),
    ("Conv dw / s2", "3 x 3 x 128 dw", "56 x 56 x 128"),
    ("Conv / s1", "1 x 1 x 128 x 256", "28 x 28 x 128"),
    ("Conv dw / s1", "3 x 3 x 256 dw", "28 x 28 x 256"),
    ("Conv / s1", "1 x 1 x 256 x 256", "28 x 28 x 256"),
    ("Conv dw / s2", "3 x 3 x 256 dw", "28 x 28 x 256"),
    ("Conv / s1", "1 x 1 x 256 x 512", "14 x 14 x 256"),
    ("5x Conv dw / s1", "3 x 3 x 512 dw", "14 x 14 x 512"),
    ("Conv / s1", "1 x 1 x 512 x 512", "14 x 14 x 512"),
    ("Conv dw / s2", "3 x 3 x 512 dw", "14 x 14 x 512"),
    ("Conv / s1", "1 x 1 x 512 x 1024", "7 x 7 x 512"),
    ("Conv dw / s2", "3 x 3 x 1024 dw", "7 x 7 x 1024"),
    ("Conv / s1", "1 x 1 x 1024 x 1024", "7 x 7 x 1024"),
    ("Avg Pool / s1", "Pool 7 x 7", "7 x 7 x 1024"),
    ("FC / s1", "1024 x 1000", "1 x 1 x 1024"),
    ("Softmax / s1", "Classifier", "1 x 1 x 1000"),
)
TABLE_2 = {
    "Conv 1x1": ("pointwise", "94.86", "74.59"),
    "Conv DW 3x3": ("depthwise", "3.06", "1.06"),
    "Conv 3x3": ("stem", "1.19", "0.02"),
    "Fully Connected": ("head", "0.18", "24.33"),
}
TABLE_6 = {
    1.0: ("70.6", "569", "4.2"),
    0.75: ("68.4", "325", "2.6"),
    0.5: ("63.7", "149", "1.3"),
    0.25: ("50.6", "41", "0.5"),
}
TABLE_7 = {
    224: ("70.6", "569", "4.2"),
    192: ("69.1", "418", "4.2"),
    160: ("67.2", "290", "4.2"),
    128: ("64.4", "186", "4.2"),
}

NOTES = {
    (
        1,
        "3 x 3 x 1024 dw",
    ): "Misprint: stride 1 is meant. Stride 2 would leave 4 x 4, but the next row starts from 7 x 7.",
    (2, "Conv 3x3"): "Misprint: two digits of 1.91 swapped. The printed column adds up to 99.29, with 1.91 to 100.01.",
    (4, "Conv MobileNet"): "4866 is counted without the head, 569 with it; with it, 4866 would be 4867.",
    (7, "1.0 MobileNet-160"): "290.68, cut and not rounded.",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One printed value and the value that the table of the network gives; ``computed`` is None for accuracies."""

    column: str
    printed: str
    computed: str | float | None = None

    @property
    def agrees(self) -> bool:
        """Whether the printed value is the computed one, rounded or cut to the digits that are printed."""
        if self.computed is None or isinstance(self.computed, str):
            return self.computed in (None, self.printed)
        scale = 10 ** len(self.printed.partition(".")[2])
        exact = self.computed * scale
        return round(float(self.printed) * scale) in (math.floor(exact), math.floor(exact + 0.5))


@dataclass(frozen=True, slots=True)
class Row:
    """One row of one of the paper's tables."""

    table: int
    name: str
    cells: tuple[Cell, ...]
    stored_params: int | None = None
    """Every stored number of a whole network, for the tables that print kernels alone."""

    @property
    def agrees(self) -> bool:
        """Whether every cell agrees."""
        return all(cell.agrees for cell in self.cells)

    @property
    def note(self) -> str | None:
        """What there is to say about this row."""
        return NOTES.get((self.table, self.name))


def paper_rows() -> tuple[Row, ...]:
    """Return every row of Tables 1 to 7 with printed and computed values.

    The columns are ``type``, ``filter`` and ``input`` (Table 1), ``mult_adds_percent`` and ``params_percent``
    (Table 2), ``accuracy_percent``, ``mult_adds_millions`` and ``params_millions`` (the others).
    """
    return (*_table_1(), *_table_2(), *_table_3(), *_tables_4_and_5(), *_tables_6_and_7())


def _as_printed(layer: Layer) -> tuple[str, str, str]:
    sizes = " x ".join(map(str, layer.input_shape))
    if layer.kind == "pool":
        return "Avg Pool / s1", f"Pool {layer.kernel_size} x {layer.kernel_size}", sizes
    if layer.kind == "head":
        return "FC / s1", " x ".join(map(str, layer.weight_shape[2:])), sizes
    if layer.kind == "depthwise":
        return f"Conv dw / s{layer.stride}", " x ".join(map(str, layer.weight_shape[:3])) + " dw", sizes
    return f"Conv / s{layer.stride}", " x ".join(map(str, layer.weight_shape)), sizes


def _computed_table_1() -> Iterator[tuple[str, str, str]]:
    """Yield the rows of the network, a block that repeats written once with the number in front."""
    units: list[tuple[tuple[str, str, str], ...]] = []
    for layer in layers(Spec()):
        row = _as_printed(layer)
        if layer.kind == "pointwise":
            units[-1] += (row,)
        else:
            units.append((row,))
    for unit, repeats in groupby(units):
        count = len(tuple(repeats))
        first = unit[0] if count == 1 else (f"{count}x {unit[0][0]}", *unit[0][1:])
        yield from (first, *unit[1:])
    yield "Softmax / s1", "Classifier", " x ".join(map(str, layers(Spec())[-1].output_shape))


def _table_1() -> Iterator[Row]:
    for printed, computed in zip(TABLE_1, _computed_table_1(), strict=True):
        columns = zip(("type", "filter", "input"), printed, computed, strict=True)
        yield Row(1, printed[1], tuple(Cell(*column) for column in columns))


def _table_2() -> Iterator[Row]:
    cost = network_cost(Spec())
    for name, (kind, mult_adds, params) in TABLE_2.items():
        of_kind = [layer for layer in cost.layers if layer.kind == kind]
        mult_adds_percent = 100 * sum(layer.mult_adds for layer in of_kind) / cost.mult_adds
        params_percent = 100 * sum(layer.weights for layer in of_kind) / cost.weights
        cells = (
            Cell("mult_adds_percent", mult_adds, mult_adds_percent),
            Cell("params_percent", params, params_percent),
        )
        yield Row(2, name, cells)


def _table_3() -> Iterator[Row]:
    def row(name: str, way: Factorisation, mult_adds: str, params: str) -> Row:
        return Row(3, name, _costs(mult_adds, params, way.mult_adds, way.weights))

    full = Convolution((14, 14, 512), 3, 512, padding="same")
    narrow = Convolution((14, 14, 384), 3, 384, padding="same")
    small = Convolution((10, 10, 384), 3, 384, padding="same")
    yield row("Convolution", standard(full), "462", "2.36")
    yield row("Depthwise Separable Conv", depthwise_separable(full), "52.3", "0.27")
    yield row("alpha = 0.75", depthwise_separable(narrow), "29.6", "0.15")
    yield row("rho = 0.714", depthwise_separable(small), "15.1", "0.15")


def _tables_4_and_5() -> Iterator[Row]:
    full = full_convolution_cost(Spec())
    costs = _costs("4866", "29.3", full.without_head().mult_adds, full.weights)
    yield Row(4, "Conv MobileNet", (Cell("accuracy_percent", "71.7"), *costs), full.params)
    yield _network_row(4, "MobileNet", network_cost(Spec()), ("70.6", "569", "4.2"))
    yield _network_row(5, "0.75 MobileNet", network_cost(Spec(alpha=0.75)), ("68.4", "325", "2.6"))
    left_out = {f"conv_{kind}_{block}" for kind in ("dw", "pw") for block in SHALLOW_WITHOUT}
    shallow = NetworkCost(tuple(layer for layer in network_cost(Spec()).layers if layer.name not in left_out))
    yield _network_row(5, "Shallow MobileNet", shallow, ("65.3", "307", "2.9"))


def _tables_6_and_7() -> Iterator[Row]:
    for alpha, printed in TABLE_6.items():
        yield _network_row(6, f"{alpha} MobileNet-224", network_cost(Spec(alpha=alpha)), printed)
    for resolution, printed in TABLE_7.items():
        yield _network_row(7, f"1.0 MobileNet-{resolution}", network_cost(Spec(resolution=resolution)), printed)


def _network_row(table: int, name: str, cost: NetworkCost, printed: Iterable[str]) -> Row:
    accuracy, mult_adds, params = printed
    cells = (Cell("accuracy_percent", accuracy), *_costs(mult_adds, params, cost.mult_adds, cost.weights))
    return Row(table, name, cells, cost.params)


def _costs(printed_mult_adds: str, printed_params: str, mult_adds: int, weights: int) -> tuple[Cell, Cell]:
    return (
        Cell("mult_adds_millions", printed_mult_adds, mult_adds / MILLION),
        Cell("params_millions", printed_params, weights / MILLION),
    )
