"""How verbs write shapes, shares, tables of numbers and activation memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinysight.costs import peak_activation

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console
    from rich.table import Table

    from tinysight.spec import Spec

ANY_WIDTH = 10_000


def size(shape: Iterable[int]) -> str:
    """Write a shape.

    >>> size((112, 112, 32))
    '112 x 112 x 32'
    """
    return " x ".join(map(str, shape))


def percent(share: float) -> str:
    """Write a share of 0..1 in percent.

    >>> percent(0.0191)
    '1.91 %'
    """
    return f"{100 * share:.2f} %"


def table(columns: Iterable[str], footer: Iterable[str] = ()) -> Table:
    """Return an empty table without a frame; a column whose title starts with ``>`` is flush right."""
    from rich.box import SIMPLE
    from rich.table import Table

    titles, last = list(columns), list(footer)
    rows = Table(box=SIMPLE, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), show_footer=bool(last))
    for title, foot in zip(titles, last or [""] * len(titles), strict=True):
        justify: Any = "right" if title.startswith(">") else "left"
        rows.add_column(title.removeprefix(">"), foot, justify=justify, no_wrap=True)
    return rows


def show(out: Console, rows: Table) -> None:
    """Print a table; where it is wider than the terminal the lines run over, because rich would cut digits off."""
    natural = out.measure(rows, options=out.options.update(max_width=ANY_WIDTH)).maximum
    if natural > out.width:
        rows.width = natural
    out.print(rows)


def memory_fields(spec: Spec) -> dict[str, Any]:
    """Return the moment that holds most, for JSON: layers, shapes, bytes in float32 and int8 for one picture."""
    peak, fused = peak_activation(spec), peak_activation(spec, fused=True)
    return {
        "layers": peak.layers,
        "input": peak.input_shape,
        "output": peak.output_shape,
        "float32_bytes": peak.float32_bytes,
        "int8_bytes": peak.int8_bytes,
        "fused_float32_bytes": fused.float32_bytes,
        "fused_int8_bytes": fused.int8_bytes,
    }


def memory_text(spec: Spec) -> str:
    """Return two lines about activation memory: its peak, and which layer's input and output it is."""
    peak = peak_activation(spec)
    return (
        f"activations  {peak.float32_bytes:,} bytes float32, {peak.int8_bytes:,} bytes int8 at the peak:\n"
        f"             {peak.layers[0]} with {size(peak.input_shape)} in and {size(peak.output_shape)} out"
    )
