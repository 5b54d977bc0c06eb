"""Whether what a suite or the command line asks for can be measured, known before anything is
drawn."""

import importlib.util
from collections.abc import Sequence

from sfr_eval.config import TeacherSettings
from sfr_eval.embeddings.encoder import Encoder
from sfr_eval.embeddings.locate import need
from sfr_eval.errors import UserError
from sfr_eval.metrics.families import NEED_CHECKPOINT, NEED_NO_ENCODER, load_family
from sfr_eval.models.checkpoint import Checkpoint, resolve_teacher
from sfr_eval.models.loading import load_prompter, tokenizer_folder
from sfr_eval.models.templates import own_template, variables
from sfr_eval.settings import EngineSettings, ScoreSettings
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


def needs_encoder(settings: ScoreSettings, suites: Sequence[Suite]) -> bool:
    """Return whether a family reads embeddings."""
    named = settings.metrics or tuple(name for suite in suites for name in suite.spec.metrics)
    return bool(set(named) - NEED_NO_ENCODER - _READ_NO_EMBEDDINGS)


def check_encoder(settings: ScoreSettings, suites: Sequence[Suite]) -> None:
    """Raise UserError if a family needs the sentence encoder and it is not to be had. Loads no
    weights."""
    if not needs_encoder(settings, suites):
        return
    encoder = Encoder(settings.encoder, cache_folder())
    _ = encoder.source
    if settings.encoder_backend != "onnx":
        need("sentence_transformers", encoder.name)


def check_teacher(
    settings: TeacherSettings, suites: Sequence[Suite], *, serving: EngineSettings
) -> None:
    """Raise UserError for a teacher suite without a teacher, for a teacher that nobody asks, for
    one without weights, and for one that cannot read the cards. Reads no weights."""
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
        checkpoint = resolve_teacher(teacher)
        folder = tokenizer_folder(checkpoint)
        if folder is None or own_template(folder) is None:
            raise UserError(
                f"--teacher {teacher}: its tokenizer has no chat template, as base models have "
                "none; give an instruct model"
            )
        try:
            prompter = load_prompter(checkpoint, teacher_serving(serving, checkpoint))
            for suite in suites:
                for persona in suite.cards if suite.has_teacher else ():
                    prompter.token_ids(suite.under_card(next(iter(suite.queries)), persona))
        except UserError as error:
            reason = str(error).replace("--model", "--teacher", 1).partition(";")[0]
            raise UserError(
                f"{reason}; a teacher heeds --system-role and --chat-template-kwargs"
            ) from None


def teacher_serving(serving: EngineSettings, checkpoint: Checkpoint) -> EngineSettings:
    """Return how the teacher of a run is served: here, with its own template, by the student's
    engine if that loads weights. Thinking is off where the template has `enable_thinking`, unless
    the settings say otherwise."""
    engine = serving.engine
    if engine not in ("vllm", "transformers"):
        engine = "vllm" if importlib.util.find_spec("vllm") is not None else "transformers"
    folder = tokenizer_folder(checkpoint)
    template = own_template(folder) if folder is not None else None
    switches = variables(template) if template is not None else None
    given = serving.chat_template_kwargs or {}
    if "enable_thinking" in (switches or ()):
        given = {"enable_thinking": False, **given}
    return EngineSettings(
        engine=engine,
        dtype=serving.dtype,
        gpu_memory_utilization=serving.gpu_memory_utilization,
        system_role=serving.system_role,
        chat_template_kwargs=given or None,
        template_date=serving.template_date,
        tensor_parallel=serving.tensor_parallel,
    )
