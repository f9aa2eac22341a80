"""Uploading videos: from a file on this machine to the id that a new Pin needs.

A video is registered, sent as a form to the object store that the service names, and processed. The store must be the
vendor's (or the sandbox's), and is sent no token. An interrupted upload is started again under a new id: unused ids
expire.

Source: https://developers.pinterest.com/docs/api/v5/ (media) and https://help.pinterest.com/article/video-pins
"""

from __future__ import annotations

from collections.abc import Mapping
from io import SEEK_END
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pinflow import ActionError, UsageError
from pinflow_pinterest.boards import is_id
from pinflow_pinterest.gateway import gateway
from pinflow_pinterest.polling import poll

if TYPE_CHECKING:
    from pinflow import Context, InputFile
    from pinflow_pinterest.gateway import Uploads

LARGEST_VIDEO: Final = 2_000_000_000  # bytes
WAIT_SECONDS: Final = 900  # for the service to process a video; one of 15 minutes, the longest, takes some minutes

_STORES: Final = (
    "pinterest-media-upload.s3-accelerate.amazonaws.com",
    "pinterest-media-upload.s3.amazonaws.com",
)
_BUSY: Final = ("registered", "processing")
_HEAD: Final = 12  # bytes
# what the first box of an MP4, M4V or MOV file may be (ISO/IEC 14496-12, and QuickTime's own)
_FIRST_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def check_video(video: InputFile) -> None:
    """Raise UsageError unless ``video`` is one for the service, by its size and first bytes."""
    try:
        with video.open() as file:
            head = file.read(_HEAD)
            size = file.seek(0, SEEK_END)
    except OSError as error:
        raise UsageError(f"the video {video.name} can't be read: {error.strerror}") from None
    if head[4:8] not in _FIRST_BOXES:
        raise UsageError(f"{video.name} is not an MP4, MOV or M4V video")
    if size > LARGEST_VIDEO:
        raise UsageError(f"the video {video.name} has {size:,} bytes; the service allows {LARGEST_VIDEO:,}")


def upload(ctx: Context, file: InputFile, *, wait_seconds: float = WAIT_SECONDS) -> str:
    """Upload a checked video, once. Returns its id for a new Pin; a dry run's is a placeholder.

    Raises ActionError if the service can't process it, or not in time.
    """
    service = gateway(ctx.client).uploads()
    for number in count(1):
        key = f"upload{number}"
        sent_before = ctx.sent_at(key) is not None
        registered = ctx.once(key, service.register, find=lambda: None, kind="upload")
        id = registered[service.id]
        if ctx.dry_run:
            return str(id)
        address, fields = registered.get("upload_url"), registered.get("upload_parameters")
        if isinstance(address, str) and isinstance(fields, Mapping):
            ctx.client.files.send(address, file=file, fields={k: str(v) for k, v in fields.items()}, hosts=_STORES)
        elif not sent_before:
            raise ActionError("the service's answer has no address for the video")
        elif service.status(id) == "registered":
            continue  # registered earlier in the run, but not sent; its address is not stored
        return _wait_until_ready(ctx, service, id, wait_seconds=wait_seconds, label=file.name)
    raise AssertionError("unreachable")


def _wait_until_ready(ctx: Context, service: Uploads, id: str, *, wait_seconds: float, label: str) -> str:
    """Wait until a video is processed. Returns its id. Raises ActionError if the service can't process it."""
    state = poll(
        ctx,
        lambda: service.status(id),
        is_busy=lambda state: state in _BUSY,
        seconds=wait_seconds,
        label=f"the video {label}",
    )
    if state != "succeeded":
        raise ActionError(
            f"the service could not process the video {label}: {state}",
            hint="a video must have 4 seconds to 15 minutes of H.264 or H.265",
        )
    return id


def add_video(body: Mapping[str, Any], video: str) -> dict[str, Any]:
    """A body of ``pin_copy_body`` with an uploaded video; its image becomes the video's cover."""
    still = body["media_source"]
    cover = still["url"] if "url" in still else still["items"][0]["url"]
    return {**body, "media_source": {"source_type": "video_id", "media_id": video, "cover_image_url": cover}}


def check_media(ctx: Context, media: str) -> None:
    """Raise UsageError if ``media`` is a file that is not a video for the service."""
    if not is_id(media):
        check_video(ctx.input_file(media))


def resolve_video(ctx: Context, media: str) -> str:
    """The id of the video: ``media`` itself if it is digits, else that of the checked file, which is uploaded."""
    if is_id(media):
        return _wait_until_ready(ctx, gateway(ctx.client).uploads(), media, wait_seconds=WAIT_SECONDS, label=media)
    return upload(ctx, ctx.input_file(media))


def unknown_video(id: str) -> ActionError:
    """The error for an id that the service does not know."""
    hint = "ids of videos belong to one account, and expire if they are not used"
    return ActionError(f"there is no uploaded video {id}", hint=hint)
