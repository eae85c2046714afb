"""The command as a process: pipes, interrupts, plain terminals, full disks."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tinysight.preprocess import encode_png

TINYSIGHT = [sys.executable, "-m", "tinysight"]


def tinysight(*arguments, **options):
    return subprocess.run([*TINYSIGHT, *arguments], capture_output=True, text=True, timeout=60, check=False, **options)


@pytest.fixture
def picture(tmp_path):
    path = tmp_path / "x.png"
    path.write_bytes(encode_png(np.zeros((40, 40, 3), np.uint8)))
    return str(path)


def test_a_closed_stderr_is_no_error(checkpoint_file, picture):
    for arguments in (["--version"], ["predict", "--json", "-m", str(checkpoint_file), picture]):
        closed = ["sh", "-c", 'exec "$@" 2>&-', "sh", *TINYSIGHT, *arguments]
        done = subprocess.run(closed, stdout=subprocess.PIPE, text=True, timeout=60, check=False)
        assert done.returncode == 0 and done.stdout.count("\n") == 1


@pytest.mark.parametrize("arguments", [["cost", "--paper"], ["cost", "--paper", "--json"]])
def test_a_reader_that_leaves_early_is_no_error(arguments):
    process = subprocess.Popen([*TINYSIGHT, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert (process.wait(), error) == (141, b"")


def test_a_full_disk_is_one_line(checkpoint_file, picture):
    if not Path("/dev/full").exists():
        pytest.skip("platform: needs /dev/full")
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(
            [*TINYSIGHT, "predict", "--json", "-m", checkpoint_file, picture],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1 and "No space left" in result.stderr


def test_an_encoding_without_blocks_gets_plain_bars(checkpoint_file, picture):
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = tinysight("predict", "-m", str(checkpoint_file), picture, env=environment)
    assert result.returncode == 0 and result.stderr == ""
    assert "#" in result.stdout and result.stdout.isascii()


@pytest.mark.parametrize("variable", ["NO_COLOR", "FORCE_COLOR"])
def test_colours_follow_the_terminal_and_the_variables(checkpoint_file, picture, variable):
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR")} | {variable: "1"}
    result = tinysight("predict", "-m", str(checkpoint_file), picture, env=environment)
    assert ("\x1b[32m" in result.stdout or "\x1b[1m" in result.stdout) is (variable == "FORCE_COLOR")


@pytest.mark.skipif(os.name != "posix", reason="platform: closing descriptors from a shell")
@pytest.mark.parametrize("verb", ["summary", "--help", "models list"])
def test_a_closed_output_is_one_line(verb):
    shell = f'exec "{sys.executable}" -m tinysight {verb} >&-'
    result = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr == "Error: standard output is closed, so there is nowhere to put the answer\n"


def test_a_terminal_without_a_size_still_shows_the_answer():
    result = tinysight("summary", env=os.environ | {"COLUMNS": "0"})
    assert "conv_preds" in result.stdout


@pytest.mark.skipif(os.name != "posix", reason="platform: signals")
def test_an_interrupt_is_exit_130_and_one_line(checkpoint_file, tmp_path):
    for number in range(3000):
        os.link(checkpoint_file, tmp_path / f"{number}.jpg")  # not pictures: each is refused, the run goes on
    command = [*TINYSIGHT, "predict", "--json", "-m", str(checkpoint_file), str(tmp_path)]
    # A shell's background jobs ignore interrupts, and so do the processes that they start.
    heed = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed)
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    start = time.monotonic()
    _, error = process.communicate(timeout=30)
    assert (process.returncode, error.strip()) == (130, "Interrupted.")
    assert time.monotonic() - start < 5


@pytest.mark.slow
def test_help_answers_within_the_time_of_importing_numpy():
    def seconds(command):
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return time.monotonic() - start

    pairs = [(seconds([*TINYSIGHT, "--help"]), seconds([sys.executable, "-c", "import numpy"])) for _ in range(9)]
    assert min(a for a, _ in pairs) <= 1.2 * min(b for _, b in pairs)
