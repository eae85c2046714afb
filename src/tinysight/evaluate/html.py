"""Pieces of a page. Text goes through ``escape``: names of files and classes may be a stranger's."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Sequence

from tinysight.errors import printable
from tinysight.evaluate.intervals import Share

LONGEST = 300  # characters of a name that are shown
NO_BREAK = "\N{NO-BREAK SPACE}"


def escape(text: str) -> str:
    """Return text that stands for itself in a page, between tags and in quoted attributes; control characters shown.

    >>> escape('<b>"x')
    '&lt;b&gt;&quot;x'
    """
    shown = NO_BREAK.join(printable(part, LONGEST) for part in text.split(NO_BREAK))  # it is harmless, and ours
    return html.escape(shown, quote=True)


def percent(share: float) -> str:
    r"""Write a share of 0..1, kept on one line.

    >>> percent(0.936)
    '93.6\xa0%'
    """
    return f"{100 * share:.1f}{NO_BREAK}%"


def interval(found: Share) -> str:
    r"""Write the ends of a share's interval.

    >>> interval(Share(0.5, 0.25, 0.75, 2, 4))
    '25.0–75.0\xa0%'
    """
    return f"{100 * found.low:.1f}–{percent(found.high)}"


def plural(count: int, thing: str) -> str:
    """Write a number of things.

    >>> plural(1, "picture"), plural(1200, "picture")
    ('1 picture', '1,200 pictures')
    """
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def image(png: bytes, description: str) -> str:
    """Return a PNG as an image that needs no other file."""
    data = base64.b64encode(png).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{escape(description)}" loading="lazy">'


def plot(svg: str, caption: str = "", wide: bool = False) -> str:
    """Return a drawing with a caption; ``wide``: on a phone it takes all there is."""
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f'<figure class="plot{" wide" if wide else ""}">{svg}{below}</figure>'


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], faint: Iterable[bool] = ()) -> str:
    """Return a table; the first column holds names, the others numbers; faint rows count for little."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    marks = iter(faint)
    body = []
    for row in rows:
        cells = f'<td class="name">{escape(row[0])}</td>' + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        row_class = ' class="faint"' if next(marks, False) else ""
        body.append(f"<tr{row_class}>{cells}</tr>")
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def lines(texts: Sequence[str], limit: int = 200) -> str:
    """Return a list of lines, the first ones of many."""
    shown = "".join(f"<li>{escape(text)}</li>" for text in texts[:limit])
    more = f"<li>and {len(texts) - limit:,} more</li>" if len(texts) > limit else ""
    return f'<ul class="lines">{shown}{more}</ul>'
