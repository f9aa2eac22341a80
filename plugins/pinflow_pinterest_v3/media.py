"""Videos for new Pins.

Source: https://github.com/pinterest/api-quickstart (python/src/api_media_object.py, as of 2022)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest import videos

upload_video: Final = replace(videos.upload_video, api="v3", scopes={"": frozenset({"write_pins"})})

ACTIONS: Final = (upload_video,)
