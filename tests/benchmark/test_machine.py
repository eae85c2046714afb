import subprocess
import sys
from pathlib import Path

import pytest

from tinysight.benchmark import fingerprint, measure_commands
from tinysight.benchmark.machine import git_commit, package_versions, processor
from tinysight.errors import EngineError, UsageError

X86 = "processor\t: 0\nmodel name\t: Fast CPU\nflags\t\t: fpu avx avx2 fma amx_tile ht\n\nmodel name\t: x\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp\n"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [(X86, ("Fast CPU", ["avx", "fma", "avx2", "amx_tile"])), (ARM, (None, ["asimd", "asimddp"])), ("", (None, []))],
)
def test_processor_from_cpuinfo(text, wanted):
    assert processor(text) == wanted


def test_fingerprint_has_its_keys():
    found = fingerprint(["numpy", "no-such-package"])
    assert list(found) == ["processor", "flags", "processors", "governor", "system", "python", "packages", "commit"]
    assert list(found["packages"]) == ["numpy"] and found["processors"] >= 1


def test_versions_are_those_of_the_packages():
    assert package_versions(["numpy"]) == {"numpy": __import__("numpy").__version__}


def test_commit_of_this_tree_and_of_none(tmp_path):
    root = Path(__file__).resolve().parents[2]
    if (root / ".git").exists():
        head = subprocess.run(["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        commit = git_commit(root / "src" / "tinysight" / "x.py")
        assert commit is not None and commit.removesuffix("+") == head.stdout.strip()
    assert git_commit(tmp_path / "x.py") is None


def test_commands_are_timed_in_turns_and_their_peak_is_their_own(tmp_path):
    log = tmp_path / "log"
    append = f"import sys; open({str(log)!r}, 'a').write(sys.argv[1])"
    held = bytearray(200_000_000)  # of this process; a child's peak must not begin with it
    held[::4096] = b"x" * len(held[::4096])
    a, b = measure_commands(
        [
            [sys.executable, "-S", "-c", append, "a"],
            [sys.executable, "-S", "-c", f"{append}; x = b'x' * 60_000_000; import time; time.sleep(0.2)", "b"],
        ],
        rounds=2,
    )
    assert log.read_text() == "ababab"  # the first round does not count
    assert len(a.seconds) == len(b.seconds) == 2
    assert max(a.seconds) < min(b.seconds)
    assert a.peak_bytes < 40e6 and 60e6 < b.peak_bytes < 100e6


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ([sys.executable, "-c", "raise ValueError('no luck')"], "ValueError: no luck"),
        (["no-such-program-anywhere"], "no-such-program-anywhere"),
    ],
)
def test_a_command_that_fails_is_named(command, message):
    with pytest.raises(EngineError, match=message):
        measure_commands([command], 1)


def test_no_command_or_no_round_is_refused():
    for commands, rounds in (([], 1), ([["true"]], 0)):
        with pytest.raises(UsageError):
            measure_commands(commands, rounds)
