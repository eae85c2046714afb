"""Many processes, killed processes, other users, and proof that no connection is opened."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import faults as fault
import pytest
from store_helpers import MODEL, environment, names

from tinysight.checkpoint import arrays_sha256, read_checkpoint

FETCH = ("models", "fetch", MODEL, "--json")
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
NO_LOCK = "import fcntl; fcntl.flock = lambda *_: None; from tinysight.cli import main; main()"
# Ends the process at the first socket, name look-up or connection.
NO_SOCKET = """
import os, sys
def hook(event, _):
    if event.startswith(("socket.__new__", "socket.connect", "socket.getaddrinfo", "socket.bind")):
        os.write(2, f"opened: {event}".encode()); os._exit(99)
sys.addaudithook(hook)
from tinysight.cli import main
main()
"""


# Root's Python may lie where others cannot read, so everything is loaded before the user is changed.
NOBODY = """
import contextlib, importlib, os, pkgutil
import numpy, requests, safetensors.numpy, tinysight, encodings.ascii, encodings.idna, encodings.latin_1
for found in pkgutil.walk_packages(tinysight.__path__, "tinysight."):
    if not any(part in found.name for part in ("__main__", ".networks", ".train")):
        importlib.import_module(found.name)
with contextlib.suppress(ImportError):
    import h5py
tinysight.models.released.released("mobilenet_v1_0.25_128")
os.setgroups([]), os.setgid(54321), os.setuid(54321)
tinysight.cli.main()
"""


def start_many(count: int, cache: Path, mirror: str, code: str | None = None) -> list[subprocess.CompletedProcess[str]]:
    how = ["-m", "tinysight"] if code is None else ["-c", code]
    command, variables = [sys.executable, *how, *FETCH], environment(cache, TINYSIGHT_MIRROR=mirror)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen(command, env=variables, **pipes) for _ in range(count)]
    results = []
    for process in processes:
        out, err = process.communicate(timeout=120)
        results.append(subprocess.CompletedProcess(command, process.returncode, out, err))
    return results


def check_all_right(results, cache: Path, weights) -> None:
    path = cache / weights.release.checkpoint_file
    for result in results:
        assert (result.returncode, result.stderr) == (0, "")
        assert json.loads(result.stdout) == {"model": MODEL, "path": str(path), "bytes": len(weights.cache_file)}
    assert path.read_bytes() == weights.cache_file
    assert names(cache) == [path.name]


@pytest.mark.parametrize("code", [None, NO_LOCK], ids=["locks", "no locks"])
def test_four_first_runs_at_once(code, tmp_path, mirror, weights):
    check_all_right(start_many(4, tmp_path / "c", mirror.url(), code), tmp_path / "c", weights)
    if code is None:
        assert mirror.full_gets(weights.path) <= 2


@pytest.mark.slow
@pytest.mark.parametrize("code", [None, NO_LOCK], ids=["locks", "no locks"])
def test_sixteen_first_runs_at_once_five_times(code, tmp_path, mirror, weights):
    gets = []
    for number in range(5):
        before = mirror.full_gets(weights.path)
        cache = tmp_path / str(number)
        check_all_right(start_many(16, cache, mirror.url(), code), cache, weights)
        gets.append(mirror.full_gets(weights.path) - before)
    print(f"full GETs by 16 processes in each of 5 rounds: {gets}")
    if code is None:
        assert max(gets) <= 2


def kill_at(count: int, cache: Path, mirror, weights) -> int:
    """Kill a first download after so many bytes; return how many were on the disk."""
    mirror.faults[weights.path] = [fault.hold_after(count)]
    variables = environment(cache, TINYSIGHT_MIRROR=mirror.url())
    with subprocess.Popen([sys.executable, "-m", "tinysight", *FETCH], env=variables) as process:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            bodies = list(cache.glob(".*.part/body"))
            if bodies and bodies[0].stat().st_size == count:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
    assert not (cache / weights.release.checkpoint_file).exists()
    return sum(body.stat().st_size for body in cache.glob(".*.part/body"))


def kill_and_resume(counts: list[int], folder: Path, mirror, weights, tinysight) -> int:
    resumed = 0
    for number, count in enumerate(counts):
        cache = folder / str(number)
        assert kill_at(count, cache, mirror, weights) == count
        mirror.faults[weights.path] = lambda handler, data: handler.serve(data, '"v1"')
        mirror.requests.clear()
        check_all_right([tinysight(*FETCH, cache=cache, TINYSIGHT_MIRROR=mirror.url())], cache, weights)
        (seen,) = mirror.requests
        resumed += (seen.range, seen.if_range) == (f"bytes={count}-", '"v1"')
    return resumed


def test_kill_9_then_the_next_run_resumes(tmp_path, mirror, weights, tinysight):
    counts = [1, len(weights.mirror_file) // 2]
    assert kill_and_resume(counts, tmp_path, mirror, weights, tinysight) == len(counts)


@pytest.mark.slow
def test_kill_9_at_thirty_random_bytes(tmp_path, mirror, weights, tinysight):
    numbers = random.Random(15)
    counts = [numbers.randrange(1, len(weights.mirror_file)) for _ in range(30)]
    resumed = kill_and_resume(counts, tmp_path, mirror, weights, tinysight)
    print(f"killed and right: {len(counts)}/30, resumed with Range and If-Range: {resumed}/30")
    assert resumed == 30


@pytest.mark.slow
def test_kill_9_at_random_moments_never_leaves_a_wrong_file(tmp_path, mirror, weights, tinysight):
    """Also while converting, writing and renaming, which a byte count does not reach."""
    numbers = random.Random(3)
    path = tmp_path / weights.release.checkpoint_file
    for _ in range(15):
        path.unlink(missing_ok=True)
        variables = environment(tmp_path, TINYSIGHT_MIRROR=mirror.url())
        with subprocess.Popen(
            [sys.executable, "-m", "tinysight", *FETCH], env=variables, stdout=subprocess.PIPE
        ) as run:
            time.sleep(numbers.uniform(0.2, 0.7))
            run.send_signal(signal.SIGKILL)
        if path.exists():
            assert path.read_bytes() == weights.cache_file
        check_all_right([tinysight(*FETCH, cache=tmp_path, TINYSIGHT_MIRROR=mirror.url())], tmp_path, weights)


def run_without_sockets(*arguments: str, cache: Path | None, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", NO_SOCKET, *arguments]
    return subprocess.run(command, env=environment(cache, **variables), capture_output=True, text=True, timeout=60)


def test_a_warm_cache_and_offline_mode_open_no_socket(tmp_path, mirror, weights):
    cold = run_without_sockets(*FETCH, cache=tmp_path, TINYSIGHT_MIRROR=mirror.url())
    assert (cold.returncode, cold.stderr.partition(":")[0]) == (99, "opened")  # the hook works
    (tmp_path / weights.release.checkpoint_file).write_bytes(weights.cache_file)
    warm = run_without_sockets(*FETCH, cache=tmp_path, TINYSIGHT_MIRROR=mirror.url())
    assert (warm.returncode, warm.stderr) == (0, "")
    empty = tmp_path / "empty"
    for flags, variables in ((("--offline",), {}), ((), {"TINYSIGHT_OFFLINE": "1"})):
        result = run_without_sockets(*FETCH, *flags, cache=empty, TINYSIGHT_MIRROR=mirror.url(), **variables)
        assert result.returncode == 1
        assert "is not in the cache and offline mode is on" in result.stderr


@pytest.fixture
def open_folder():
    """A folder that every user can reach; pytest's own are private."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def as_nobody(*arguments: str, cache: Path | None, home: str | None, **variables: str):
    """Run as a user without an entry in the password file, which root can become."""
    env = environment(cache, **variables)
    env.pop("HOME", None)
    if home is not None:
        env["HOME"] = home
    command = [sys.executable, "-c", NOBODY, *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not ROOT, reason="root is needed to become a user without an entry")
def test_folders_and_users_of_every_poor_kind(open_folder, mirror, weights):
    place = {"TINYSIGHT_MIRROR": mirror.url()}
    (open_folder / weights.release.checkpoint_file).write_bytes(weights.cache_file)
    for home in (None, "/nonexistent"):  # warm, read-only, no HOME, no entry
        assert as_nobody(*FETCH, cache=open_folder, home=home, **place).returncode == 0
    assert mirror.requests == []
    cold = as_nobody("models", "fetch", "mobilenet_v1_0.25_160", cache=open_folder, home=None, **place)
    assert "Permission denied; set TINYSIGHT_CACHE to a folder that can be written" in cold.stderr
    for home, reason in ((None, "no home folder is known"), ("/nonexistent", "cannot write in the cache folder")):
        cold = as_nobody(*FETCH, cache=None, home=home, **place)
        assert cold.returncode == 1
        assert reason in cold.stderr
        assert "set TINYSIGHT_CACHE" in cold.stderr
        assert "Traceback" not in cold.stderr
    listed = as_nobody("models", "list", "--json", cache=None, home=None)
    assert (listed.returncode, listed.stderr) == (0, "")
    assert arrays_sha256(read_checkpoint(open_folder / weights.release.checkpoint_file).arrays)
