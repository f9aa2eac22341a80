"""Charts of tables, as SVG, or as PNG where the library for it is installed."""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pinflow import Context, Text, UsageError, action
from pinflow_local.saving import FilePath, IfExists, Written, save

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from xml.etree.ElementTree import Element

MAX_POINTS: Final = 5_000
_LABELS: Final = 12  # along the axis, so that none covers its neighbour
_FAR_SMALLER: Final = 20  # times: a line so much lower gets the axis on the right, or it would lie flat


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
    path: FilePath,
    rows: list[dict[str, Any]],
    x: Annotated[str, Text(min_length=1)] = "date",
    series: list[str] | None = None,
    title: Annotated[str, Text(max_length=200)] = "",
    kind: Literal["line", "bar"] = "line",
    if_exists: IfExists = "fail",
) -> Written:
    """Draw a chart of a list of mappings into an SVG or PNG file; the end of its name tells which.

    Arguments:
        path: the file, .svg or .png: in the recipe's folder, or the value of an input of type file
        rows: the rows, in the order in which they are drawn
        x: the column below the chart
        series: the columns that are drawn; if left out, all that hold numbers, but for those far below the others
        title: what stands above it
        kind: line or bar
        if_exists: fail leaves a file with other content alone; replace overwrites it
    """

    def content() -> bytes:
        text = svg(rows, x=x, series=series, title=title, kind=kind)
        return _png(text) if _form(path) == "png" else text

    return save(ctx, path, if_exists, content)


def svg(
    rows: Sequence[Mapping[str, Any]], *, x: str, series: Sequence[str] | None, title: str, kind: Literal["line", "bar"]
) -> bytes:
    """The chart as SVG. Raises UsageError for columns that are not there, and for more than 5,000 rows."""
    if len(rows) > MAX_POINTS:
        raise UsageError(f"a chart shows at most {MAX_POINTS} rows, these are {len(rows)}", hint="sum them up first")
    names = list(dict.fromkeys(name for row in rows for name in row))
    missing = [name for name in (x, *(series or ())) if rows and name not in names]
    if missing:
        raise UsageError(f"the rows have no column {missing[0]!r}", hint=f"there are: {', '.join(names)}")
    found = series or [name for name in names if name != x and any(_number(row.get(name)) is not None for row in rows)]
    lines = {name: [_number(row.get(name)) for row in rows] for name in found}
    low = _low(lines)
    if series is None:  # what would lie flat on the right as well tells nothing beside the others
        flat = _low({name: lines[name] for name in low})
        lines = {name: values for name, values in lines.items() if name not in flat}
    chart = _chart(kind, title, [str(row.get(x, "")) for row in rows])
    chart.uuid = hashlib.sha256(json.dumps([title, kind, lines]).encode()).hexdigest()[:12]  # the same every time
    for name, values in lines.items():
        chart.add(f"{name} (right)" if name in low else name, values, secondary=name in low)
    rendered: bytes = chart.render()
    return rendered


def _chart(kind: str, title: str, labels: Sequence[str]) -> Any:
    pygal = _pygal()
    made = {"line": pygal.Line, "bar": pygal.Bar}[kind](
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
        value_formatter=_told,
    )
    made.add_xml_filter(_still)
    made.x_labels = labels
    made.x_labels_major = labels[:: max(1, math.ceil(len(labels) / _LABELS))]
    return made


def _pygal() -> Any:
    import sys

    import pygal.style

    # its finder of plugins speaks a protocol that Python has given up, and warns at every import from then on
    sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]
    return pygal


def _still(root: Element) -> Element:
    """The chart without scripts, and without the comment that says on which day it was drawn."""
    for inner in list(root.iter()):
        for child in list(inner):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] == "script":
                inner.remove(child)
    return root


def _low(lines: Mapping[str, Sequence[float | None]]) -> set[str]:
    """The lines that lie far below the highest one."""
    tops = {
        name: max((abs(value) for value in values if value is not None), default=0.0) for name, values in lines.items()
    }
    highest = max(tops.values(), default=0.0)
    return {name for name, top in tops.items() if 0 < top * _FAR_SMALLER < highest}


def _told(number: float | None) -> str:
    """A number beside an axis: the right one's lines stand where the left one's do, and so at odd values."""
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
            "a .png needs a library that is not installed", hint="pip install 'pinflow[png]', or name it .svg"
        )


def _png(text: bytes) -> bytes:
    try:
        import cairosvg
    except OSError as error:  # the package is there, the library of the system is not
        raise UsageError(
            "a .png needs the library cairo (libcairo2)", hint="install it, or name the file .svg"
        ) from error
    drawn: bytes = cairosvg.svg2png(bytestring=text)
    return drawn


ACTIONS: Final = (write_chart,)
