"""``pinflow completion``: a script that completes commands and options, and asks pinflow for recipes, inputs, runs.

The tree of commands stands in the script; what changes from day to day it asks for: see ``words``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pinflow.cli.commands import BUILT_IN, module_of, plugin_commands
from pinflow.cli.parser import Option, common, parser_of, parser_of_offer, walk
from pinflow.errors import OK

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

    from pinflow.cli.shell import Shell

DESCRIPTION = "Print a completion script for a shell. It knows the plugins that are installed now."
EXAMPLES = """\
  bash:  pinflow completion bash > ~/.local/share/bash-completion/completions/pinflow
  zsh:   pinflow completion zsh > "${fpath[1]}/_pinflow"
  fish:  pinflow completion fish > ~/.config/fish/completions/pinflow.fish"""
OUTPUTS: Sequence[str] = ("human",)

_FILES = frozenset({"recipe", "recipes", "plugin"})
# what is asked for, by the name of an argument; in commands of plugins by its metavar
_BY_NAME = {
    "recipe": "recipes",
    "recipes": "recipes",
    "inputs": "inputs",
    "tokens": "tokens",
    "clear_block": "tokens",
    "id": "runs",
    "job": "jobs",
    "template": "templates",
    "executor": "executors",
    "api": "apis",
}
_BY_PATH = {
    ("actions", "name"): "actions",
    ("functions", "name"): "functions",
    ("explain", "words"): "codes",
    ("docs", "words"): "pages",
}
_BY_METAVAR = {"TOKEN": "tokens", "OPERATION": "operations", "RECIPE": "recipes", "RUN": "runs", "ACTION": "actions"}


def _asked(path: tuple[str, ...], option: Option) -> str:
    """The kind of words that is asked for where this argument stands; "" for none."""
    if path[:1] == ("plugins",) and option.kind == "name":
        return "plugins"
    return (
        _BY_PATH.get((path[0] if path else "", option.kind))
        or _BY_METAVAR.get(option.metavar)
        or ("" if option.values else _BY_NAME.get(option.kind, ""))
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")


def run(args: argparse.Namespace, shell: Shell) -> int:
    tree, helps = _tree(shell)
    script = {"bash": bash, "zsh": zsh, "fish": fish}[args.shell]
    shell.say(script(tree, helps))
    return OK


def _tree(shell: Shell) -> tuple[dict[tuple[str, ...], list[Option]], dict[str, str]]:
    """The options of each command by its path, and the help of each command."""
    tree: dict[tuple[str, ...], list[Option]] = {}
    helps: dict[str, str] = {}
    for entry in BUILT_IN:
        tree |= walk(parser_of(entry.name, module_of(entry.name), shell), (entry.name,))
        helps[entry.name] = entry.help
    for command in plugin_commands(shell).values():
        tree |= walk(parser_of_offer(command), (command.name,))
        helps[command.name] = command.help
    return tree, helps


def _asked_of_all(path: tuple[str, ...], options: Sequence[Option]) -> list[str]:
    """The kinds of words that a command's positionals take; "names" if the command lists them itself."""
    kinds = list(dict.fromkeys(filter(None, (_asked(path, option) for option in options if not option.names))))
    return kinds or (["names"] if "--names" in _flags(options) else [])


def _subcommands(tree: Mapping[tuple[str, ...], list[Option]], path: tuple[str, ...]) -> list[str]:
    return [other[-1] for other in tree if other[:-1] == path and len(other) == len(path) + 1]


def _values(options: Sequence[Option]) -> str:
    """The choices of a command's positionals."""
    return " ".join(value for option in options if not option.names for value in option.values)


def _flags(options: Sequence[Option]) -> list[str]:
    return [name for option in options for name in option.names]


def _word_cases(tree: Mapping[tuple[str, ...], list[Option]], variable: str) -> list[str]:
    """Branches of a shell's ``case`` over the path so far: ``variable`` gets the words that can follow."""
    lines = []
    for path, options in tree.items():
        words = " ".join([*_subcommands(tree, path), _values(options)]).strip()
        kinds = {option.kind for option in options if not option.names}
        files = int(bool(kinds & _FILES))
        asked = " ".join(_asked_of_all(path, options))
        values = f"{variable}='{words}' flags='{' '.join(_flags(options))}' files={files} asked='{asked}'"
        lines.append(f"    '{' '.join(path)}') {values} ;;")
    return lines


def _value_cases(tree: Mapping[tuple[str, ...], list[Option]]) -> list[str]:
    """Branches over the word before: the values of an option."""
    values: dict[str, str] = {}
    for path, options in tree.items():
        for option in options:
            for name in option.names if option.takes_value else ():
                asked = _asked(path, option)
                kinds = f"@{asked}" if asked else "@files" if option.kind in _FILES else " ".join(option.values)
                values.setdefault(name, kinds)
    return [f"    {name}) after='{words}' ;;" for name, words in values.items()]


def _fill(script: str, tree: Mapping[tuple[str, ...], list[Option]], variable: str, *, commands: str) -> str:
    return script.format(
        commands=commands,
        after="\n".join(_value_cases(tree)),
        cases="\n".join(_word_cases(tree, variable)),
        paths="|".join(f"'{' '.join(path)}'" for path in tree),
    )


def bash(tree: Mapping[tuple[str, ...], list[Option]], helps: Mapping[str, str]) -> str:
    """A script for bash 3.2 and later."""
    return _fill(_BASH, tree, "words", commands=" ".join([*helps, "help"]))


_BASH = """\
# bash completion for pinflow
_pinflow() {{
  local current previous path words flags files asked after word index prefix
  current="${{COMP_WORDS[COMP_CWORD]}}"
  previous="${{COMP_WORDS[COMP_CWORD-1]}}"
  prefix='' index=0
  if [ "$current" = '=' ]; then
    current='' index=$((COMP_CWORD - 1))
  elif [ "$previous" = '=' ]; then
    index=$((COMP_CWORD - 2))
  fi
  if [ "$index" -gt 0 ]; then
    previous="${{COMP_WORDS[index]}}"
    case "$previous" in
      -*) ;;
      *) prefix="$previous=" previous="${{COMP_WORDS[index-1]}}" ;;
    esac
  fi
  path=''
  for ((index = 1; index < COMP_CWORD; index++)); do
    word="${{path:+$path }}${{COMP_WORDS[index]}}"
    case "$word" in
      {paths}) path="$word" ;;
    esac
  done
  after='-'
  case "$previous" in
{after}
  esac
  case "$after" in
    @files) COMPREPLY=($(compgen -f -- "$current")); return ;;
    @*)
      set -- "${{after#@}}" "${{COMP_WORDS[@]:1:COMP_CWORD-1}}" "$prefix$current"
      words="$(pinflow completion --words "$@" 2>/dev/null)"
      COMPREPLY=($(compgen -W "$words" -- "$prefix$current"))
      COMPREPLY=("${{COMPREPLY[@]#"$prefix"}}")
      if [ -n "$prefix" ] && [ -z "${{COMPREPLY[*]}}" ]; then
        COMPREPLY=($(compgen -f -- "$current"))
      fi
      case "${{COMPREPLY[*]}}" in
        *=) compopt -o nospace 2>/dev/null ;;
      esac
      return
      ;;
  esac
  if [ "$after" != '-' ]; then
    COMPREPLY=($(compgen -W "$after" -- "$current"))
    return
  fi
  words='{commands}' flags='--help --version' files=0 asked=''
  case "$path" in
{cases}
  esac
  case "$current" in
    -*) ;;
    *)
      for word in $asked; do
        case "$word" in
          names) words="$words $(pinflow $path --names 2>/dev/null)" ;;
          *) words="$words $(pinflow completion --words "$word" "${{COMP_WORDS[@]:1}}" 2>/dev/null)" ;;
        esac
      done
      ;;
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$flags" -- "$current")) ;;
    *)
      COMPREPLY=($(compgen -W "$words" -- "$current"))
      if [ "$files" = 1 ]; then
        COMPREPLY+=($(compgen -f -X '!*.y*ml' -- "$current") $(compgen -d -S / -- "$current"))
      fi
      ;;
  esac
}}
complete -o filenames -F _pinflow pinflow"""


def zsh(tree: Mapping[tuple[str, ...], list[Option]], helps: Mapping[str, str]) -> str:
    """A script for zsh 5 and later."""
    commands = "\n".join(f"    '{name}:{_shell_text(text)}'" for name, text in helps.items())
    return _fill(_ZSH, tree, "words_", commands=commands)


_ZSH = """\
#compdef pinflow
_pinflow() {{
  local current previous path_ words_ flags files asked after word
  local -a commands found
  current="${{words[CURRENT]}}"
  previous="${{words[CURRENT-1]}}"
  path_=''
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    case "${{path_:+$path_ }}$word" in
      {paths}) path_="${{path_:+$path_ }}$word" ;;
    esac
  done
  after='-'
  case "$previous" in
{after}
  esac
  if [[ "$after" == '@files' ]]; then
    _files
    return
  fi
  if [[ "$after" == @* ]]; then
    found=(${{(f)"$(pinflow completion --words "${{after#@}}" "${{(@)words[2,CURRENT]}}" 2>/dev/null)"}})
    compadd -S '' -- ${{(M)found:#*=}}
    compadd -- ${{found:#*=}}
    return
  fi
  if [[ "$after" != '-' ]]; then
    compadd -- ${{=after}}
    return
  fi
  if [[ -z "$path_" && "$current" != -* ]]; then
    commands=(
{commands}
    )
    _describe 'command' commands
    return
  fi
  words_='' flags='--help --version' files=0 asked=''
  case "$path_" in
{cases}
  esac
  if [[ "$current" == -* ]]; then
    compadd -- ${{=flags}}
    return
  fi
  for word in ${{=asked}}; do
    if [[ "$word" == names ]]; then
      words_="$words_ $(pinflow ${{=path_}} --names 2>/dev/null)"
    else
      words_="$words_ $(pinflow completion --words "$word" "${{(@)words[2,CURRENT]}}" 2>/dev/null)"
    fi
  done
  compadd -- ${{=words_}}
  if [[ "$files" == 1 ]]; then
    _files -g '*.y*ml'
  fi
}}
if [[ "${{funcstack[1]}}" == '_pinflow' ]]; then
  _pinflow "$@"
else
  compdef _pinflow pinflow
fi"""


def fish(tree: Mapping[tuple[str, ...], list[Option]], helps: Mapping[str, str]) -> str:
    """A script for fish 3 and later."""
    names = " ".join(helps)
    before = f"not __fish_seen_subcommand_from {names}"
    lines = [
        "# fish completion for pinflow",
        "complete -c pinflow -f",
        *(f"complete -c pinflow -n '{before}' -a {name} -d '{_shell_text(text)}'" for name, text in helps.items()),
        f"complete -c pinflow -n '{before}' -l version -d 'print the version'",
        *(line for option in common() for line in _fish_option(before, option)),
    ]
    for path, options in tree.items():
        seen = "; and ".join(f"__fish_seen_subcommand_from {word}" for word in path)
        lines += [f"complete -c pinflow -n '{seen}' -a {word}" for word in _subcommands(tree, path)]
        lines += [line for option in options for line in _fish_option(seen, option, _asked(path, option))]
        if "names" in _asked_of_all(path, options):
            lines.append(f"complete -c pinflow -n '{seen}' -a '(pinflow {' '.join(path)} --names 2>/dev/null)'")
    return "\n".join(lines)


def _fish_option(seen: str, option: Option, asked: str = "") -> list[str]:
    head = f"complete -c pinflow -n '{seen}'"
    words = f"(pinflow completion --words {asked} (commandline -opc)[2..] (commandline -ct) 2>/dev/null)"
    if not option.names:
        if asked:
            also = [f"{head} -k -a '(__fish_complete_suffix .yaml)'"] if option.kind in _FILES else []
            return [*also, f"{head} -k -a '{words}'"]
        files = [f"{head} -k -a '(__fish_complete_suffix .yaml)'"] if option.kind in _FILES else []
        return files + ([f"{head} -a '{' '.join(option.values)}'"] if option.values else [])
    names = [f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names]
    if asked:
        return [f"{head} {' '.join(names)} -x -a '{words}' -d '{_shell_text(option.help)}'"]
    values = "" if not option.takes_value else f" -x -a '{' '.join(option.values)}'" if option.values else " -r"
    files_too = " -F" if option.kind in _FILES else ""
    return [f"{head} {' '.join(names)}{values}{files_too} -d '{_shell_text(option.help)}'"]


def _shell_text(text: str) -> str:
    """``text`` without what ends single quotes in some shell, or has a meaning after a colon in zsh."""
    return re.sub(r"[^\w .,/()-]", " ", text).strip()
