"""The MobileNet tutorial as one working script: build it in Keras, load the ImageNet weights, name a picture.

    pip install '.[keras]'
    KERAS_BACKEND=jax python examples/tutorial.py                  # the lighthouse beside this file
    KERAS_BACKEND=jax python examples/tutorial.py PICTURE --summary

The weights are fetched once (17 MB) and then kept; after that it needs no network. Any Keras backend will do.
"""

import argparse
from pathlib import Path

import keras
import numpy as np

from tinysight import costs
from tinysight.networks.keras import MobileNet, decode_predictions, preprocess_input
from tinysight.preprocess import decode, prepare, recipe_named
from tinysight.spec import Spec

LIGHTHOUSE = Path(__file__).parent / "lighthouse.jpg"
SIDE_PX = 224


def load(path: Path) -> np.ndarray:
    """Read a picture as tutorials do: squashed to a square, one source pixel for each pixel of the result.

    tinysight calls this the recipe ``keras``. It loses about nine points of accuracy against the centred square that
    ``tinysight predict`` uses, and is here because the answer is then the tutorial's, digit for digit.
    """
    pixels = keras.utils.img_to_array(keras.utils.load_img(path, target_size=(SIDE_PX, SIDE_PX)))
    ours = prepare(decode(path), recipe_named("keras", SIDE_PX))
    same = np.array_equal(pixels, ours)
    print(f"Picture: {path.name}; keras.utils.load_img and the recipe 'keras' give the same pixels: {same}")
    return pixels


def classify(pixels: np.ndarray, show_summary: bool) -> None:
    """Name what the pixels show, float32 (224, 224, 3) in 0..255."""
    model = MobileNet(input_shape=(SIDE_PX, SIDE_PX, 3))
    if show_summary:
        model.summary()
    images = preprocess_input(np.expand_dims(pixels, axis=0))
    print("Input shape:", images.shape)
    preds = model.predict(images, verbose=0)
    print("Arg-max:", np.argmax(preds))
    print("Predicted:", decode_predictions(preds, 1))


def explain_costs() -> None:
    """Print why the network is small: what one layer costs in each form, then all of them together."""
    job = costs.Convolution((12, 12, 3), kernel_size=5, filters=256)
    print("\nA 12 x 12 x 3 input, 5 x 5 kernels, 256 filters:")
    table(costs.standard(job), costs.depthwise_separable(job))
    print(f"  ratio 1/N + 1/k^2 = 1/256 + 1/25 = {float(costs.expected_ratio(job)):.4f}")
    print(f"The network at {SIDE_PX} x {SIDE_PX}, without its head:")
    full, separable = costs.full_convolution_cost(Spec()), costs.network_cost(Spec())
    table(full.without_head(), separable.without_head())
    head = separable.layers[-1]
    print(f"  the head adds {head.weights:,} weights and {head.mult_adds:,} mult-adds")


def table(standard, separable) -> None:
    """Print two costs, one a line; both have ``weights`` and ``mult_adds``."""
    for name, cost in (("standard", standard), ("depthwise separable", separable)):
        print(f"  {name:<20}{cost.weights:>12,} weights {cost.mult_adds:>15,} mult-adds")


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(description="Name a picture with MobileNet in Keras, and say what it costs.")
    parser.add_argument("picture", nargs="?", type=Path, default=LIGHTHOUSE)
    parser.add_argument("--summary", action="store_true", help="also print the network layer by layer")
    arguments = parser.parse_args()
    classify(load(arguments.picture), arguments.summary)
    explain_costs()


if __name__ == "__main__":
    main()
