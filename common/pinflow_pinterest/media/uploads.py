"""Videos: from a file on this machine to the id that a new Pin takes.

A video is announced, sent as a form to the object store that the service names, and processed. The store must be the
vendor's (or the sandbox's), and is sent no token. An upload that was cut off is begun again under a new id: ids that
are not used expire.

Source: https://developers.pinterest.com/docs/api/v5/ (media) and https://help.pinterest.com/article/video-pins
"""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, UsageError
from pinflow_pinterest.boards import is_id
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.polling import waited_for

if TYPE_CHECKING:
    from pathlib import Path

    from pinflow import Context
    from pinflow_pinterest.gateway import Uploads

LARGEST_VIDEO: Final = 2_000_000_000  # bytes
WAIT_SECONDS: Final = 900  # for the service to process a video

_STORES: Final = (
    "pinterest-media-upload.s3-accelerate.amazonaws.com",
    "pinterest-media-upload.s3.amazonaws.com",
)
_BUSY: Final = ("registered", "processing")
_HEAD: Final = 12  # bytes
# what the first box of an MP4, M4V or MOV file may be (ISO/IEC 14496-12, and QuickTime's own)
_FIRST_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def check_video(path: Path) -> None:
    """Raise UsageError unless ``path`` is a video that the service takes, as far as its size and first bytes tell."""
    try:
        size = path.stat().st_size
        # who opens a pipe waits for whatever fills it
        with path.open("rb") if path.is_file() else BytesIO() as file:
            head = file.read(_HEAD)
    except OSError as error:
        raise UsageError(f"the video {path.name} can't be read: {error.strerror}") from None
    if head[4:8] not in _FIRST_BOXES:
        raise UsageError(f"{path.name} is not a video that the service takes", hint="it takes MP4, MOV and M4V files")
    if size > LARGEST_VIDEO:
        raise UsageError(f"the video {path.name} has {size:,} bytes; the service takes {LARGEST_VIDEO:,}")


def upload(ctx: Context, file: Path, *, wait_seconds: float = WAIT_SECONDS) -> str:
    """Upload a checked video, once; its id, good for a new Pin. A dry run's is only planned.

    Raises ActionError when the service can't process it, or not in time.
    """
    service = gateway(ctx.client).uploads()
    for number in count(1):
        key = f"upload{number}"
        before = ctx.sent_at(key) is not None
        registered = ctx.once(key, service.register, find=lambda: None, kind="upload")
        id = registered[service.id]
        if ctx.dry_run:
            return str(id)
        address, fields = registered.get("upload_url"), registered.get("upload_parameters")
        if isinstance(address, str) and isinstance(fields, Mapping):
            ctx.client.files.send(address, file=file, fields={k: str(v) for k, v in fields.items()}, hosts=_STORES)
        elif not before:
            raise ActionError("the service names no place to send the video to")
        elif service.status(id) == "registered":
            continue  # announced earlier in the run, which did not come to send it; where to is not kept
        return _ready(ctx, service, id, wait_seconds=wait_seconds, what=file.name)
    raise AssertionError("unreachable")


def _ready(ctx: Context, service: Uploads, id: str, *, wait_seconds: float, what: str) -> str:
    """Wait until a video is processed; its id. Raises ActionError when the service can't process it."""
    state = waited_for(
        ctx,
        lambda: service.status(id),
        busy=lambda state: state in _BUSY,
        seconds=wait_seconds,
        what=f"the video {what}",
    )
    if state != "succeeded":
        raise ActionError(
            f"the service could not process the video {what}: {state}",
            hint="it takes 4 seconds to 15 minutes of H.264 or H.265 video",
        )
    return id


def with_video(body: Mapping[str, Any], video: str) -> dict[str, Any]:
    """A body of ``copied_pin`` with an uploaded video in place of its picture, which is the video's cover then."""
    still = body["media_source"]
    cover = still["url"] if "url" in still else still["items"][0]["url"]
    return {**body, "media_source": {"source_type": "video_id", "media_id": video, "cover_image_url": cover}}


def check_media(ctx: Context, media: str) -> None:
    """Raise UsageError where ``media`` means a file that is no good video."""
    if not is_id(media):
        check_video(ctx.file(media))


def chosen_video(ctx: Context, media: str) -> str:
    """The id of the video that ``media`` means: digits are the id of an uploaded one, anything else is a checked file.

    A file whose name is only digits is meant by "./123". Nothing is written before it is known what is meant.
    """
    if is_id(media):
        if _is_file(ctx, media):
            ctx.log(f"media {media} is the id of an uploaded video here; the file is ./{media}", warning=True)
        return _ready(ctx, gateway(ctx.client).uploads(), media, wait_seconds=WAIT_SECONDS, what=media)
    return upload(ctx, ctx.file(media))


def no_video(id: str) -> ActionError:
    """The error for an id that the service does not know."""
    hint = "ids of videos are the account's own, and expire when they are not used"
    return ActionError(f"there is no uploaded video {id}", hint=hint)


def _is_file(ctx: Context, name: str) -> bool:
    try:
        return ctx.file(name).is_file()
    except UsageError:
        return False
