"""Products and factors with the same bits whatever order a library adds in."""

import hashlib

import numpy as np
import pytest

from tinysight.quantize.exact import cholesky, on_grid, product
from tinysight.quantize.synthetic import synthetic_pictures


def test_a_product_does_not_depend_on_the_order_of_its_terms():
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=(17, 300)), rng.normal(size=(300, 9)) * 10 ** rng.uniform(-6, 6, (300, 1))
    given, order = product(left, right), rng.permutation(300)
    assert np.array_equal(product(left[:, order], right[order]), given)
    largest = np.abs(left).max() * np.abs(right).max() * 300
    assert np.abs(given - left @ right).max() < 2**-35 * largest
    assert not np.array_equal(left[:, order] @ right[order], left @ right)  # or this test would show nothing


@pytest.mark.parametrize("size", [1, 5, 64, 150])
def test_the_factor_times_itself_is_the_matrix(size):
    rng = np.random.default_rng(size)
    inputs = rng.normal(size=(size + 20, size))
    matrix = inputs.T @ inputs + np.eye(size)
    lower = cholesky(matrix)
    assert np.array_equal(np.triu(lower, 1), np.zeros_like(lower))
    np.testing.assert_allclose(lower @ lower.T, matrix, rtol=1e-7, atol=1e-7)


def test_what_is_not_positive_definite_is_refused():
    with pytest.raises(ValueError, match="not positive definite"):
        cholesky(np.diag([1.0, -1.0, 1.0]))


def test_sums_of_gridded_values_are_exact():
    rng = np.random.default_rng(0)
    values = on_grid(rng.normal(size=2000), 2000, 127)
    whole = rng.integers(-127, 128, 2000)
    order = rng.permutation(2000)
    assert (values * whole).sum() == (values * whole)[order].sum()


def test_drawn_pictures_are_the_same_for_ever():
    pictures = synthetic_pictures(32, 3)
    assert pictures.shape == (3, 32, 32, 3)
    digest = hashlib.sha256(synthetic_pictures(48, 4).tobytes()).hexdigest()
    assert digest == "c828ae3d8c5b285937fe179051adf52439977dd47c78c60ccd499ba139a925b0"
