"""Where files are: on this machine, or behind a URL of a filesystem that Arrow or fsspec knows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from glob import glob, has_magic
from importlib import import_module
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pyarrow as pa
from pyarrow import fs

from monitor.sources import SourceError, Unreachable

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LONGEST_CAUSE = 160


@dataclass(frozen=True, slots=True)
class File:
    """One file: ``path`` within its filesystem, ``size`` in bytes, ``changed`` (nanoseconds since
    1970, None where that is not told). Its text is what to call it in messages."""

    system: fs.FileSystem
    path: str
    shown: str
    size: int
    changed: int | None = None

    def __str__(self) -> str:
        return self.shown

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name

    @property
    def near(self) -> bool:
        """Whether it is on this machine, where many small reads cost little."""
        return isinstance(self.system, fs.LocalFileSystem)

    def open(self) -> pa.NativeFile:
        """The file, to be read at any place."""
        return self.system.open_input_file(self.path)

    def stream(self) -> pa.NativeFile:
        """The file from its beginning, decompressed where its name says that it is compressed."""
        return self.system.open_input_stream(self.path)


def is_url(path: Path | str) -> bool:
    return isinstance(path, str) and _URL.match(path) is not None


def shown(path: Path | str) -> str:
    """A path for a message: a URL without its keys.

    >>> shown("s3://KEY:SECRET@bucket/log/*.parquet?endpoint_override=127.0.0.1")
    's3://bucket/log/*.parquet'
    """
    if not is_url(path):
        return str(path)
    scheme, _, rest = str(path).partition("://")
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


def found(path: Path | str, suffixes: tuple[str, ...]) -> list[File]:
    """The files that a path names, in the order of their names: itself, those of a folder with one
    of the suffixes (hidden and temporary ones are left out), or those that match a pattern.

    Raises:
        Unreachable: the filesystem is not known or does not answer.
    """
    if is_url(path) and not str(path).startswith("file://"):
        return _remote(str(path), suffixes)
    return _local(unquote(urlsplit(str(path)).path) if is_url(path) else str(path), suffixes)


def is_folder(path: Path | str) -> bool:
    return not is_url(path) and Path(path).is_dir()


def _local(text: str, suffixes: tuple[str, ...]) -> list[File]:
    path = Path(text)
    if path.is_dir():
        paths = [p for p in path.rglob("*") if _is_part(p.relative_to(path).parts, suffixes)]
    elif has_magic(text) and not path.exists():
        paths = [Path(p) for p in glob(text, recursive=True)]  # noqa: PTH207  (absolute patterns)
    else:
        return [_on_disk(path)] if path.exists() else []
    return [_on_disk(p) for p in sorted(paths) if p.is_file()]


def _on_disk(path: Path) -> File:
    told = path.stat()
    return File(_disk(), str(path), str(path), told.st_size, told.st_mtime_ns)


@cache
def _disk() -> fs.LocalFileSystem:
    return fs.LocalFileSystem()


def _is_part(parts: Sequence[str], suffixes: tuple[str, ...]) -> bool:
    """Whether a file below a folder belongs to its log: hidden and temporary ones do not."""
    return parts[-1].endswith(suffixes) and not any(p.startswith((".", "_")) for p in parts)


def _remote(url: str, suffixes: tuple[str, ...]) -> list[File]:
    address, _, query = url.partition("?")
    scheme, _, rest = address.partition("://")
    steps = rest.split("/")
    plain = next((i for i, step in enumerate(steps) if i and has_magic(step)), len(steps))
    base = f"{scheme}://{'/'.join(steps[:plain])}"
    with _reaching(url):
        system, root = _system(f"{base}?{query}" if query else base)
        there = system.get_file_info(root)
        if there.type == fs.FileType.File:
            return [_of_info(system, there, shown(base))]
        if there.type == fs.FileType.NotFound and not root:
            return []
        everything = fs.FileSelector(root, allow_not_found=True, recursive=True)
        found: dict[str, File] = {}
        for info in system.get_file_info(everything):
            parts = PurePosixPath(info.path).relative_to(PurePosixPath(root)).parts
            wanted = steps[plain:]
            fits = _matches(parts, wanted) if wanted else _is_part(parts, suffixes)
            if info.type == fs.FileType.File and fits:
                name = f"{shown(base).rstrip('/')}/{'/'.join(parts)}"
                found[info.path] = _of_info(system, info, name)
        return [found[path] for path in sorted(found)]


def _of_info(system: fs.FileSystem, info: fs.FileInfo, name: str) -> File:
    changed = None if info.mtime is None else info.mtime_ns
    return File(system, info.path, name, info.size or 0, changed)


def _matches(parts: Sequence[str], patterns: Sequence[str]) -> bool:
    """Whether a path fits a pattern, step by step; ``**`` stands for any number of steps.

    >>> _matches(("a", "b", "c.csv"), ("**", "*.csv")), _matches(("a", "c.csv"), ("*.csv",))
    (True, False)
    """
    if not patterns:
        return not parts
    if parts and parts[0].startswith(".") and not patterns[0].startswith("."):
        return False  # as on disk
    if patterns[0] == "**":
        return any(_matches(parts[i:], patterns[1:]) for i in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], patterns[0]) and _matches(parts[1:], patterns[1:])


@lru_cache(maxsize=64)
def _system(url: str) -> tuple[fs.FileSystem, str]:
    """The filesystem of a URL and the path in it: Arrow's own, else one of fsspec."""
    try:
        system, path = fs.FileSystem.from_uri(url)
    except pa.ArrowInvalid as error:
        if "nrecognized filesystem" not in str(error):
            raise
        return _of_fsspec(url)
    return system, path


def _of_fsspec(url: str) -> tuple[fs.FileSystem, str]:
    try:
        fsspec = import_module("fsspec.core")  # it is optional, as are its drivers
    except ImportError:
        scheme = url.partition(":")[0]
        raise Unreachable(
            f"{shown(url)}: to read {scheme}:// install fsspec and its driver for it"
        ) from None
    try:
        system, path = fsspec.url_to_fs(url)
    except (ImportError, ValueError) as error:  # no such protocol, or its driver is missing
        raise Unreachable(f"{shown(url)}: {_cause(error, url)}") from None
    return fs.PyFileSystem(fs.FSSpecHandler(system)), path


@contextmanager
def _reaching(url: str) -> Iterator[None]:
    """What a filesystem says when it cannot be reached, as an error of a source, without keys."""
    try:
        yield
    except SourceError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreachable(f"{shown(url)}: {_cause(error, url)}") from None


def _cause(error: Exception, url: str) -> str:
    cause = (str(error).splitlines() or [""])[0][:_LONGEST_CAUSE].rstrip(". ")
    for secret in _secrets(url):
        cause = cause.replace(secret, "***")
    return cause or "cannot be reached"


def _secrets(url: str) -> Iterator[str]:
    """The parts of a URL that may be keys: its user, its password and its query."""
    address, _, query = url.partition("?")
    user = address.partition("://")[2].rpartition("@")[0]
    for part in (user, *user.split(":"), query):
        if part:
            yield part
            yield unquote(part)
