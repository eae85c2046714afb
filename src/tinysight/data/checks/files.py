"""Single pictures: whether they can be read, how they are stored, how large they are, whether they show anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tinysight.data.examine import Facts
from tinysight.data.examined import Examined
from tinysight.data.findings import Finding
from tinysight.errors import printable

TINY_PX = 32  # the network halves a picture five times: below this nothing is left of it
LONG = 4  # sides: of a picture longer than that, the square in its middle is less than a quarter
FEW = 0.2  # share of a class up to which a way of storing is odd there
TELLTALE, ELSEWHERE, ENOUGH = 0.9, 0.1, 10  # share in one class, share in the others, pictures to say so
_KIND_OF_REASON = {
    "empty": "empty_file",
    "truncated": "truncated",
    "not_an_image": "not_an_image",
    "not_found": "missing_file",
}
_FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "GIF": (".gif",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WEBP": (".webp",),
    "AVIF": (".avif", ".heif"),
    "HEIF": (".heic", ".heif", ".avif"),
}


def unreadable(examined: Examined) -> Iterator[Finding]:
    """Yield a finding for each picture that cannot be read, by reason."""
    for index, facts in enumerate(examined.facts):
        if facts.error is not None:
            kind = _KIND_OF_REASON.get(facts.error.reason, "unreadable")
            yield Finding(kind, str(facts.error), examined.files([index]))


def suffixes(examined: Examined) -> Iterator[Finding]:
    """Yield pictures that a program going by the name would open wrongly; the name's own format for each kind."""
    groups: dict[tuple[str, str], list[int]] = {}
    for index in examined.readable:
        suffix = Path(examined.dataset.examples[index].path).suffix.lower()
        found = examined.facts[index].kind
        if found is not None and suffix not in _FORMATS[found]:
            groups.setdefault((found, suffix), []).append(index)
    for (kind, suffix), indexes in groups.items():
        named = f"ends in {printable(suffix, 20)}" if suffix else "has no ending"
        yield Finding("wrong_suffix", f"a {kind} whose name {named}", examined.files(indexes))


def sizes(examined: Examined) -> Iterator[Finding]:
    """Yield pictures that are too small, and too long."""
    side = examined.resolution
    yield from _all(
        examined, "tiny_picture", f"the shorter side is under {TINY_PX} px", lambda facts: _shorter(facts) < TINY_PX
    )
    yield from _all(
        examined,
        "few_pixels",
        f"the shorter side is under the {side} px of the network's input",
        lambda facts: TINY_PX <= _shorter(facts) < side,
    )
    yield from _all(
        examined,
        "long_picture",
        f"one side is over {LONG} times the other, and the middle square is all that is seen",
        lambda facts: max(facts.width, facts.height) > LONG * _shorter(facts),
    )


def _shorter(facts: Facts) -> int:
    return min(facts.width, facts.height)


def looks(examined: Examined) -> Iterator[Finding]:
    """Yield pictures that show nothing, are turned, move, or are links."""
    yield from _all(examined, "blank", "one colour and nothing else", lambda facts: facts.is_blank)
    yield from _all(examined, "turned", "turned upright here; other programs may not", lambda facts: facts.form.turned)
    yield from _all(examined, "animated", "only the first frame or page is used", lambda facts: facts.form.moves)
    yield from _all(examined, "link", "a link to the file", lambda facts: facts.is_link)


def _all(examined: Examined, kind: str, message: str, wanted: Callable[[Facts], bool]) -> Iterator[Finding]:
    found = [index for index in examined.readable if wanted(examined.facts[index])]
    if found:
        yield Finding(kind, message, examined.files(found))


def odd_pixels(examined: Examined) -> Iterator[Finding]:
    """Yield the few pictures of a class that are grey, transparent and so on where most are not."""
    for name, members in _by_class(examined):
        kinds = Counter(examined.facts[index].form.pixels for index in members)
        usual = kinds.most_common(1)[0][0]
        for kind, count in kinds.items():
            if kind != usual and count <= FEW * len(members):
                odd = [index for index in members if examined.facts[index].form.pixels == kind]
                yield Finding("odd_pixels", f"{kind} where most of {name} are {usual}", examined.files(odd))


def telltale_pixels(examined: Examined) -> Iterator[Finding]:
    """Yield classes that can be told by how their pixels are stored, which then is what a network learns."""
    groups = _by_class(examined)
    for name, members in groups:
        kind, count = Counter(examined.facts[index].form.pixels for index in members).most_common(1)[0]
        others = [index for other, indexes in groups if other != name for index in indexes]
        same = sum(examined.facts[index].form.pixels == kind for index in others)
        enough = len(members) >= ENOUGH and len(others) >= ENOUGH
        if kind != "colour" and enough and count >= TELLTALE * len(members) and same <= ELSEWHERE * len(others):
            yield Finding(
                "telltale_pixels", f"{count} of {len(members)} of {name} are {kind}, {same} of {len(others)} elsewhere"
            )


def _by_class(examined: Examined) -> list[tuple[str, list[int]]]:
    """Return (class, indexes of its readable pictures), names ready to print, classes without any left out."""
    members: dict[int, list[int]] = {}
    for index in examined.readable:
        members.setdefault(examined.dataset.examples[index].label, []).append(index)
    return [(printable(examined.dataset.classes[label], 60), members[label]) for label in sorted(members)]
