"""The tiers of isolation, and the command that starts a server of each.

| tier | a program sees and can do |
|---|---|
| bubblewrap | its own root (interpreter and system libraries, read-only); its own user, process |
| | and mount namespace; 64 MB of /tmp; no network, no capability; Landlock; refused system |
| | calls; limits |
| namespaces | the same; the server makes the root itself |
| landlock | no namespaces: Landlock (files, signals), refused system calls, limits; writes no |
| | file, but sees names and sizes of the host's files |
| none | everything; only with --unsafe-code |
"""

import functools
import importlib.util
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from sfr_eval.sandbox.inside import confine
from sfr_eval.sandbox.types import Limits

Tier = Literal["bubblewrap", "namespaces", "landlock", "none"]

_NOBODY = 65534
_SYSTEM = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
_ETC = ("/etc/ld.so.cache", "/etc/localtime", "/etc/alternatives")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/full")
_PACKAGES = ("numpy", "numpy.libs", "sortedcontainers")
_INSIDE = Path(__file__).parent / "inside"
_PER_PROGRAM = confine.CLONE_NEWUSER | confine.CLONE_NEWPID
_SERVER = confine.CLONE_NEWUSER | confine.CLONE_NEWNS
_OWN_FLAGS: dict[Tier, int] = {
    "bubblewrap": _SERVER,
    "namespaces": _SERVER | confine.CLONE_NEWNET | confine.CLONE_NEWUTS | confine.CLONE_NEWIPC,
    "landlock": 0,
    "none": 0,
}
"""The namespaces that a server makes for itself and all its programs."""
_START = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("inside", {folder!r} + "/__init__.py",
                               submodule_search_locations=[{folder!r}])
sys.modules["inside"] = module_from_spec(spec)
from inside.server import main
main({text!r})
"""

ENVIRONMENT: Mapping[str, str] = {
    "PATH": "/usr/bin:/bin",
    "HOME": "/tmp",
    "LC_ALL": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONHASHSEED": "0",
    "LD_BIND_NOW": "1",  # or each fork would look up the same symbols again
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
"""The whole environment of a server and its programs."""


def command(tier: Tier, *, control: int, contest: bool, numpy: bool, limits: Limits) -> list[str]:
    """Return the command that starts a server of this tier."""
    root = os.geteuid() == 0
    python = os.path.realpath(sys.executable)
    prefix = python_prefix()
    boxed = tier == "bubblewrap"
    packages = _packages() if numpy or boxed else {}
    namespaces = tier in ("bubblewrap", "namespaces")
    folder, packages_folder = str(_INSIDE), next((str(p.parent) for p in packages.values()), None)
    paths = [path for path in (*_SYSTEM, *_ETC, *_DEVICES, prefix) if os.path.exists(path)]
    binds: list[tuple[str, str]] = []
    if namespaces:
        readable, packages_folder = ["/usr", "/etc", "/dev", prefix, "/sfr"], "/sfr/packages"
    else:
        folders = {str(path.parent) for path in packages.values()}
        readable = sorted({os.path.realpath(path) for path in (*paths, folder, *folders)})
    if boxed:
        folder = "/sfr/inside"
    elif namespaces:
        binds = [(path, path) for path in paths if not os.path.islink(path)]
        binds += [(folder, "/sfr/inside")]
        binds += [(str(path), f"/sfr/packages/{name}") for name, path in packages.items()]
    settings: dict[str, Any] = {
        "control": control,
        "user": _NOBODY if root and tier != "none" else None,
        "own_flags": _OWN_FLAGS[tier],
        "clone_flags": _PER_PROGRAM if namespaces else 0,
        "landlock": tier != "none" and confine.landlock_abi() > 0,
        "seccomp": tier != "none",
        "own_root": namespaces,
        "binds": binds,
        "links": [(path, os.readlink(path)) for path in _SYSTEM if os.path.islink(path)],
        "readable": readable,
        "packages": packages_folder,
        "contest": contest,
        "numpy": numpy,
        "private_tmp": namespaces,
        "temporary": limits.temporary_bytes,
        "memory": limits.memory_bytes,
        "processes": limits.processes if tier != "none" else None,
    }
    start = _START.format(folder=folder, text=json.dumps(settings))
    words = [python, "-s", "-P", "-S", "-B", "-c", start]
    return [*_bubblewrap(root=root, prefix=prefix, packages=packages), *words] if boxed else words


def _bubblewrap(*, root: bool, prefix: str, packages: Mapping[str, Path]) -> list[str]:
    words = [str(shutil.which("bwrap")), "--unshare-ipc", "--unshare-pid", "--unshare-net"]
    words += ["--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session"]
    words += ["--cap-drop", "ALL"]
    if root:
        # The server itself gives up root: a user namespace made by bubblewrap would map its user to
        # the real root, whose processes the kernel does not count.
        words += ["--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    else:
        words += ["--unshare-user", "--uid", str(_NOBODY), "--gid", str(_NOBODY)]
    for path in _SYSTEM:
        if os.path.islink(path):
            words += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            words += ["--ro-bind", path, path]
    for path in _ETC:
        words += ["--ro-bind-try", path, path]
    if not prefix.startswith("/usr/") and prefix != "/usr":
        for parent in reversed(Path(prefix).parents):
            if parent != Path("/"):  # bubblewrap would make them accessible to their owner only
                words += ["--perms", "0755", "--dir", str(parent)]
        words += ["--ro-bind", prefix, prefix]
    for folder in ("/sfr", "/sfr/packages"):
        words += ["--perms", "0755", "--dir", folder]
    words += ["--ro-bind", str(_INSIDE), "/sfr/inside"]
    for name, source in packages.items():
        words += ["--ro-bind", str(source), f"/sfr/packages/{name}"]
    words += ["--perms", "0755", "--dir", "/tmp", "--proc", "/proc", "--dev", "/dev"]
    words += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"]
    return words


@functools.lru_cache(maxsize=1)
def _packages() -> dict[str, Path]:
    """Return the installed packages from outside the standard library that programs may import."""
    packages: dict[str, Path] = {}
    for name in _PACKAGES:
        top = name.partition(".")[0]
        spec = importlib.util.find_spec(top)
        if spec is not None and spec.origin is not None:
            path = Path(spec.origin).parent.parent / name
            if path.is_dir():
                packages[name] = path
    return packages


def python_prefix() -> str:
    """The folder that the interpreter is installed in, without symbolic links."""
    return os.path.realpath(sys.base_prefix)


def world_readable(folder: str) -> bool:
    """Whether every user can enter and read this folder."""
    path = Path(folder)
    return all(part.stat().st_mode & 0o005 == 0o005 for part in (path, *path.parents))


def physical_cores(available: Sequence[int] | None = None) -> int:
    """Return how many cores this process may use, counting the threads of one core once."""
    cpus = sorted(os.sched_getaffinity(0)) if available is None else available
    siblings = set()
    for cpu in cpus:
        file = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        siblings.add(file.read_text().strip() if file.exists() else str(cpu))
    return max(1, len(siblings))
