"""The help of the program as finished text, kept while nothing that it is made of changes: plugins have commands too.

Making it loads every plugin; with this, ``pinflow --help`` imports neither plugins nor a parser. It is asked before
anything else is imported.
"""

from __future__ import annotations

from pinflow.cli import VERSION_LINE
from pinflow.plugin.import_cache import ImportCache
from pinflow.state.folder.paths import cache_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def read_help(environ: Mapping[str, str]) -> str | None:
    """The text, without a line break at its end; None where it has to be made."""
    rows = _cache(environ).read(1)
    return rows[0][0] if rows else None


def write_help(environ: Mapping[str, str], text: str, files: Sequence[str]) -> None:
    """Keep the text while none of ``files`` changes, which are those of the plugins and of the help itself."""
    _cache(environ).write([[text]], files)


def _cache(environ: Mapping[str, str]) -> ImportCache:
    choices = (environ.get("PINFLOW_DISABLE", ""), environ.get("PINFLOW_PLUGINS", "unset"))
    return ImportCache(cache_file(environ, "help.cache"), VERSION_LINE, *choices)
