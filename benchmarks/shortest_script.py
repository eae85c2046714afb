"""The shortest way from a picture to its label with ONNX Runtime and Pillow; what ``cold_start.py`` compares with.

python shortest_script.py MODEL.onnx LABELS.txt PICTURE
"""

import sys

import numpy as np
import onnxruntime
from PIL import Image

model, labels, picture = sys.argv[1:]
image = Image.open(picture)
image.draft("RGB", (224, 224))
side = min(image.size)
left, top = (image.width - side) // 2, (image.height - side) // 2
image = image.convert("RGB").resize((224, 224), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
planes = np.asarray(image, np.float32).transpose(2, 0, 1)[None] / 127.5 - 1
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1  # no pool to start
session = onnxruntime.InferenceSession(model, options)
scores = session.run(None, {"planes": planes})[0][0]
with open(labels, encoding="utf-8") as file:  # noqa: PTH123
    print(file.read().splitlines()[scores.argmax()])
