"""The action that uploads a video; each API version adds its name and scopes."""

from __future__ import annotations

from typing import Annotated

from pinflow import Context, InputPath, Number, action
from pinflow_pinterest.boards import BOTH_QUOTAS
from pinflow_pinterest.media.uploads import WAIT_SECONDS, check_video, upload
from pinflow_pinterest.types import UploadedVideo

TOPIC = "videos"  # of its actions, in lists and on pages

WaitSeconds = Annotated[int, Number(ge=1, le=86_400)]


@action("upload_video", effect="write", quota=BOTH_QUOTAS)
def upload_video(ctx: Context, *, file: InputPath, wait_seconds: WaitSeconds = WAIT_SECONDS) -> UploadedVideo:
    """Upload a video for a new Pin, and wait until it is processed. (create_pin takes its media_id)

    The file is never loaded into memory as a whole.

    Arguments:
        file: an MP4, MOV or M4V file of at most 2 GB, in the recipe's folder or from an input of type file
        wait_seconds: how long to wait until it is processed
    """
    video = ctx.input_file(file)
    check_video(video)
    return {"media_id": upload(ctx, video, wait_seconds=wait_seconds), "status": "succeeded"}
