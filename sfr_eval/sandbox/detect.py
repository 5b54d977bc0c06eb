"""Finds out by trying which isolation this machine offers."""

import functools
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.sandbox.checker import Checker
from sfr_eval.sandbox.host import Host, HostError
from sfr_eval.sandbox.inside import confine
from sfr_eval.sandbox.isolation import Tier, python_prefix, world_readable
from sfr_eval.sandbox.run import run_program
from sfr_eval.sandbox.types import AssertsProblem, Limits, Program

TIERS: tuple[Tier, ...] = ("bubblewrap", "namespaces", "landlock", "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """The isolation in use, as recorded with every result."""

    tier: Tier
    facts: Mapping[str, Any]  # from the server: python, user, capabilities, landlock
    missing: tuple[str, ...] = ()  # why there is no better tier, one line each

    @property
    def line(self) -> str:
        """Return one line for the screen and the report."""
        description = {
            "bubblewrap": "bubblewrap, a namespace and filter for each program",
            "namespaces": "namespaces, Landlock and filter for each program (no bubblewrap)",
            "landlock": "Landlock and filter for each program (no namespaces)",
            "none": "NONE (--unsafe-code): programs can do what you can",
        }[self.tier]
        return f"isolation: {description}"


@functools.lru_cache(maxsize=4)
def detect(*, unsafe: bool = False) -> Isolation:
    """Return the best tier in which a small program runs as it should. If none works, raises
    UserError or, with `unsafe`, falls back to tier `none`."""
    missing: list[str] = []
    for tier in TIERS:
        if tier == "none" and not unsafe:
            break
        reason = _obstacle(tier)
        if not reason:
            try:
                with Host(tier) as host:
                    probe(host)
                    return Isolation(tier=tier, facts=host.facts, missing=tuple(missing))
            except HostError as error:
                reason = str(error)
        missing.append(f"{tier}: {reason}")
    raise UserError(
        "no isolation for model-written code on this machine ("
        + "; ".join(missing)
        + "); Debian: apt-get install bubblewrap, or run without isolation: --unsafe-code"
    )


def probe(host: Host) -> None:
    """Run a small program in a server. Raises HostError unless it passes."""
    problem = AssertsProblem(id="probe", asserts=("assert f(1) == 2",))
    program = Program(id="probe", code="def f(x):\n    return x + 1\n", problem=problem)
    with Checker() as checker:
        verdict = run_program(host, program, mode="faithful", limits=Limits(), checker=checker)
    if not verdict.passed:
        raise HostError(f"a small program ended as {verdict.status} ({verdict.detail})")


def _obstacle(tier: Tier) -> str:
    """Return why a tier cannot work here; "" if it may."""
    if not sys.platform.startswith("linux"):
        return "" if tier == "none" else "not Linux"
    if tier == "bubblewrap" and shutil.which("bwrap") is None:
        return "bubblewrap is not installed"
    prefix = python_prefix()
    if tier in ("bubblewrap", "namespaces") and Path(prefix).is_relative_to("/tmp"):
        return f"Python is in {prefix}, and programs have a /tmp of their own"
    if tier in ("namespaces", "landlock") and confine.landlock_abi() < 1:
        return "the kernel has no Landlock"
    if tier in ("namespaces", "landlock") and os.geteuid() == 0 and not world_readable(prefix):
        return f"root cannot become an ordinary user: {prefix} is not readable by everyone"
    if tier == "landlock" and confine.landlock_abi() < 6:
        return "this kernel's Landlock cannot confine signals (version 6 can)"
    return ""
