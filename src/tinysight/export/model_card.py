"""The README of a Hugging Face folder: what the model is, where it comes from, how it is opened."""

from __future__ import annotations

import json
import re

from tinysight.checkpoint import Card
from tinysight.errors import printable

SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]{0,63}")
NO_LICENCE = ("", "none", "unknown")
SHOWN_LABELS = 10


def model_card(card: Card) -> str:
    """Return Markdown with the facts that hubs read on top of it.

    Names and texts of a card may be a stranger's: they stand in the text as code, and on top as quoted strings.
    """
    spec, recipe = card.spec, card.recipe
    low, high = recipe.value_range
    share = "" if recipe.crop_fraction == 1 else f", {recipe.crop_fraction:.1%} of the short side"
    crop = f"the centred square{share}" if recipe.crop == "center" else "the whole picture, squashed"
    return f"""{_front_matter(card)}
# {_code(card.name)}

MobileNet v1, width {spec.alpha:g}, {spec.resolution} x {spec.resolution} pixels, {_labels(card)}.

- Licence of the weights: {_code(card.licence)}
- Source: {_code(card.source)}
- Pictures: {crop}; {recipe.resample}; pixels as {low:g}..{high:g}

```python
from transformers import pipeline

classify = pipeline("image-classification", "FOLDER")
print(classify("picture.jpg"))
```

Written by `tinysight export --format huggingface`; `tinysight models import FOLDER` reads it back.
"""


def _front_matter(card: Card) -> str:
    lines = ["---"]
    if card.licence not in NO_LICENCE:
        known = SPDX.fullmatch(card.licence) is not None
        lines.append(f"license: {card.licence.lower()}" if known else "license: other")
        if not known:
            lines.append(f"license_name: {json.dumps(printable(card.licence))}")
    lines += ["library_name: transformers", "pipeline_tag: image-classification", "tags: [mobilenet_v1]", "---"]
    return "\n".join(lines)


def _code(text: str) -> str:
    return f"`{printable(text, 300).replace('`', chr(39)) or 'unknown'}`"


def _labels(card: Card) -> str:
    classes = f"{card.spec.num_classes} classes"
    if card.labels is None:
        return f"{classes} without names"
    names = ", ".join(_code(label.name) for label in card.labels[:SHOWN_LABELS])
    return f"{classes}: {names}{' and so on' if len(card.labels) > SHOWN_LABELS else ''}"
