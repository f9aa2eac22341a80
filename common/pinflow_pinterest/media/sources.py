"""The media of a new Pin: the ``media_source`` of pins/create, from an action's parameters.

Source: https://github.com/pinterest/api-description (schema PinMediaSource)
"""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from pinflow import UsageError, is_address
from pinflow_pinterest.media.copyable import CAROUSEL_SIZES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pinflow import InputFile

    Locate = Callable[[str], InputFile]

MAX_FILE_BYTES: Final = 20_000_000  # the service refuses larger images

_BEGINNINGS: Final = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG\r\n\x1a\n": "image/png"}
_CAPTIONS: Final = ("title", "description", "link")
_COVERS: Final = ("cover_image_url", "cover_image_key_frame_time", "cover_image_base64")

# each source of a Pin's media, and the parameters that go with it
_COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "image_url": ("is_standard",),
    "image_file": ("is_standard",),
    "image_base64": ("content_type", "is_standard"),
    "images": ("index",),
    "images_base64": ("index",),
    "video": (*_COVERS, "cover_image_content_type", "is_standard"),
    "pin_url": ("is_affiliate_link",),
}
SOURCES: Final = tuple(_COMPANIONS)  # every source of a Pin's media


def media_source(arguments: Mapping[str, Any], *, locate: Locate, known: Sequence[str] = SOURCES) -> dict[str, Any]:
    """The ``media_source`` of these arguments (without those that are None).

    ``locate`` finds a file, ``known`` are the version's sources. Raises UsageError unless exactly one source is set,
    with the parameters that belong to it.
    """
    kind = find_source(arguments, known)
    unknown = [name for name in arguments if name != kind and name not in _COMPANIONS[kind]]
    if unknown:
        raise UsageError(f"{', '.join(unknown)} can't be combined with {kind}")
    source = _MAKERS[kind](arguments, locate)
    extras = {name: arguments[name] for name in ("is_standard", "index", "is_affiliate_link") if name in arguments}
    _check_index(source, extras)
    return {**source, **extras}


def find_source(arguments: Mapping[str, Any], known: Sequence[str] = SOURCES) -> str:
    """The source that is set. Raises UsageError unless it is exactly one."""
    kinds = [kind for kind in known if kind in arguments]
    if len(kinds) == 1:
        return kinds[0]
    if kinds:
        raise UsageError(f"{' and '.join(kinds)} can't be combined: set one of them")
    raise UsageError(f"{known[0]} is empty", hint=f"set one of {', '.join(known)}")


def images_have_addresses(images: list[Any] | None) -> None:
    """Raise UsageError for an image of a carousel whose url or link isn't an address, if it has one."""
    check_addresses("images", images, ("url", "link"))


def base64_images_have_addresses(images_base64: list[Any] | None) -> None:
    """Raise UsageError for an image of a carousel whose link isn't an address."""
    check_addresses("images_base64", images_base64, ("link",))


def check_addresses(argument: str, slots: Iterable[Any] | None, keys: Sequence[str]) -> None:
    """Raise UsageError for the first text at one of ``keys`` of a carousel's slots that isn't an address."""
    for number, slot in enumerate(slots or ()):
        for key in keys:
            address = slot.get(key)
            if address and not is_address(address):
                error = UsageError(f"{argument}[{number}].{key}: {address!r} isn't an address (https://...)")
                error.argument = argument
                raise error


def _image_url(arguments: Mapping[str, Any], locate: Locate) -> dict[str, Any]:
    return {"source_type": "image_url", "url": arguments["image_url"]}


def _image_file(arguments: Mapping[str, Any], locate: Locate) -> dict[str, Any]:
    content_type, data = read_image(locate, arguments["image_file"])
    return {"source_type": "image_base64", "content_type": content_type, "data": data}


def _image_base64(arguments: Mapping[str, Any], locate: Locate) -> dict[str, Any]:
    _require(arguments, "image_base64", "content_type")
    return {"source_type": "image_base64", "content_type": arguments["content_type"], "data": arguments["image_base64"]}


def _images(arguments: Mapping[str, Any], locate: Locate) -> dict[str, Any]:
    return {"source_type": "multiple_image_urls", "items": _slots(arguments["images"], "images", ("url",))}


def _images_base64(arguments: Mapping[str, Any], locate: Locate) -> dict[str, Any]:
    items = _slots(arguments["images_base64"], "images_base64", ("content_type", "data"))
    return {"source_type": "multiple_image_base64", "items": items}


def _video(arguments: Mapping[str, Any], locate: Locate) -> dict[str, Any]:
    covers = [name for name in _COVERS if name in arguments]
    if len(covers) != 1:
        raise UsageError(f"a video needs exactly one cover: {', '.join(_COVERS)}")
    source = {"source_type": "video_id", "media_id": arguments["video"]}
    if covers == ["cover_image_base64"]:
        _require(arguments, "cover_image_base64", "cover_image_content_type")
        content_type, data = arguments["cover_image_content_type"], arguments["cover_image_base64"]
        return {**source, "cover_image_content_type": content_type, "cover_image_data": data}
    if "cover_image_content_type" in arguments:
        raise UsageError(f"cover_image_content_type can't be combined with {covers[0]}")
    return {**source, covers[0]: arguments[covers[0]]}


def _pin_url(arguments: Mapping[str, Any], locate: Locate) -> dict[str, Any]:
    return {"source_type": "pin_url"}


_MAKERS: Final[Mapping[str, Callable[[Mapping[str, Any], Locate], dict[str, Any]]]] = {
    "image_url": _image_url,
    "image_file": _image_file,
    "image_base64": _image_base64,
    "images": _images,
    "images_base64": _images_base64,
    "video": _video,
    "pin_url": _pin_url,
}


def read_image(locate: Locate, name: str) -> tuple[str, str]:
    """Content type and base64 text of an image file, by its first bytes.

    Raises UsageError for a file outside the recipe's folders, too large, unreadable, or not JPEG or PNG.
    """
    try:
        with locate(name).open() as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"image_file {name!r} can't be read: {error.strerror}") from error
    if len(data) > MAX_FILE_BYTES:
        raise UsageError(f"image_file {name!r} is larger than {MAX_FILE_BYTES // 1_000_000} MB")
    content_type = next((kind for beginning, kind in _BEGINNINGS.items() if data.startswith(beginning)), None)
    if content_type is None:
        raise UsageError(f"image_file {name!r} is not a JPEG or PNG image")
    return content_type, b64encode(data).decode()


def _require(arguments: Mapping[str, Any], kind: str, companion: str) -> None:
    if companion not in arguments:
        raise UsageError(f"{kind} needs {companion}: image/jpeg or image/png")


def _slots(items: list[dict[str, str | None]], name: str, needed: tuple[str, ...]) -> list[dict[str, str]]:
    """A carousel's slots without null values. Raises UsageError with every problem."""
    allowed = (*needed, *_CAPTIONS)
    problems = [
        f"{name}[{number}] {problem} {key!r}"
        for number, item in enumerate(items)
        for problem, keys in (
            ("lacks", [key for key in needed if not item.get(key)]),
            ("has the unknown key", [key for key in item if key not in allowed]),
        )
        for key in keys
    ]
    if len(items) not in CAROUSEL_SIZES:
        problems.insert(0, f"{name} has {len(items)} images; a carousel has 2 to 5")
    if problems:
        raise UsageError("\n".join(problems))
    return [{key: value for key, value in item.items() if value is not None} for item in items]


def _check_index(source: Mapping[str, Any], extras: Mapping[str, Any]) -> None:
    if extras.get("index", 0) >= len(source.get("items", ".")):
        raise UsageError(f"index {extras['index']} is too large: it counts from 0")
