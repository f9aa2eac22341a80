"""Videos for new Pins.

Source: https://developers.pinterest.com/docs/api/v5/ (media)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest.media import video_action

upload_video: Final = replace(video_action.upload_video, api="v5", scopes={"": frozenset({"pins:read", "pins:write"})})

ACTIONS: Final = (upload_video,)
