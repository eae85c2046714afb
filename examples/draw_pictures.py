"""Draw the example pictures: things ImageNet has classes for, made from formulas, so they belong to everyone.

    python examples/draw_pictures.py [FOLDER]

Needs nothing but numpy and Pillow, which tinysight brings. The default folder is this one. The same pictures come
out every time; their JPEG bytes may differ a little between versions of Pillow.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from drawing import clocks, outdoors, printed, still_life
from PIL import Image

PICTURES: dict[str, Callable[[], Image.Image]] = {
    "abacus": still_life.abacus,
    "analog_clock": clocks.analog_clock,
    "balloon": outdoors.balloon,
    "candle": still_life.candle,
    "crossword_puzzle": printed.crossword_puzzle,
    "digital_clock": clocks.digital_clock,
    "lighthouse": outdoors.lighthouse,
    "traffic_light": outdoors.traffic_light,
    "web_site": printed.web_site,
}


def main() -> None:
    """Draw every picture into the folder."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        draw().save(folder / f"{name}.jpg", quality=88, optimize=True)
        print(folder / f"{name}.jpg")


if __name__ == "__main__":
    main()
