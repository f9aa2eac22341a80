"""Videos for new Pins.

Source: https://github.com/pinterest/api-quickstart (python/src/api_media_object.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest.media import video_action

upload_video: Final = replace(video_action.upload_video, api="v3", scopes={"": frozenset({"write_pins"})})

ACTIONS: Final = (upload_video,)
