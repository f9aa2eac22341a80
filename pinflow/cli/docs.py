"""``pinflow docs``: opens the documentation in a browser, or shows a page in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pinflow.cli.commands import BUILT_IN, module_of
from pinflow.cli.shell import is_terminal
from pinflow.errors import OK, UsageError
from pinflow.reporters.text import inert, table
from pinflow.suggestions import did_you_mean

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from pinflow.cli.shell import Shell
    from pinflow.plugin.contributions import FactsPage
    from pinflow.reference.shelf import Shelf, ShelfPage

DESCRIPTION = """\
Open the documentation in a browser, or read it here. A page is named as the list names it, or by the end of its name;
other words are searched for. Nothing is fetched from anywhere."""
EXAMPLES = """\
  pinflow docs                                           open the start page
  pinflow docs expressions                               a page
  pinflow docs delete a board                            the pages with these words
  pinflow docs --list                                    every page"""
OUTPUTS: Sequence[str] = ("human", "json")

_MOST_FOUND = 15  # pages: more fill a screen, and the best stand first


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs="*", metavar="PAGE|WORD", help="a page, or words to search for")
    parser.add_argument("--text", action="store_true", help="in the terminal, even where a browser could open it")
    parser.add_argument("--list", action="store_true", dest="listing", help="list every page")
    parser.add_argument("--path", action="store_true", help="print where the page is as a file, and open nothing")
    parser.add_argument("--names", action="store_true", help="print only names, one per line")


def facts_pages(shell: Shell, more: Iterable[FactsPage] = ()) -> list[FactsPage]:
    """Every page of facts, with a page for each command, and ``more`` at the end. Raises PluginError."""
    from pinflow.cli.parser import parser_of, parser_of_offer
    from pinflow.reference import pages

    app = shell.app(notes=False)
    parsers = {entry.name: parser_of(entry.name, module_of(entry.name), shell) for entry in BUILT_IN}
    parsers |= {name: parser_of_offer(command) for name, command in sorted(app.registry.commands.items())}
    groups = {entry.name: entry.group for entry in BUILT_IN}
    groups |= {command.name: command.group for command in app.registry.commands.values()}
    return pages.facts_pages(app, parsers, groups, more)


def run(args: argparse.Namespace, shell: Shell) -> int:
    from pinflow.recipe.bundled import bundled_docs
    from pinflow.reference.shelf import Shelf

    shelf = Shelf(bundled_docs(), facts_pages(shell))
    if args.names:
        for name in (page.name for page in shelf):
            shell.say(inert(name))
        return OK
    if args.listing:
        return _list(list(shelf), shell)
    if not args.words:
        return _start(shelf, args, shell)
    page = shelf.find(" ".join(args.words))
    if page is not None:
        return _show(page, shelf, args, shell)
    found = shelf.search(args.words)
    if not found:
        known = [name for other in shelf for name in (other.name, other.name.rpartition("/")[2])]
        near = did_you_mean(args.words[0], known) if len(args.words) == 1 else ""
        raise UsageError(f"no page has {' '.join(args.words)!r}{near}", hint="every page: pinflow docs --list")
    if len(found) == 1:
        return _show(found[0], shelf, args, shell)
    _list(found[:_MOST_FOUND] if shell.human else found, shell)
    if shell.human and len(found) > _MOST_FOUND:
        shell.tell(f"{len(found) - _MOST_FOUND} more pages have these words; with more words you find fewer")
    return OK


def _start(shelf: Shelf, args: argparse.Namespace, shell: Shell) -> int:
    start = shelf.find("index")
    return _list(list(shelf), shell) if start is None else _show(start, shelf, args, shell)


def _list(pages: Sequence[ShelfPage], shell: Shell) -> int:
    if not shell.human:
        return shell.say_json(
            {"pages": [{"name": page.name, "title": page.title, "about": page.about} for page in pages]}
        )
    shell.say_lines(table([(inert(page.name), inert(page.title)) for page in pages], width=shell.width(shell.stdout)))
    shell.tell("\nTo read one: pinflow docs NAME")
    return OK


def _show(page: ShelfPage, shelf: Shelf, args: argparse.Namespace, shell: Shell) -> int:
    if args.path:
        file = shelf.file_of(page)
        if file is None:
            raise UsageError(
                f"{page.name} isn't kept as a file: it is made when you read it", hint="read it: leave out --path"
            )
        shell.say(str(file))
        return OK
    if not shell.human:
        return shell.say_json({"name": page.name, "title": page.title, "text": page.text})
    if not args.text and is_terminal(shell.stdout) and (file := shelf.site_file(page)):
        from pinflow.reporters.desktop import open_in_browser

        if open_in_browser(file.as_uri(), shell.environ, windows_only=True):
            shell.say(f"opened {file}")
            return OK
    from pinflow.reporters.pages import markdown_text, page_through

    color = shell.has_color(shell.stdout)
    if not is_terminal(shell.stdout) and not color:
        shell.say(page.text)  # Markdown as it is, for files and pipes
        return OK
    source = "\n".join(inert(line) for line in page.terminal_text.splitlines())  # plugins have pages as well
    text = markdown_text(source, width=shell.width(shell.stdout), color=color)
    if not shell.interactive or not page_through(text, shell.environ):
        shell.say(text)
    return OK
