"""The action for ad reports, which take the service a while.

Source: https://developers.pinterest.com/docs/api/v5/ (analytics/create_report, analytics/get_report)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from pinflow_pinterest.ads import report_action
from pinflow_pinterest_v5.actions.ads import READ

create_ad_report: Final = replace(report_action.create_ad_report, api="v5", scopes={"": READ})

ACTIONS: Final = (create_ad_report,)
