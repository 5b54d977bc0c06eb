"""Counts a program's threads where no user namespace does.

RLIMIT_NPROC counts all processes of a user. Without a namespace of its own, a program that starts
threads up to that limit leaves none to its neighbours. So the kernel asks the server about every
new thread (seccomp's user notifications), and the server looks at how many the asking program has.
"""

import errno
import fcntl
import os
import struct

from . import confine, root
from .filters import Filter

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
CONTROLS = (_RECEIVE, _SEND)
"""What the server's own filter has to let ioctl do."""
_REQUEST_BYTES = 80
_GO_ON = 1


class Threads:
    """The server's side: every thread that one of its children wants to start waits for `answer`.
    Whoever does not serve closes `fd`."""

    def __init__(self, asks: Filter, *, most: int) -> None:
        self._most = most
        self.fd = confine.listen_seccomp(asks)

    def answer(self) -> None:
        """Answer the next request. One whose process has ended meanwhile needs no answer."""
        request = bytearray(_REQUEST_BYTES)
        try:
            fcntl.ioctl(self.fd, _RECEIVE, request)
            number, thread = struct.unpack_from("<QI", request)
            answer = (0, _GO_ON) if _threads_beside(thread) < self._most else (-errno.EAGAIN, 0)
            fcntl.ioctl(self.fd, _SEND, struct.pack("<QqiI", number, 0, *answer))
        except OSError as error:
            if error.errno != errno.ENOENT:
                raise


def _threads_beside(thread: int) -> int:
    """Return how many threads the process of a thread has. As in every folder's number of links,
    each of its subfolders counts, and so do "." and "..": reading their names takes longer."""
    return os.stat(f"{thread}/task", dir_fd=root.proc()).st_nlink - 2
