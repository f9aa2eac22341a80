"""What a new Pin shows: the ``media_source`` of pins/create, from an action's parameters.

Source: https://github.com/pinterest/api-description (schema PinMediaSource)
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from pinflow import UsageError
from pinflow_pinterest.media.copyable import CAROUSEL_SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    Place = Callable[[str], Path]

MAX_FILE_BYTES: Final = 20_000_000  # larger images are refused by the service

_BEGINNINGS: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_CAPTIONS: Final = ("title", "description", "link")
_COVERS: Final = ("cover_image_url", "cover_image_key_frame_time", "cover_image_base64")

# each way to say what a Pin shows, and the parameters that go with it
_COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "image_url": ("is_standard",),
    "image_file": ("is_standard",),
    "image_base64": ("content_type", "is_standard"),
    "images": ("index",),
    "images_base64": ("index",),
    "video": (*_COVERS, "cover_image_content_type", "is_standard"),
    "pin_url": ("is_affiliate_link",),
}
SOURCES: Final = tuple(_COMPANIONS)  # the ways to say what a Pin shows


def media_source(given: Mapping[str, Any], *, place: Place, known: Sequence[str] = SOURCES) -> dict[str, Any]:
    """The ``media_source`` that the parameters ``given`` (those that are not None) ask for.

    ``place`` tells where a file is, ``known`` which ways the version has. Raises UsageError unless exactly one source
    is given, with what belongs to it.
    """
    kind = only_source(given, known)
    strange = [name for name in given if name != kind and name not in _COMPANIONS[kind]]
    if strange:
        raise UsageError(f"{', '.join(strange)} can't be given with {kind}")
    source = _MAKERS[kind](given, place)
    extras = {name: given[name] for name in ("is_standard", "index", "is_affiliate_link") if name in given}
    _check_index(source, extras)
    return {**source, **extras}


def only_source(given: Mapping[str, Any], known: Sequence[str] = SOURCES) -> str:
    """Which of the ways to say what a Pin shows is given. Raises UsageError unless it is exactly one."""
    kinds = [kind for kind in known if kind in given]
    if len(kinds) == 1:
        return kinds[0]
    stated = f"not {' and '.join(kinds)} together" if kinds else "and none is given"
    raise UsageError(f"a Pin shows exactly one of {', '.join(known)}; {stated}")


def _image_url(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    return {"source_type": "image_url", "url": given["image_url"]}


def _image_file(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    content_type, data = read_image(place, given["image_file"])
    return {"source_type": "image_base64", "content_type": content_type, "data": data}


def _image_base64(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    _need(given, "image_base64", "content_type")
    return {"source_type": "image_base64", "content_type": given["content_type"], "data": given["image_base64"]}


def _images(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    return {"source_type": "multiple_image_urls", "items": _slots(given["images"], "images", ("url",))}


def _images_base64(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    items = _slots(given["images_base64"], "images_base64", ("content_type", "data"))
    return {"source_type": "multiple_image_base64", "items": items}


def _video(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    covers = [name for name in _COVERS if name in given]
    if len(covers) != 1:
        raise UsageError(f"a video needs exactly one cover: {', '.join(_COVERS)}")
    source = {"source_type": "video_id", "media_id": given["video"]}
    if covers == ["cover_image_base64"]:
        _need(given, "cover_image_base64", "cover_image_content_type")
        content_type, data = given["cover_image_content_type"], given["cover_image_base64"]
        return {**source, "cover_image_content_type": content_type, "cover_image_data": data}
    if "cover_image_content_type" in given:
        raise UsageError(f"cover_image_content_type can't be given with {covers[0]}")
    return {**source, covers[0]: given[covers[0]]}


def _pin_url(given: Mapping[str, Any], place: Place) -> dict[str, Any]:
    return {"source_type": "pin_url"}


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, Any], Place], dict[str, Any]]]] = {
    "image_url": _image_url,
    "image_file": _image_file,
    "image_base64": _image_base64,
    "images": _images,
    "images_base64": _images_base64,
    "video": _video,
    "pin_url": _pin_url,
}


def read_image(place: Place, name: str) -> tuple[str, str]:
    """Content type and base64 text of an image file; its first bytes tell what it is.

    Raises UsageError for a file where a recipe has no business, too large, unreadable, or neither JPEG nor PNG.
    """
    path = place(name)
    if path.exists() and not path.is_file():  # who opens a pipe waits for whatever fills it
        raise UsageError(f"image_file {name!r} is not a file")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"image_file {name!r} can't be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"image_file {name!r} is larger than {MAX_FILE_BYTES // 1_000_000} MB")
    content_type = next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), None)
    if content_type is None:
        raise UsageError(f"image_file {name!r} is neither a JPEG nor a PNG image")
    return content_type, b64encode(data).decode()


def _need(given: Mapping[str, Any], kind: str, companion: str) -> None:
    if companion not in given:
        raise UsageError(f"{kind} needs {companion} beside it: image/jpeg or image/png")


def _slots(items: list[dict[str, str | None]], name: str, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """A carousel's slots without what is null. Raises UsageError with everything that is wrong with them."""
    allowed = (*needed, *_CAPTIONS)
    wrong = [
        f"{name}[{number}] {what} {key!r}"
        for number, item in enumerate(items)
        for what, keys in (
            ("lacks", [key for key in needed if not item.get(key)]),
            ("has the unknown key", [key for key in item if key not in allowed]),
        )
        for key in keys
    ]
    if len(items) not in CAROUSEL_SIZES:
        wrong.insert(0, f"{name} has {len(items)} of them; a carousel has 2 to 5")
    if wrong:
        raise UsageError("\n".join(wrong))
    return [{key: value for key, value in item.items() if value is not None} for item in items]


def _check_index(source: Mapping[str, Any], extras: Mapping[str, Any]) -> None:
    if extras.get("index", 0) >= len(source.get("items", ".")):
        raise UsageError(f"index counts from 0: {extras['index']} is behind the last image")
