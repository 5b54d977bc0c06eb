"""The command `check`: the CI gate."""

import os
from pathlib import Path

import click

from sfr_eval.commands.options import PATH, json_option, output_option
from sfr_eval.errors import UserError
from sfr_eval.util.progress import log, say
from sfr_eval.util.terminal import sentence_lines


@click.command()
@click.option("--baseline", type=PATH, required=True, help="baseline file, JSON")
@click.option("--candidate", type=PATH, help="run folder to decide on, or the folder of a sweep")
@click.option(
    "--write-baseline", type=PATH, metavar="RUN", help="create --baseline from this run and stop"
)
@click.option("--config", type=PATH, help="check.yaml; default: the headline metrics")
@output_option("where check.json goes", default="check.json")
@click.option("--junit", type=PATH, help="JUnit XML file to write")
@click.option("--strict", is_flag=True, help="fail on inconclusive results, too")
@click.option("--fail-exit-code", type=int, default=1, help="exit code of a failed gate")
@json_option
def check(
    baseline: Path,
    candidate: Path | None,
    write_baseline: Path | None,
    config: Path | None,
    output: Path,
    junit: Path | None,
    strict: bool,
    fail_exit_code: int,
    as_json: bool,
) -> int:
    """CI gate: has a candidate got worse than a baseline? Exit code 0, 1, 2 or 3."""
    from sfr_eval.gate import check as gate
    from sfr_eval.gate.files import show_gate, write_gate
    from sfr_eval.store.sweep_folder import expanded

    if write_baseline is not None and candidate is None:
        if (runs := expanded([write_baseline])) != [write_baseline]:
            raise UserError(f"--write-baseline {write_baseline}: a sweep; name one run: {runs[0]}")
        gate.write_baseline(write_baseline, baseline, config=config)
        say(f"baseline: {baseline.resolve()} ({baseline.stat().st_size:,} bytes)")
        return 0
    if candidate is None or write_baseline is not None:
        raise UserError(
            "check: needs --candidate RUN to decide on, or --write-baseline RUN to make one"
        )
    runs = expanded([candidate])
    swept = runs != [candidate]
    exit_codes = []
    for run in runs:
        result = gate.check(
            baseline,
            run,
            config=config,
            strict=strict,
            fail_exit_code=fail_exit_code,
            any_decoder=swept,
        )
        files = [file and _beside(file, run.name if swept else "") for file in (output, junit)]
        write_gate(result, output=files[0] or output, junit=files[1], environment=os.environ)
        for line in show_gate(result, as_json=as_json, environment=os.environ):
            whole = f"{run.name}: {line}" if swept else line
            if as_json or not result.rows:
                log(whole)
                continue
            for part in sentence_lines(whole):
                say(part)
        exit_codes.append(result.exit_code)
    return max(exit_codes)


def _beside(file: Path, decoder: str) -> Path:
    """Return the file of one decoder of a sweep: check-min_p=0.1.json beside check.json."""
    return file.with_name(f"{file.stem}-{decoder}{file.suffix}") if decoder else file
