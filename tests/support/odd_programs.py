"""Honest programs that look at themselves or their surroundings, as standard input programs."""

# name: (code, input). Each prints what `python -I program.py` prints.
ODD = {
    "threads": (
        "import threading\nevent = threading.Event()\n"
        "threads = [threading.Thread(target=event.wait) for _ in range(100)]\n"
        "for t in threads: t.start()\nprint(threading.active_count())\nevent.set()\n"
        "for t in threads: t.join()",
        "",
    ),
    "own file": ("print(open(__file__).read()[:4])", ""),
    "own name": ("import os, sys\nprint(os.path.basename(__file__), sys.argv, __name__)", ""),
    "own absolute name": ("import os\nprint(os.path.isabs(__file__))", ""),
    "own source": (
        "import inspect\ndef f(x):\n    return x  # a comment\nprint(inspect.getsource(f))",
        "",
    ),
    "own lines in a traceback": (
        "import traceback\ndef f():\n    raise ValueError(1)\ntry: f()\n"
        "except ValueError: print(traceback.format_exc().splitlines()[-2:])",
        "",
    ),
    "names of streams": (
        "import sys\nfor s in (sys.stdin, sys.stdout, sys.stderr):\n"
        "    print(s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.write_through)\n"
        "    print(s.buffer.name, s.buffer.mode, s.buffer.raw.name, s.buffer.raw.closefd)\n"
        "    print(type(s).__name__, type(s.buffer).__name__, repr(s))",
        "",
    ),
    "descriptors of streams": (
        "import sys\nfor s in (sys.stdin, sys.stdout):\n"
        "    print(s.fileno(), s.isatty(), s.readable(), s.writable(), s.seekable())",
        "x",
    ),
    "line ends": ("import sys\nprint(ascii(sys.stdin.read()))", "a\r\nb\rc\n"),
    "lines with carriage returns": ("print(ascii([input(), input()]))", "a\r\nb\r\n"),
    "raw bytes": ("import os\nprint(os.read(0, 100))", "a\r\nb"),
    "descriptor opened": ("print(open(0).read())", "a\nb"),
    "stream replaced": (
        "import io, sys\nsys.stdin = io.TextIOWrapper(sys.stdin.buffer, encoding='utf-8')\n"
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, write_through=True)\nprint(input())",
        "é\n",
    ),
    "reconfigured": (
        "import sys\nsys.stdout.reconfigure(line_buffering=True)\nprint(sys.stdout.line_buffering)",
        "",
    ),
    "default recursion limit": ("import sys\nprint(sys.getrecursionlimit())", ""),
    "recursion limit set": (
        "import sys\nsys.setrecursionlimit(12345)\nprint(sys.getrecursionlimit())\n"
        "sys.setrecursionlimit(2**31 - 1)\nprint(sys.getrecursionlimit())",
        "",
    ),
    "recursion limit refused": (
        "import sys\nfor bad in (0, -1, 2**31, 'x', None, 1.5):\n"
        "    try: sys.setrecursionlimit(bad)\n"
        "    except Exception as e: print(type(e).__name__)",
        "",
    ),
    "depth": (
        "def f(n):\n    try: return f(n + 1)\n    except RecursionError: return n\nprint(f(1))",
        "",
    ),
    "module of its own": (
        "import sys, __main__\nprint(__main__.__dict__ is globals(), __main__.__spec__)",
        "",
    ),
    "pickled class": (
        "import pickle\nclass A:\n    def __init__(self, x): self.x = x\n"
        "print(pickle.loads(pickle.dumps(A(3))).x, A.__module__)",
        "",
    ),
    "file of its own": (
        "import os\nwith open('notes.txt', 'w') as f: f.write('kept')\n"
        "print(open('notes.txt').read(), os.path.getsize('notes.txt'))\nos.remove('notes.txt')",
        "",
    ),
    "temporary file": (
        "import tempfile\nwith tempfile.TemporaryFile('w+') as f:\n    f.write('x'); f.seek(0)\n"
        "    print(f.read())\nwith tempfile.TemporaryDirectory() as d: print(len(d) > 0)",
        "",
    ),
    "file copied": (
        "import os, shutil\nshutil.copy2(__file__, 'copy.py')\nprint(os.path.exists('copy.py'))\n"
        "os.remove('copy.py')",
        "",
    ),
    "memory map": (
        "import mmap\nm = mmap.mmap(-1, 4096)\nm[:3] = b'abc'\nprint(m[:3])",
        "",
    ),
    "mapped input": ("import sys, io\nprint(io.BytesIO(sys.stdin.buffer.read()).read(2))", "abc"),
    "asyncio": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    return 3\n"
        "print(asyncio.run(f()))",
        "",
    ),
    "executor of threads": (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor() as e: print(sum(e.map(lambda x: x * x, range(50))))",
        "",
    ),
    "signals": (
        "import os, signal\nseen = []\nsignal.signal(signal.SIGUSR1, lambda *a: seen.append(1))\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\nos.kill(0, signal.SIGUSR1)\nprint(len(seen))",
        "",
    ),
    "timer": (
        "import signal, time\ndone = []\nsignal.signal(signal.SIGALRM, lambda *a: done.append(1))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.01)\nsignal.pause()\nprint(done)",
        "",
    ),
    "limits of its own": (
        "import resource\nsoft, hard = resource.getrlimit(resource.RLIMIT_STACK)\n"
        "resource.setrlimit(resource.RLIMIT_STACK, (soft, hard))\nprint(soft > 0)",
        "",
    ),
    "exit by text": ("import sys\nprint(1)\nsys.exit()", ""),
    "flush at exit": ("import atexit\natexit.register(print, 'last')\nprint('first')", ""),
    "byte order mark": ("\ufeffprint('x')", ""),
    "coding line": ("# -*- coding: latin-1 -*-\nprint(len('é'))", ""),
    "future import": (
        "from __future__ import annotations\ndef f(x: Y): pass\nprint(f.__annotations__)",
        "",
    ),
    "frames": ("import sys\nprint(sys._getframe().f_code.co_name, sys._getframe().f_lineno)", ""),
    "select": ("import select\nprint(len(select.select([0], [], [], 1)[0]))", "x"),
    "environment": ("import os\nprint(os.environ.get('NO_SUCH', 'none'), os.sep)", ""),
}
