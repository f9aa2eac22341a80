"""What the name of a file may be: on any system that pinflow runs on, and for a recipe that chose it itself.

Everything here looks at names alone. Names are compared as the least strict file system would: without case, in one
Unicode form, without invisible characters, and without the dots and blanks that Windows drops at the end.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

MOST_BYTES: Final = 255  # of one name: ext4, APFS and NTFS take no more
PICTURES: Final[tuple[str, ...]] = (".jpg", ".jpeg", ".png", ".mp4", ".mov", ".m4v")
READABLE: Final[tuple[str, ...]] = (".csv", ".tsv", ".json", ".jsonl", ".xml", ".txt", ".md", *PICTURES)
WRITABLE: Final[tuple[str, ...]] = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".md", ".svg", ".png", ".html", ".ics")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELSEWHERE: Final = re.compile(r"[/\\~]|[A-Za-z][A-Za-z0-9+.-]*:")  # absolute, of a home, on a drive, an address
_SEPARATOR: Final = re.compile(r"[/\\]")
# devices of Windows, in every folder and with every ending
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9]|conin\$|conout\$)(\..*)?")
# keys and passwords: no person means to put these on a board
_SECRET_ENDINGS: Final = (
    *(".pem", ".key", ".p8", ".p12", ".pfx", ".ppk", ".jks", ".keystore", ".kdbx", ".gpg", ".pgp", ".asc", ".env"),
)
_SECRET_NAMES: Final = _words(
    "environment .netrc _netrc .pgpass .pypirc .npmrc .git-credentials .htpasswd .envrc .vault_pass"
)
_KEY: Final = re.compile(r"(id_(rsa|dsa|ecdsa|ed25519|xmss)(_sk)?|ssh_host_\w+_key)(\.(?!pub$).*)?|\.env(\..+)?")
_SECRET_FOLDERS: Final = _words(".ssh .gnupg .aws .azure .kube .docker .password-store oauth_tokens")
_SYSTEM: Final = ("/proc/", "/dev/", "/sys/")  # /proc/self/environ is a regular file and holds tokens
_ORDINARY: Final = "/dev/shm/"  # noqa: S108  a file system in memory, with the files that people put there
# what another program runs, or pinflow reads as a recipe
_CODE: Final = _words(
    ".py .pyw .pyc .pyi .pth .so .dll .dylib .sh .bash .zsh .fish .csh .ksh .command .bat .cmd .com .exe .msi .scr .cpl"
    " .pif .ps1 .psm1 .psd1 .vbs .vbe .js .jse .mjs .cjs .ts .wsf .wsh .hta .jar .rb .pl .pm .php .lua .tcl .r .jl .go"
    " .rs .c .cc .cpp .h .java .service .timer .socket .desktop .plist .app .scpt .workflow .reg .inf .lnk .url .webloc"
    " .mk .cmake .gradle .yaml .yml"
)
_CODE_NAMES: Final = _words(
    "makefile gnumakefile dockerfile rakefile gemfile vagrantfile jenkinsfile procfile justfile crontab"
    " authorized_keys known_hosts autorun.inf desktop.ini"
)
# folders that git, a shell, a desktop or Python reads
_READ_FOLDERS: Final = _words(
    ".git .hg .svn .bzr .ssh .gnupg .aws .azure .kube .docker autostart startup launchagents launchdaemons"
    " site-packages dist-packages node_modules __pycache__ oauth_tokens"
)
_READ_FOLDER_ENDINGS: Final = (".git", ".dist-info", ".egg-info", ".egg", ".app", ".bundle", ".framework", ".workflow")
# what tools believe wherever they are started: which packages to install, what to build, what an assistant is to do
_PROJECT_FOLDERS: Final = _words("hooks bower_components requirements devcontainer meta-inf cron.d profile.d systemd")
_PROJECT_NAMES: Final = _words(
    "package.json package-lock.json npm-shrinkwrap.json composer.json bower.json deno.json angular.json nx.json"
    " lerna.json turbo.json rush.json workspace.json project.json global.json vcpkg.json firebase.json vercel.json"
    " now.json app.json nodemon.json renovate.json biome.json pyrightconfig.json cmakepresets.json"
    " cmakeuserpresets.json devcontainer.json launch.json tasks.json settings.json config.json mcp.json"
    " claude_desktop_config.json credentials.json direct_url.json entry_points.txt cmakelists.txt"
    " cmakecache.txt meson_options.txt conanfile.txt runtime.txt packages.txt claude.md claude.local.md agents.md"
    " agents.override.md agent.md gemini.md skill.md warp.md copilot-instructions.md"
)
_PROJECT_FILE: Final = re.compile(
    r"(ts|js)config\..*json|appsettings\..*json|(.*[-.])?config\.json|client_secret.*\.json"
    r"|(.*[-_.])?(requirements|constraints)([-_.].*)?\.txt|.*\.(instructions|prompt|agent|chatmode)\.md"
)


def is_too_long(path: str) -> bool:
    """Whether a path has a name that no file can have: even to ask whether it exists is an error then."""
    return any(len(name.encode("utf-8", "surrogateescape")) > MOST_BYTES for name in _SEPARATOR.split(path))


def is_elsewhere(path: str) -> bool:
    """Whether a path, as it is written, leads out of the folder that it counts from."""
    return bool(_ELSEWHERE.match(path)) or ".." in _SEPARATOR.split(path)


def fold(name: str) -> str:
    """One name as the least strict file system compares it; of ``a.csv:stream``, a stream of NTFS, it is a.csv."""
    visible = "".join(c for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c) not in ("Cf", "Cc"))
    return unicodedata.normalize("NFKC", visible.casefold()).partition(":")[0].rstrip(" .")


def compared_names(path: str) -> list[str]:
    """The names of a path, each as `fold` gives it; without those that say nothing, such as "."."""
    return [part for part in map(fold, _SEPARATOR.split(path)) if part]


def ending(path: str) -> str:
    """The ending of a path's last name (".csv"), "" where it has none."""
    parts = compared_names(path)
    _, dot, last = parts[-1].rpartition(".") if parts else ("", "", "")
    return f".{last}" if dot else ""


def own_name_problem(path: str, endings: tuple[str, ...]) -> tuple[str, str] | None:
    """Why a recipe by itself can't have the file at ``path``, which counts from its folder: what is wrong, and a hint.

    None if nothing is. The path is one that `is_elsewhere` takes for inside.
    """
    names = [name for name in _SEPARATOR.split(path) if name not in ("", ".")]
    if not names or any(unicodedata.category(c) in ("Cc", "Cs") for c in path):
        return "is not the path of a file", "write a plain name, such as pins.csv"
    if any(name[-1] in " ." or ":" in name for name in names):
        return "has a name that Windows takes for another one", "leave out the colon, and the blank or dot at its end"
    if hidden := next((name for name in names if fold(name).startswith((".", "~"))), None):
        return f"is hidden ({hidden})", f"a recipe has no hidden files; {_ONLY_A_PERSON}"
    if any(map(is_device, names)):
        return "has the name of a device of Windows", "choose another name"
    if is_secret_name(path):
        return "may hold keys or tokens", "name another file"
    if ending(path) not in endings:
        return f"doesn't end in one of {' '.join(endings)}", f"a recipe has no other files; {_ONLY_A_PERSON}"
    return None


_ONLY_A_PERSON: Final = "another one can only be given to an input of type file: -i NAME=PATH"


def is_device(name: str) -> bool:
    """Whether one name is that of a device of Windows, whatever follows it there."""
    return _DEVICE.fullmatch(fold(name)) is not None


def is_secret_name(path: str) -> bool:
    """Whether the names of a path say that it holds keys, passwords or tokens."""
    *folders, name = compared_names(path) or [""]
    if _is_of_system(f"{path}/") or not _SECRET_FOLDERS.isdisjoint(folders):
        return True
    return name in _SECRET_NAMES or name.endswith(_SECRET_ENDINGS) or _KEY.fullmatch(name) is not None


def _is_of_system(path: str) -> bool:
    return path.startswith(_SYSTEM) and not path.startswith(_ORDINARY)


def is_read_by_programs(path: str) -> bool:
    """Whether the names of a path say that something runs it, or believes it: code, recipes, settings of git."""
    *folders, name = compared_names(path) or [""]
    if any(part in _READ_FOLDERS or part.endswith(_READ_FOLDER_ENDINGS) for part in folders):
        return True
    return ending(path) in _CODE or name in _CODE_NAMES or name in _READ_FOLDERS


def is_read_in_projects(path: str) -> bool:
    """Whether the names of a path say that a tool believes it in the folder where it is started, or below.

    Of a person's own paths only those matter that `is_read_by_programs` tells of: they may well be named hooks.
    """
    *folders, name = compared_names(path) or [""]
    return (
        not _PROJECT_FOLDERS.isdisjoint(folders) or name in _PROJECT_NAMES or _PROJECT_FILE.fullmatch(name) is not None
    )
