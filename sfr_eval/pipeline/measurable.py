"""Whether what a suite or the command line asks for can be measured, known before anything is
drawn."""

from collections.abc import Sequence

from sfr_eval.config import TeacherSettings
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.embeddings.locate import need
from sfr_eval.errors import UserError
from sfr_eval.metrics.families import NEED_CHECKPOINT, NEED_NO_ENCODER, load_family
from sfr_eval.models.checkpoint import resolve_teacher
from sfr_eval.settings import ScoreSettings
from sfr_eval.suites.suite import Suite
from sfr_eval.util.assets import cache_folder

_READ_NO_EMBEDDINGS = NEED_CHECKPOINT | {"code", "math", "judge"}


def check_suite_metrics(settings: ScoreSettings, suites: Sequence[Suite]) -> None:
    """Raise UserError for a metric family that a suite names and that does not exist, unless
    --metrics names others in its place."""
    if settings.metrics is not None:
        return
    for suite in suites:
        for family in suite.spec.metrics:
            load_family(family, where=f"{suite.folder / 'suite.yaml'}: metrics:")


def check_encoder(settings: ScoreSettings, suites: Sequence[Suite]) -> None:
    """Raise UserError if a family needs the sentence encoder and it is not to be had. Loads no
    weights."""
    named = settings.metrics or tuple(name for suite in suites for name in suite.spec.metrics)
    if not set(named) - NEED_NO_ENCODER - _READ_NO_EMBEDDINGS:
        return
    encoder = Encoder(settings.encoder, cache_folder())
    _ = encoder.source
    if settings.encoder_backend != "onnx":
        need("sentence_transformers", encoder.name)


def check_teacher(settings: TeacherSettings, suites: Sequence[Suite]) -> None:
    """Raise UserError for a teacher suite without a teacher, for a teacher that nobody asks, and
    for one without weights. Reads no weights."""
    teacher = settings.teacher
    wanted = [suite.id for suite in suites if suite.has_teacher]
    if wanted and teacher is None:
        raise UserError(
            f"--suite {wanted[0]}: needs --teacher MODEL, the frozen model whose replies are the "
            "reference"
        )
    if teacher is not None:
        if not wanted:
            raise UserError(f"--teacher {teacher}: belongs to --suite teacher")
        resolve_teacher(teacher)
