"""Reports on ads that take the service a while: the ads API v4.

Source: https://github.com/pinterest/api-quickstart (python/src/v3/async_report.py, as of 2022)
"""

from __future__ import annotations

from typing import Final

from pinflow_pinterest import ad_reports
from pinflow_pinterest_v3.ads import by_user

create_ad_report: Final = by_user(ad_reports.create_ad_report)

ACTIONS: Final = (create_ad_report,)
