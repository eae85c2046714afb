import json
import math
from dataclasses import replace

import pytest

from tinysight.errors import UsageError
from tinysight.preprocess.recipe import MAX_RESOLUTION, RECIPES, Recipe, recipe_from_dict, recipe_named

WRONG = [
    {"resolution": 31},
    {"resolution": MAX_RESOLUTION + 1},
    {"resolution": 224.0},
    {"resolution": True},
    {"crop": "centre"},
    {"crop": ["center"]},
    {"crop_fraction": 0},
    {"crop_fraction": 1.01},
    {"crop_fraction": math.nan},
    {"crop": "squash", "crop_fraction": 0.9},
    {"resample": "lanczos"},
    {"value_range": (1.0, -1.0)},
    {"value_range": (0.0, 0.0)},
    {"value_range": (0.0, math.inf)},
    {"value_range": [0.0, 1.0]},
    {"value_range": (0.0, 1.0, 2.0)},
    {"value_range": ("0", "1")},
]


@pytest.mark.parametrize("fields", WRONG, ids=str)
def test_a_value_outside_its_range_is_refused_with_its_name(fields):
    with pytest.raises(UsageError, match=r"crop_fraction" if len(fields) > 1 else next(iter(fields))):
        Recipe(**fields)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json(name):
    recipe = recipe_named(name, 160)
    assert recipe_from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_what_the_three_recipes_are():
    assert recipe_named("center") == Recipe(224, "center", 1.0, "bilinear", (-1.0, 1.0))
    assert recipe_named("center-87.5", 128) == Recipe(128, "center", 0.875, "bilinear", (-1.0, 1.0))
    assert recipe_named("keras", 192) == Recipe(192, "squash", 1.0, "nearest", (-1.0, 1.0))
    with pytest.raises(UsageError, match=r"unknown recipe 'Keras'; recipes: center, center-87.5, keras"):
        recipe_named("Keras")


@pytest.mark.parametrize(
    "change", [{"crop": None}, {"extra": 1}, {"value_range": "ab"}, {"value_range": None}, {"resolution": "224"}]
)
def test_a_damaged_card_is_refused(change):
    with pytest.raises(UsageError):
        recipe_from_dict(Recipe().to_dict() | change)


def test_a_missing_key_and_another_type_are_refused():
    fields = Recipe().to_dict()
    del fields["resample"]
    with pytest.raises(UsageError, match="resample"):
        recipe_from_dict(fields)
    with pytest.raises(UsageError, match="list"):
        recipe_from_dict([])


def test_wanted_px_is_the_short_side_that_fills_the_crop():
    assert Recipe().wanted_px == 224
    assert Recipe(crop_fraction=0.875).wanted_px == 256
    assert Recipe(resolution=100, crop_fraction=0.3).wanted_px == 334
    assert replace(RECIPES["keras"]).wanted_px is None
