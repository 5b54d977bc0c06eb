"""A run's replies as chats that `sfr-eval train` reads (`data.file`)."""

from pathlib import Path

from sfr_eval.formats.write.source import ExportSource
from sfr_eval.formats.write.tables import jsonl
from sfr_eval.suites.stored import require_stored_suites
from sfr_eval.suites.teacher.chats import teacher_chats
from sfr_eval.util.files import write_atomic
from sfr_eval.util.progress import log


def write(source: ExportSource, output: Path) -> list[Path]:
    """Write chats_<suite>.jsonl for each suite. Logs how many replies were left out."""
    output.mkdir(parents=True, exist_ok=True)
    files = []
    for suite in require_stored_suites(source.folder.path, source.manifest):
        replies = [sample for sample in source.samples if sample.suite == suite.id]
        chats = list(teacher_chats(suite, replies))
        if left_out := len(replies) - len(chats):
            log(
                f"chats_{suite.id}.jsonl: {left_out:,} of {len(replies):,} replies are cut off or "
                "empty and left out; a higher --max-tokens lets more of them end"
            )
        file = output / f"chats_{suite.id}.jsonl"
        write_atomic(file, jsonl(chats))
        files.append(file)
    return files
