"""Video uploads: registration, the object store, and the processing states.

The store keeps only the fingerprint and size of a file.

Source: https://developers.pinterest.com/docs/work-with-organic-content-and-users/create-boards-and-pins/ (video Pins)
and https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-authentication-HTTPPOST.html
"""

from __future__ import annotations

import re
from time import gmtime, strftime
from typing import TYPE_CHECKING, Literal

from pinflow_sandbox.server.errors import ApiError, store_error
from pinflow_sandbox.world import images
from pinflow_sandbox.world.records import MediaRecord

if TYPE_CHECKING:
    from pinflow_sandbox.server.body_checks import RequestBody
    from pinflow_sandbox.world.world import Caller, World

STORE_PATH = "/_store/"
LARGEST_UPLOAD = 64 * 1024 * 1024  # bytes, with the form; a request is held in memory

Status = Literal["registered", "processing", "succeeded", "failed"]

_BOUNDARY = re.compile(r'boundary="?([^";,\s]{1,70})"?', re.IGNORECASE)
_NAME = re.compile(rb'(?:^|[;\s])name="([^"]*)"', re.IGNORECASE)


class UploadRejected(Exception):
    """The object store refuses an upload with this response."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = store_error(status, code, message)


def register(world: World, caller: Caller, body: RequestBody) -> MediaRecord:
    """Register an upload."""
    body.required_choice("media_type", ("video",))
    id = world.new_id("media")
    digest = images.fingerprint("upload", str(world.seed), id)
    key = f"uploads/{digest[0:2]}/{digest[2:4]}/{digest[4:6]}/3:video:{caller.account.id}:{id}"
    media = MediaRecord(id, caller.account.username, key, f"sandbox-{digest}")
    world.media[id] = media
    caller.account.media.add(id)
    world.delay_listing(id)
    return media


def parameters(world: World, media: MediaRecord) -> dict[str, str]:
    """The form fields that must precede the file."""
    moment = strftime("%Y%m%dT%H%M%SZ", gmtime(world.clock.now()))
    return {
        "x-amz-date": moment,
        "x-amz-signature": media.signature,
        "x-amz-security-token": f"sandbox-token-{media.id}",
        "x-amz-algorithm": "AWS4-HMAC-SHA256",
        "key": media.key,
        "policy": f"sandbox-policy-{media.id}",
        "x-amz-credential": f"SANDBOX/{moment[:8]}/us-east-1/s3/aws4_request",
        "Content-Type": "multipart/form-data",
    }


def media_of(world: World, caller: Caller, id: str) -> MediaRecord:
    """An upload of the caller. Raises ApiError (404) for any other."""
    media = world.media.get(id)
    if media is None or media.account != caller.account.username:
        raise ApiError(404, 404, "Media not found.")
    return media


def poll(world: World, media: MediaRecord) -> Status:
    """The status of an upload, counted as a poll."""
    if media.uploaded is not None:
        media.polls += 1
    return status(world, media)


def status(world: World, media: MediaRecord) -> Status:
    """The status of an upload: ready after the time or the polls of the settings; an empty file fails."""
    if media.uploaded is None:
        return "registered"
    elapsed = world.clock.now() - media.uploaded
    if elapsed < world.settings.processing_seconds and media.polls < world.settings.processing_polls:
        return "processing"
    return world.settings.processing_outcome if media.size else "failed"


def accept(world: World, body: bytes, content_type: str, *, signed: bool) -> None:
    """Store an upload: every parameter before the file, no Authorization header.

    Raises UploadRejected with the store's response.
    """
    if signed:
        raise UploadRejected(
            400, "InvalidArgument", "Only one auth mechanism allowed: an upload carries no Authorization header"
        )
    fields, file = _form(body, content_type)
    media = world.media.get(fields.get("key", "").rpartition(":")[2])
    if media is None or not _is_signed(world, media, fields):
        raise UploadRejected(403, "AccessDenied", "The form is not signed: send every upload parameter before the file")
    media.content, media.size = images.fingerprint("bytes", file), len(file)
    media.uploaded, media.polls = world.clock.now(), 0


def _is_signed(world: World, media: MediaRecord, fields: dict[str, str]) -> bool:
    """Whether the fields before the file are the parameters of this upload; the dates may be of another moment."""
    dates = ("x-amz-date", "x-amz-credential")
    expected = parameters(world, media).items()
    return all(fields.get(name) if name in dates else fields.get(name) == value for name, value in expected)


def _form(body: bytes, content_type: str) -> tuple[dict[str, str], bytes]:
    """The fields before the file, and the file."""
    boundary = _BOUNDARY.search(content_type)
    if boundary is None or not content_type.lower().startswith("multipart/form-data"):
        raise UploadRejected(412, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data")
    mark = b"--" + boundary[1].encode("latin-1")
    fields: dict[str, str] = {}
    # a body that is cut off has no last part
    for part in (b"\r\n" + body).split(b"\r\n" + mark)[1:-1]:
        head, separator, value = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        name = _NAME.search(head)
        if not separator or name is None:
            break
        if name[1] == b"file":
            return fields, value
        fields[name[1].decode("utf-8", "replace")] = value.decode("utf-8", "replace")
    raise UploadRejected(400, "InvalidArgument", "POST requires exactly one file upload per request")
