"""Metrics of Pins and accounts in API v5.

Source: https://github.com/pinterest/api-description (v5/openapi.json; pins/analytics, user_account/analytics)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, get_args

from pinflow_pinterest.analytics import metrics as vocabulary
from pinflow_sandbox.server.errors import invalid_request
from pinflow_sandbox.world import ads, metrics
from pinflow_sandbox.world.periods import SYNC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from pinflow_sandbox.server.request import OperationRequest
    from pinflow_sandbox.world.metrics import MetricCounts
    from pinflow_sandbox.world.periods import Period
    from pinflow_sandbox.world.records import AccountRecord, PinRecord

    JsonObject = dict[str, object]
    Daily = Callable[[date], MetricCounts]
    Share = Callable[[MetricCounts], MetricCounts]

PIN_METRICS: Final[tuple[str, ...]] = get_args(vocabulary.PinMetric)
USER_METRICS: Final[tuple[str, ...]] = get_args(vocabulary.UserMetric)
TOP_SORTS: Final[tuple[str, ...]] = get_args(vocabulary.TopSort)
TOP_VIDEO_METRICS: Final[tuple[str, ...]] = get_args(vocabulary.TopVideoMetric)

_LIFETIME: Final = ("TOTAL_COMMENTS", "TOTAL_REACTIONS")
# parameters that filter -> the split that they select a part of, and their values
_FILTERS: Final[Mapping[str, tuple[str, tuple[str, ...]]]] = {
    "from_claimed_content": ("OWNED_CONTENT", get_args(vocabulary.Claimed)),
    "pin_format": ("PIN_FORMAT", get_args(vocabulary.PinFormat)),
    "app_types": ("APP_TYPE", get_args(vocabulary.AppType)),
    "content_type": ("CONTENT_TYPE", get_args(vocabulary.ContentType)),
    "source": ("SOURCE", get_args(vocabulary.PinSource)),
}
# percent of the total for each part of a split or filter; each adds up to 100
_SHARES: Final[Mapping[str, Mapping[str, int]]] = {
    "APP_TYPE": {"MOBILE": 60, "TABLET": 10, "WEB": 30},
    "OWNED_CONTENT": {"CLAIMED": 40, "OTHER": 60},
    "SOURCE": {"YOUR_PINS": 75, "OTHER_PINS": 25},
    "PIN_FORMAT": {
        "ORGANIC_IMAGE": 60,
        "ORGANIC_PRODUCT": 10,
        "ORGANIC_VIDEO": 10,
        "ADS_STANDARD": 10,
        "ADS_PRODUCT": 4,
        "ADS_VIDEO": 4,
        "ADS_IDEA": 2,
    },
    "CONTENT_TYPE": {"ORGANIC": 80, "PAID": 20},
}
_MOST_PINS: Final = 100  # of a query, as in the description
_USUAL_PIN, _USUAL_ACCOUNT = 40, 35  # impressions per day; of an account for each of its Pins


def _pin_analytics(request: OperationRequest) -> object:
    pin = request.pin()
    names = _metric_types(request, PIN_METRICS, needed=True)
    split = request.choice("split_field", get_args(vocabulary.PinSplit))
    share = _filter(request)
    return _split(request, request.period(SYNC), _daily(pin), names, split, share, born=pin.created, lifetime=True)


def _pins_analytics(request: OperationRequest) -> object:
    if "pin_ids" not in request.query:
        raise invalid_request("Parameter 'pin_ids' is required")
    ids = ads.parse_ids("pin_ids", request.query["pin_ids"], _MOST_PINS)
    names = _metric_types(request, PIN_METRICS, needed=True)
    period, share = request.period(SYNC), _filter(request)
    pins = [request.world.pin(request.caller, id) for id in ids]
    return {
        pin.id: _split(request, period, _daily(pin), names, None, share, born=pin.created, lifetime=True)
        for pin in pins
    }


def _user_analytics(request: OperationRequest) -> object:
    split = request.choice("split_field", get_args(vocabulary.UserSplit))
    return account_metrics(request, request.caller.account, share=_filter(request), split=split)


def account_metrics(
    request: OperationRequest, account: AccountRecord, *, share: Share, split: str | None = None
) -> JsonObject:
    """Metrics of an account for the days and metric types of a query, after the filter ``share``."""
    names = _metric_types(request, USER_METRICS, needed=False)
    usual = _USUAL_ACCOUNT * len(account.pins)

    def daily(day: date) -> MetricCounts:
        return metrics.daily_counts(account.id, day, usual=usual)

    return _split(request, request.period(SYNC), daily, names, split, share, born=0.0)


def share_of(column: str, part: str) -> Share:
    """The share that one part of a split ("APP_TYPE", ...) has of counts; "ALL" has all of them."""
    return lambda counted: counted if part == "ALL" else _part(counted, _SHARES[column], part)


def _top(request: OperationRequest, sorts: Sequence[str], allowed: Sequence[str], *, video: bool) -> object:
    """The Pins with the most of a metric; with ``video`` those with a video only."""
    sort_by = request.choice("sort_by", sorts)
    if sort_by is None:
        raise invalid_request("Parameter 'sort_by' is required")
    names = _metric_types(request, allowed, needed=False)
    period, share = request.period(SYNC), _filter(request)
    count = request.number("num_of_pins", default=10, most=50)
    recent = request.query_value("created_in_last_n_days")
    if recent not in (None, "30"):
        raise invalid_request("Parameter 'created_in_last_n_days' must be 30")
    oldest = request.world.clock.now() - 30 * 86_400 if recent else 0.0
    pins = [request.world.pins[id] for id in request.caller.account.pins]
    pins = [pin for pin in pins if pin.created >= oldest and (pin.content.kind == "video" or not video)]
    ranked = [(share(metrics.total(map(_daily(pin), period))), pin) for pin in pins]
    ranked.sort(key=lambda entry: (-metrics.values(entry[0], [sort_by])[sort_by], entry[1].id))
    return {
        "date_availability": {
            "latest_available_timestamp": int(request.world.clock.now() - 86_400) * 1000,
            "is_realtime": False,
        },
        "sort_by": sort_by,
        "pins": [
            {"pin_id": pin.id, "metrics": metrics.values(counted, names), "data_status": dict.fromkeys(names, "READY")}
            for counted, pin in ranked[:count]
        ],
    }


def _daily(pin: PinRecord) -> Daily:
    video = pin.content.kind == "video"
    return lambda day: metrics.daily_counts(pin.id, day, usual=_USUAL_PIN, video=video)


def _split(
    request: OperationRequest,
    period: Period,
    daily: Daily,
    names: Sequence[str],
    split: str | None,
    share: Share,
    *,
    born: float,
    lifetime: bool = False,
) -> JsonObject:
    """The response's object: one entry for each part of the split, "all" without a split."""
    today = metrics.day_of(request.world.clock.now())
    first = metrics.day_of(born)
    statuses = {day: _status(day, today, first) for day in period}
    counted = {day: share(daily(day)) for day, status in statuses.items() if status in ("READY", "ESTIMATE")}
    parts = _SHARES.get(split or "", {"all": 100})
    answer: JsonObject = {}
    for part in parts:
        counts = {day: _part(total, parts, part) for day, total in counted.items()}
        whole = metrics.total(counts.values())
        entry: JsonObject = {
            "summary_metrics": metrics.values(whole, names),
            "daily_metrics": [
                {
                    "date": day.isoformat(),
                    "data_status": status,
                    "metrics": metrics.values(counts[day], names) if day in counts else {},
                }
                for day, status in statuses.items()
            ],
        }
        if lifetime:
            entry["lifetime_metrics"] = metrics.values(whole, [name for name in _LIFETIME if name in names])
        answer[part] = entry
    return answer


def _status(day: date, today: date, first: date) -> str:
    """The status of a day's metrics: none yet for today, an estimate for yesterday."""
    if day < first:
        return "BEFORE_PIN_CREATED"
    age = (today - day).days
    return "PROCESSING" if age == 0 else "ESTIMATE" if age == 1 else "READY"


def _part(counted: MetricCounts, parts: Mapping[str, int], part: str) -> MetricCounts:
    """The share of one part; all parts add up to the total."""
    before = 0
    for name, size in parts.items():
        if name == part:
            return counted.share(before + size, 100) - counted.share(before, 100)
        before += size
    raise KeyError(part)


def _filter(request: OperationRequest) -> Callable[[MetricCounts], MetricCounts]:
    """The share of counts that a query's filters select."""
    chosen = [
        (_SHARES[column], value)
        for name, (column, allowed) in _FILTERS.items()
        if (value := request.choice(name, allowed)) not in (None, "ALL", "BOTH")
    ]

    def share(counted: MetricCounts) -> MetricCounts:
        for parts, value in chosen:
            counted = _part(counted, parts, str(value))
        return counted

    return share


def _metric_types(request: OperationRequest, allowed: Iterable[str], *, needed: bool) -> list[str]:
    names = request.values("metric_types")
    if unknown := sorted(set(names) - set(allowed)):
        raise invalid_request(f"Parameter 'metric_types' has unknown values: {unknown}")
    if needed and not names:
        raise invalid_request("Parameter 'metric_types' is required")
    return names or list(allowed)


HANDLERS: Final[Mapping[str, Callable[[OperationRequest], object]]] = {
    "pins/analytics": _pin_analytics,
    "multi_pins/analytics": _pins_analytics,
    "user_account/analytics": _user_analytics,
    "user_account/analytics/top_pins": lambda it: _top(it, TOP_SORTS, USER_METRICS, video=False),
    "user_account/analytics/top_video_pins": lambda it: _top(it, TOP_VIDEO_METRICS, TOP_VIDEO_METRICS, video=True),
}
