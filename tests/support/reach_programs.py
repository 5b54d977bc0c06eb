"""Wrong programs that reach for files and processes of the host without opening a file."""

from tests.support.attack_programs import reaching

_C = "import ctypes\nc = ctypes.CDLL(None, use_errno=True)\n"


def call(*numbers: int, arguments: str) -> str:
    """Returns lines that make one of these system calls and fail unless one of them succeeds."""
    tries = ", ".join(f"c.syscall({number}, {arguments})" for number in numbers)
    return f"{_C}b = ctypes.create_string_buffer(64)\nassert max({tries}) >= 0"


def opened(body: str) -> str:
    """Returns lines that run `body` on a file of the host that may be read."""
    return f"import fcntl, os, struct\nfd = os.open(os.__file__, os.O_RDONLY)\n{body}"


# {private} is a file that the grader's user owns, {folder} its folder, {pid} a process of that
# user, {socket} a datagram socket in the file system.
CHANGES = {
    "mode": reaching("import os\nos.chmod('{private}', 0o6777)"),
    "mode of a folder": reaching("import os\nos.chmod('{folder}', 0o777)"),
    "mode by the raw call": reaching(call(90, 268, arguments="-100, b'{private}', 0o666, 0")),
    "mode by the newest call": reaching(call(452, arguments="-100, b'{private}', 0o4777, 0")),
    "mode by a descriptor": reaching("import posix\n" + opened("posix.fchmod(fd, 0o777)")),
    "owner": reaching("import os\nos.chown('{private}', -1, os.getgid())"),
    "owner of the link": reaching("import os\nos.lchown('{private}', -1, os.getgid())"),
    "times": reaching("import os\nos.utime('{private}', (1, 1))"),
    "times of a descriptor": reaching(opened("os.utime(fd, (1, 1))")),
    "times by the oldest call": reaching(call(132, arguments="b'{private}', 0")),
    "attribute": reaching("import os\nos.setxattr('{private}', 'user.x', b'x')"),
    "attribute removed": reaching("import os\nos.removexattr('{private}', 'user.kept')"),
    "file flags": reaching(call(469, arguments="-100, b'{private}', b, 24, 0")),
    "cut by its path": reaching("import os\nos.truncate('{private}', 0)"),
    "limit of a process": reaching(
        "import resource\nresource.prlimit({pid}, resource.RLIMIT_CPU, (1, 1))"
    ),
    "limit of the parent": reaching(
        "import os, resource\np = os.getppid()\nassert p\n"
        "resource.prlimit(p, resource.RLIMIT_NOFILE, (9, 9))"
    ),
    "cores of a process": reaching("import os\nos.sched_setaffinity({pid}, [0])"),
    "cores of its own": reaching("import os\nos.sched_setaffinity(0, [0])"),
    "disk priority of a process": reaching(call(251, arguments="1, {pid}, 3 << 13")),
    "watches a folder": reaching(_C + "assert c.inotify_init() >= 0 or c.inotify_init1(0) >= 0"),
    "datagram to a path": reaching(
        "import socket\na, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "a.sendto(b'x', '{socket}')"
    ),
    "packets": reaching("import socket\nsocket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)"),
    "stream to a path": reaching(
        "import socket\na, b = socket.socketpair()\na.connect('{socket}')"
    ),
    "signal to a process": reaching("import os\nos.kill({pid}, 19)"),
    "signal by its descriptor": reaching(
        "import fcntl, os\nr, w = os.pipe()\nfcntl.fcntl(r, fcntl.F_SETOWN, {pid})"
    ),
    "session of a process": reaching("import os\nos.setpgid(0, os.getpgid({pid}))"),
    "core handler": reaching(_C + "assert c.prctl(4, 1, 0, 0, 0) == 0"),
    "outlives its server": reaching(_C + "assert c.prctl(1, 0, 0, 0, 0) == 0"),
    "disks": reaching(call(162, 306, arguments="0")),
}

# The first changes something that stays, the second returns the right answer if it sees that.
TRACES = {
    "flags of the folder": (
        "import fcntl, os, struct\ndef f(x):\n    for place in ('/tmp', '.'):\n"
        "        fd = os.open(place, os.O_RDONLY)\n"
        "        fcntl.ioctl(fd, 0x40086602, struct.pack('l', 0x40))\n    return 0",
        "import fcntl, os, struct\ndef f(x):\n    fd = os.open('/tmp', os.O_RDONLY)\n"
        "    flags = fcntl.ioctl(fd, 0x80086601, bytes(8))\n"
        "    return x + 1 if struct.unpack('l', flags)[0] & 0x40 else 0",
    ),
    "write hint of the folder": (
        "import fcntl, os, struct\ndef f(x):\n    fd = os.open('/tmp', os.O_RDONLY)\n"
        "    fcntl.fcntl(fd, 1036, struct.pack('Q', 4))\n    return 0",
        "import fcntl, os, struct\ndef f(x):\n    fd = os.open('/tmp', os.O_RDONLY)\n"
        "    hint = struct.unpack('Q', fcntl.fcntl(fd, 1035, bytes(8)))[0]\n"
        "    return x + 1 if hint == 4 else 0",
    ),
    "write hint of a library": (
        "import fcntl, os, struct\ndef f(x):\n    fd = os.open(os.__file__, os.O_RDONLY)\n"
        "    fcntl.fcntl(fd, 1036, struct.pack('Q', 4))\n    return 0",
        "import fcntl, os, struct\ndef f(x):\n    fd = os.open(os.__file__, os.O_RDONLY)\n"
        "    hint = struct.unpack('Q', fcntl.fcntl(fd, 1035, bytes(8)))[0]\n"
        "    return x + 1 if hint == 4 else 0",
    ),
    "permissions of the folder": (
        "import os\ndef f(x):\n    os.chmod('/tmp', 0o1711)\n    return 0",
        "import os\ndef f(x): return x + 1 if os.stat('/tmp').st_mode & 0o7777 == 0o1711 else 0",
    ),
    "times of the folder": (
        "import os\ndef f(x):\n    os.utime('/tmp', (77, 77))\n    return 0",
        "import os\ndef f(x): return x + 1 if os.stat('/tmp').st_mtime == 77 else 0",
    ),
    "attribute of the folder": (
        "import os\ndef f(x):\n    os.setxattr('/tmp', 'user.x', b'1')\n    return 0",
        "import os\ndef f(x): return x + 1 if os.listxattr('/tmp') else 0",
    ),
}

SIGNALS = {
    f"{who} {number}": f"import posix\ntry: posix.kill({target}, {number})\nexcept OSError: pass\n"
    for who, target in (("group", 0), ("everybody", -1))
    for number in (2, 11, 14, 15, 18, 19, 20, 29, 40, 64)
}
