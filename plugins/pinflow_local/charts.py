"""Charts of tables, as SVG, or as PNG where the library for it is installed."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pinflow import Context, OutputPath, Text, UsageError, action, mask_data
from pinflow_local.saving import IfExists, Written, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

MAX_POINTS: Final = 5_000  # five for each pixel of width; drawing takes about a second
_LABELS: Final = 12  # along the axis of 960 pixels: dates don't overlap then
_FAR_SMALLER: Final = 20  # times: a line so much lower would look flat, and gets the axis on the right


def _can_be_drawn(path: str) -> None:
    form = _form(path)
    if form not in ("svg", "png"):
        raise UsageError(f"write_chart makes .svg and .png files, not {path}")
    if form == "png":
        _need_png()


@action("write_chart", effect="write", local=True, checks=(_can_be_drawn,))
def write_chart(
    ctx: Context,
    *,
    path: OutputPath,
    rows: list[dict[str, Any]],
    x: Annotated[str, Text(min_length=1)] = "date",
    series: list[str] | None = None,
    title: Annotated[str, Text(max_length=200)] = "",
    kind: Literal["line", "bar"] = "line",
    if_exists: IfExists = "fail",
) -> Written:
    """Draw a chart of a list of mappings to an SVG or PNG file; the file's extension says which.

    Arguments:
        path: the file, .svg or .png, in the output folder; or the value of an input of type file
        rows: the rows, in the order of drawing
        x: the column of the horizontal axis
        series: the columns to draw; default: all with numbers, except those far below the others
        title: the text above the chart
        kind: line or bar
        if_exists: what to do if the file exists with other content; replace overwrites it
    """

    def content() -> bytes:
        text = svg(mask_data(rows), x=x, series=series, title=mask_data(title), kind=kind)
        return _png(text) if _form(path) == "png" else text

    return save(ctx, path, if_exists, content)


def svg(
    rows: Sequence[Mapping[str, Any]], *, x: str, series: Sequence[str] | None, title: str, kind: Literal["line", "bar"]
) -> bytes:
    """The chart as SVG. Raises UsageError for columns that are not there, and for more than 5,000 rows."""
    if len(rows) > MAX_POINTS:
        raise UsageError(f"a chart can show {MAX_POINTS} rows, not {len(rows)}", hint="aggregate them first")
    names = list(dict.fromkeys(name for row in rows for name in row))
    missing = [name for name in (x, *(series or ())) if rows and name not in names]
    if missing:
        raise UsageError(f"the rows have no column {missing[0]!r}", hint=f"the columns are: {', '.join(names)}")
    columns = series or [
        name for name in names if name != x and any(_number(row.get(name)) is not None for row in rows)
    ]
    lines = {name: [_number(row.get(name)) for row in rows] for name in columns}
    low = _low_series(lines)
    if series is None:  # one that would look flat on the right as well is not worth drawing
        flat = _low_series({name: lines[name] for name in low})
        lines = {name: values for name, values in lines.items() if name not in flat}
    chart = _chart(kind, title, [str(row.get(x, "")) for row in rows])
    import hashlib  # takes 2 ms, which no other start should pay

    chart.uuid = hashlib.sha256(json.dumps([title, kind, lines]).encode()).hexdigest()[:12]  # the same every time
    for name, values in lines.items():
        chart.add(f"{name} (right)" if name in low else name, values, secondary=name in low)
    rendered: bytes = chart.render()
    return rendered


def _chart(kind: str, title: str, labels: Sequence[str]) -> Any:
    pygal = _pygal()
    chart = {"line": pygal.Line, "bar": pygal.Bar}[kind](
        title=title or None,
        width=960,
        height=540,
        legend_at_bottom=True,
        x_label_rotation=30,
        show_minor_x_labels=False,
        dots_size=2,
        include_x_axis=True,
        style=pygal.style.Style(background="white", plot_background="white", font_family="sans-serif"),
        no_data_text="no data",
        value_formatter=_axis_text,
    )
    chart.add_xml_filter(_without_scripts)
    chart.x_labels = labels
    chart.x_labels_major = labels[:: max(1, math.ceil(len(labels) / _LABELS))]
    return chart


def _pygal() -> Any:
    import sys

    import pygal.style

    # its import finder uses a protocol that Python has removed, and would warn at every later import
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]
    return pygal


def _without_scripts(root: Element) -> Element:
    """The chart without scripts, and without the comment with the date of drawing."""
    for inner in list(root.iter()):
        for child in list(inner):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == "script":
                inner.remove(child)
    return root


def _low_series(lines: Mapping[str, Sequence[float | None]]) -> set[str]:
    """The lines that lie far below the highest one."""
    tops = {
        name: max((abs(value) for value in values if value is not None), default=0.0) for name, values in lines.items()
    }
    highest = max(tops.values(), default=0.0)
    return {name for name, top in tops.items() if 0 < top * _FAR_SMALLER < highest}


def _axis_text(number: float | None) -> str:
    """The label of an axis value, rounded: the right axis has the left one's lines, and so odd values."""
    if number is None:
        return ""
    return f"{number:.3g}" if abs(number) < 100 else f"{number:,.0f}"


def _number(value: object) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return value
    return None


def _form(path: str) -> str:
    return path.rpartition(".")[2].lower()


def _need_png() -> None:
    from importlib.util import find_spec

    if find_spec("cairosvg") is None:
        raise UsageError(
            "a .png file needs a library that is not installed", hint="pip install 'pinflow[png]', or write .svg"
        )


def _png(text: bytes) -> bytes:
    try:
        import cairosvg
    except OSError as error:  # the package is installed, the system's library is not
        raise UsageError("a .png file needs the library cairo (libcairo2)", hint="install it, or write .svg") from error
    drawn: bytes = cairosvg.svg2png(bytestring=text)
    return drawn


ACTIONS: Final = (write_chart,)
