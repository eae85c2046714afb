"""The tutorial's script runs from start to end and prints what the tutorial promises."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "examples" / "tutorial.py"


@pytest.mark.weights
@pytest.mark.usefixtures("keras", "real_checkpoint")
def test_the_tutorial_names_the_lighthouse_and_explains_the_cost():
    environment = os.environ | {"TINYSIGHT_OFFLINE": "1"}
    command = [sys.executable, SCRIPT, "--summary"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, encoding="utf-8")
    printed = result.stdout
    assert "same pixels: True" in printed
    assert "Arg-max: 437" in printed
    assert "'n02814860', 'beacon'" in printed
    assert "conv_pw_13_relu" in printed
    for number in ("1,228,800", "53,952", "0.0439", "4,866,269,184", "567,716,352"):
        assert number in printed
