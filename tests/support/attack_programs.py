"""Wrong programs that try to pass, to stay, or to do harm."""

RIGHT = "def f(x):\n    return x + 1"
WRONG = "\ndef f(x):\n    return 0"

# f is right only behind a successful attack, which therefore shows as a pass.
ON_SUCCESS = "\ndef f(x):\n    return x + 1"


def reaching(what: str) -> str:
    """Returns a program that is right only if `what` raises nothing."""
    body = "\n".join("    " + line for line in what.splitlines())
    return (
        f"def attempt():\n{body}\ntry:\n    attempt()\n    ok = 1\n"
        "except BaseException:\n    ok = 0\ndef f(x):\n    return x + 1 if ok else 0"
    )


# Name -> a program for the problem f(x) = x + 1.
ATTACKS = {
    "always equal": "class E:\n    def __eq__(self, o): return True\ndef f(x):\n    return E()",
    "always equal int": "class E(int):\n    def __eq__(self, o): return True\n"
    "    __hash__ = int.__hash__\ndef f(x):\n    return E(0)",
    "not-different object": "class E(float):\n    __eq__ = lambda s, o: True\n"
    "    __ne__ = lambda s, o: False\ndef f(x):\n    return E('nan')",
    "own exit code of the keeper": "import os\ndef f(x): os._exit(70)",
    "other exit code of the keeper": "import os\nos._exit(71)",
    "sys.exit": "import sys\ndef f(x): sys.exit(0)",
    "os._exit": "import os\ndef f(x): os._exit(0)",
    "exit at top": "import os\nos._exit(0)",
    "forged records": "import os, json\ndef f(x):\n    for fd in range(3, 64):\n        try:\n"
    "            b = json.dumps({'t': 1, 'ok': True, 'passed': True}).encode()\n"
    "            os.write(fd, len(b).to_bytes(4, 'little') + b)\n        except OSError: pass\n"
    "    os._exit(0)",
    "huge frame": "import os\ndef f(x):\n    for fd in range(3, 64):\n        try:\n"
    "            os.write(fd, b'\\xff\\xff\\xff\\x7f' + b'x' * 100)\n"
    "        except OSError: pass\n    return 0",
    "no JSON": "import os\ndef f(x):\n    for fd in range(3, 64):\n        try:\n"
    "            os.write(fd, (200000).to_bytes(4, 'little') + b'[' * 200000)\n"
    "        except OSError: pass\n    return 0",
    "encoder replaced": "import sys\nfor m in list(sys.modules.values()):\n"
    "    for n in ('encode', 'write_json', 'outputs_equal', 'texts_equal'):\n"
    "        if hasattr(m, n):\n            try: setattr(m, n, lambda *a: True)\n"
    "            except Exception: pass" + WRONG,
    "builtins replaced": "import builtins\nbuiltins.len = lambda *a: 0\n"
    "builtins.all = lambda *a: True\nbuiltins.zip = lambda *a, **k: []\n"
    "builtins.isinstance = lambda *a: True" + WRONG,
    "kill the parent": reaching(
        "import os\nos.kill(os.getppid() or 1, 9)\nassert os.getppid() != 1"
    ),
    "kill everything": "import os\ntry: os.kill(-1, 9)\nexcept OSError: pass" + WRONG,
    "parent memory": reaching("import os\nopen(f'/proc/{os.getppid()}/mem', 'r+b')"),
    "environment of process 1": reaching("assert open('/proc/1/environ').read()"),
    "command line of process 1": reaching("assert open('/proc/1/cmdline').read()"),
    "host file written": reaching("import _io\n_io.FileIO('{marker}', 'w').write(b'x')"),
    "private file read": reaching("open('{private}').read()"),
    "private folder listed": reaching("import os\nassert os.listdir('/root') or 1"),
    "interpreter changed": reaching("import os\nopen(os.__file__, 'a')"),
    "own source changed": reaching("import sys\nopen(sys.modules['inside'].__file__, 'a')"),
    "written outside tmp": reaching("open('/usr/x', 'w')"),
    "written to dev": reaching("open('/dev/shm/x', 'w')"),
    "socket": reaching("import socket\nsocket.socket()"),
    "unix socket": reaching("import socket\nsocket.socket(socket.AF_UNIX)"),
    "host port": reaching("import socket\nsocket.create_connection(('127.0.0.1', {port}))"),
    "shell": reaching("import os\nassert os.system('true') == 0"),
    "posix.system": reaching("import posix\nassert posix.system('true') == 0"),
    "execv": "import os\nos.execv('/bin/true', ['true'])" + ON_SUCCESS,
    "subprocess": reaching("import subprocess\nsubprocess.run(['true'], check=True)"),
    "fork": reaching("import os\nif os.fork() == 0: os._exit(0)"),
    "ctypes fork that sleeps": reaching(
        "import ctypes, time\np = ctypes.CDLL(None).fork()\nassert p >= 0\n"
        "if p == 0: time.sleep(100)"
    ),
    "raw clone": reaching(
        "import ctypes\nassert ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0) >= 0"
    ),
    "fork bomb": "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass",
    "thread bomb": "import threading, time\nwhile True:\n    try:\n"
    "        threading.Thread(target=time.sleep, args=(99,)).start()\n    except Exception: pass",
    "user namespace": reaching("import ctypes\nassert ctypes.CDLL(None).unshare(0x10000000) == 0"),
    "mount": reaching(
        "import ctypes\nassert ctypes.CDLL(None).mount(b'x', b'/tmp', b'tmpfs', 0, 0) == 0"
    ),
    "ptrace": reaching("import ctypes\nassert ctypes.CDLL(None).ptrace(0, 0, 0, 0) == 0"),
    "set user id": reaching("import os\nos.setuid(0)\nassert os.getuid() == 0"),
    "limits raised": reaching(
        "import resource\nr = resource.RLIMIT_AS\nresource.setrlimit(r, (-1, -1))"
    ),
    "signals blocked": "import signal\n"
    "signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\nwhile True: pass",
    "signals ignored": "import signal\nfor s in range(1, 65):\n"
    "    try: signal.signal(s, signal.SIG_IGN)\n    except Exception: pass\nwhile True: pass",
    "regex in C": "import re\nre.match('(a+)+$', 'a' * 60 + 'b')" + WRONG,
    "swallowed exceptions": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "300 MB printed": "print('x' * 300_000_000)" + WRONG,
    "printed for ever": "while True: print('x' * 1_000_000)",
    "300 MB returned": "def f(x): return 'x' * 300_000_000",
    "6 GB": "x = bytearray(6 * 2**30)" + ON_SUCCESS,
    "6 GB in parts": "x = []\nfor i in range(60):\n    x.append(bytearray(100 * 2**20))"
    + ON_SUCCESS,
    "temporary files": reaching(
        "for i in range(1000):\n    open(f'/tmp/{{i}}', 'wb').write(bytes(2**20))"
    ),
    "a million files": reaching("for i in range(100000): open(f'/tmp/{{i}}', 'w')"),
    "thread outlives main": "import threading, time\ndef g():\n    time.sleep(1000)\n"
    "threading.Thread(target=g).start()" + WRONG,
    "stdout closed": "import os\nos.closerange(0, 64)" + WRONG,
    "dies by a signal": "import os, signal\ndef f(x): signal.raise_signal(signal.SIGKILL)",
    "segmentation fault": "import ctypes\nctypes.string_at(0)" + WRONG,
    "deep nesting": "def f(x):\n    a = []\n    for i in range(100000): a = [a]\n    return a",
    "cycle": "def f(x):\n    a = []\n    a.append(a)\n    return a",
    "deep syntax": "x = " + "(" * 5000 + ")" * 5000 + WRONG,
    "colliding set": "def f(x): return {{i * (2**61 - 1) for i in range(3000)}}",
    "stack overflow": "import sys\nsys.setrecursionlimit(10**9)\ndef f(x): return max([x], key=f)",
    "memory without a mapping": reaching(
        "import ctypes\nassert ctypes.CDLL(None).memfd_create(b'x', 0) >= 0"
    ),
    "many open files": "x = []\ntry:\n    while True: x.append(open('/dev/null'))\n"
    "except OSError: pass" + WRONG,
    "many pipes": "import os\nx = []\ntry:\n    while True: x.append(os.pipe())\n"
    "except OSError: pass" + WRONG,
    "locked memory": reaching(
        "import ctypes, mmap\nm = mmap.mmap(-1, 2**28)\nassert ctypes.CDLL(None).mlockall(3) == 0"
    ),
    "sleeps at exit": "import atexit, time\natexit.register(time.sleep, 1000)" + WRONG,
    "exits in a thread": "import os, threading\ndef f(x):\n"
    "    threading.Thread(target=os._exit, args=(0,)).start()\n    while True: pass",
    "daemon that answers": "import os, threading, time\ndef g():\n    while True:\n"
    "        for fd in range(3, 32):\n            try: os.write(fd, b'\\x05\\0\\0\\0[[]] ')\n"
    "            except OSError: pass\n"
    "threading.Thread(target=g, daemon=True).start()\ntime.sleep(.1)" + WRONG.replace("0", "1"),
    "exception that is everything": "class E(BaseException):\n    __eq__ = lambda s, o: True\n"
    "def f(x): raise E",
    "keyboard interrupt": "def f(x): raise KeyboardInterrupt",
    "generator exit at top": "raise GeneratorExit",
    "no reply": "def f(x):\n    import sys\n    sys._getframe(1).f_globals.clear()\n    return 0",
    "frames emptied": "import sys\ndef f(x):\n    frame = sys._getframe()\n    while frame:\n"
    "        for name in list(frame.f_globals):\n"
    "            if name != '__builtins__': frame.f_globals[name] = lambda *a, **k: True\n"
    "        frame = frame.f_back\n    return 0",
    "trace function": "import sys\ndef t(frame, event, arg):\n    for key in frame.f_locals:\n"
    "        if key in ('reply', 'right', 'ok'): frame.f_locals[key] = {'v': True}\n    return t\n"
    "sys.settrace(t)" + WRONG,
    "import replaced": "import builtins\nbuiltins.__import__ = lambda *a, **k: None" + WRONG,
    "marshal replaced": "import marshal, json\nmarshal.loads = json.loads = lambda *a: []" + WRONG,
    "no alarm": "import signal\nsignal.alarm = signal.setitimer = lambda *a: 0\n"
    "signal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass",
    "alarm for others": "import signal, os\nsignal.signal(signal.SIGTERM, lambda *a: None)\n"
    "def f(x):\n    os.kill(0, signal.SIGTERM)\n    return 0",
    "type that lies": "class M(type):\n    __module__ = 'decimal'\n    __mro__ = (int, object)\n"
    "    __name__ = 'Decimal'\nclass E(metaclass=M):\n    __eq__ = lambda s, o: True\n"
    "    __str__ = lambda s: 'NaN'\ndef f(x): return E()",
    "list that lies": "class L(list):\n    __len__ = lambda s: 0\n    __eq__ = lambda s, o: True\n"
    "    __iter__ = lambda s: iter(())\ndef f(x): return L([L([])])",
    "infinite answer": "def f(x):\n    while True: yield 1",
    "huge integer": "def f(x): return 1 << 10**8",
    "huge decimal": "from decimal import Decimal\ndef f(x): return Decimal('1e999999')",
    "surrogates": "def f(x): return '\\ud800' * 9",
    "namespace of the server": reaching(
        "import os, ctypes\nfd = os.open('/proc/self/ns/user', 0)\n"
        "assert ctypes.CDLL(None).setns(fd, 0) == 0"
    ),
    "map of users": reaching("open('/proc/self/uid_map', 'w').write('0 0 1')"),
    "priority raised": reaching("import os\nos.setpriority(0, 0, -5)"),
    "new root": reaching("import os\nos.chroot('/tmp')"),
    "set-id program": reaching(
        "import os\nopen('/tmp/x', 'w').close()\nos.chmod('/tmp/x', 0o4755)\n"
        "os.execv('/tmp/x', ['x'])"
    ),
    "device made": reaching("import os\nos.mknod('/tmp/x', 0o20666, 259)"),
    "kernel log": reaching(
        "import ctypes\nb = ctypes.create_string_buffer(99)\n"
        "assert ctypes.CDLL(None).klogctl(3, b, 99) >= 0"
    ),
    "clock set": reaching("import time\ntime.clock_settime(time.CLOCK_REALTIME, 0)"),
    "host name": reaching("import socket\nsocket.sethostname('x')"),
    "attribute left": reaching("import os\nos.setxattr('/tmp', 'user.x', b'x')"),
    "hostile repr": "class E(Exception):\n    def __repr__(s): raise s\n    __str__ = __repr__\n"
    "def f(x): raise E",
}
