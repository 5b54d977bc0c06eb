"""The files that a server and its programs see: a root of their own, a /tmp of their own, no /proc.

The server keeps /proc open for itself, since the kernel tells there how long a program had no core,
and since a new user namespace is mapped there.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from . import confine

_BIND, _REC, _PRIVATE, _READ_ONLY = 4096, 16384, 1 << 18, 1
_NO_SUID, _NO_DEVICES, _NO_PROGRAMS = 2, 4, 8
_DETACH = 2
_proc: list[int] = []


class Root(NamedTuple):
    """What a server's own root consists of, all of it read-only."""

    binds: Sequence[tuple[str, str]]  # where it is, where it appears
    links: Sequence[tuple[str, str]]  # a symbolic link and its target


def keep_proc() -> None:
    """Keep /proc open, wherever it goes."""
    _proc.append(os.open("/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC))


def forget_proc() -> None:
    """Close /proc, in a process that becomes a program."""
    while _proc:
        os.close(_proc.pop())


def proc() -> int:
    """Return the descriptor of /proc."""
    return _proc[0]


def open_proc(name: str, flags: int = os.O_RDONLY) -> int:
    """Return a descriptor of a file below /proc."""
    return os.open(name, flags | os.O_CLOEXEC, dir_fd=_proc[0])


def read_proc(name: str) -> str:
    """Return the text of a file below /proc."""
    with open(open_proc(name), encoding="ascii", errors="replace") as stream:
        return stream.read()


def list_proc(name: str) -> list[str]:
    """Return the names in a folder below /proc."""
    fd = open_proc(name, os.O_DIRECTORY)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def map_own_user(uid: int, gid: int) -> None:
    """Map one user and group of the new user namespace to the same ones outside."""
    for name, text in (
        ("uid_map", f"{uid} {uid} 1"),
        ("setgroups", "deny"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        fd = open_proc(f"self/{name}", os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def enter(root: Root) -> None:
    """Move this process, alone in its mount namespace, into a root of its own."""
    new = "/proc"  # a folder that holds nothing of what has to be bound
    confine.mount("none", "/", flags=_REC | _PRIVATE)
    confine.mount("tmpfs", new, kind="tmpfs", options="mode=0755")
    for source, target in root.binds:
        place = new + target
        if os.path.isdir(source):
            os.makedirs(place, exist_ok=True)
        else:
            os.makedirs(os.path.dirname(place), exist_ok=True)
            os.close(os.open(place, os.O_CREAT | os.O_WRONLY, 0o644))
        confine.mount(source, place, flags=_BIND | _REC)
    for link, target in root.links:
        os.symlink(target, new + link)
    os.makedirs(f"{new}/tmp")
    os.chdir(new)
    confine.pivot_root(".", ".")
    confine.unmount(".", flags=_DETACH)
    os.chdir("/")
    confine.make_read_only("/")


def hide_proc() -> None:
    """Cover /proc with an empty folder."""
    flags = _NO_SUID | _NO_DEVICES | _NO_PROGRAMS | _READ_ONLY
    confine.mount("tmpfs", "/proc", kind="tmpfs", flags=flags, options="size=4k,nr_inodes=1")


def mount_tmp(size: int) -> None:
    """Mount a /tmp of at most `size` bytes and 4096 files: no devices, set-id bits, programs."""
    flags = _NO_SUID | _NO_DEVICES | _NO_PROGRAMS
    options = f"size={size},nr_inodes=4096,mode=0777"
    confine.mount("tmpfs", "/tmp", kind="tmpfs", flags=flags, options=options)
