"""What config.json says of a model before its weights are read: whether it continues text, and how
long its window is."""

from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, brief_error
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.fingerprint import read_json_object

_OTHER_TASKS = {
    "ForMaskedLM": "fills in masked words",
    "ForPreTraining": "fills in masked words",
    "ForSequenceClassification": "classifies texts",
    "ForTokenClassification": "classifies tokens",
    "ForQuestionAnswering": "marks answers in a text",
    "ForMultipleChoice": "chooses among answers",
    "ForNextSentencePrediction": "says whether one sentence follows another",
    "Model": "has no head that predicts tokens",
}
"""Ends of architectures that do not continue text."""

_LENGTHS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "max_seq_length",
    "max_sequence_length",
)
_STRETCHES = ("linear", "dynamic")  # rope types whose factor is not yet in the length


def check_continues_text(checkpoint: Checkpoint) -> None:
    """Raise UserError for a model of which config.json says that it does not continue text: T5,
    BERT, a classifier, a model without its head."""
    folder = _config_folder(checkpoint)
    if folder is None or not (folder / "config.json").is_file():
        return
    config = read_json_object(folder / "config.json")
    names = config.get("architectures") or [config.get("model_type") or "this model"]
    name = str(names[0]) if isinstance(names, list) else str(names)
    only = "only decoders that continue text can be sampled (...ForCausalLM)"
    if config.get("is_encoder_decoder") is True:
        raise UserError(f"--model {checkpoint.name}: {name} is an encoder-decoder; {only}")
    own_code = config.get("auto_map")
    if isinstance(own_code, dict) and "AutoModelForCausalLM" in own_code:
        return
    for end, does in _OTHER_TASKS.items():
        if name.endswith(end) and not name.endswith(("LMHeadModel", "HeadsModel")):
            raise UserError(f"--model {checkpoint.name}: {name} {does}; {only}")


def load_config(checkpoint: Checkpoint, *, trust_remote_code: bool) -> Any:
    """Return transformers' config of a checkpoint; None for a model type that it does not know.
    Raises UserError if it knows the type and refuses the values."""
    from transformers import AutoConfig
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    folder = _config_folder(checkpoint)
    raw = read_json_object(folder / "config.json") if folder is not None else {}
    kind = raw.get("model_type")
    known = isinstance(kind, str) and kind in CONFIG_MAPPING
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=trust_remote_code)
        # How attention and experts are computed is ours to choose: a name in the file could make
        # transformers fetch a kernel, which is code.
        config._attn_implementation = config._experts_implementation = None
    except Exception as error:  # noqa: BLE001 (values of any type reach code that expects one)
        if not known:
            return None
        raise UserError(
            f"--model {checkpoint.name}: config.json: transformers refuses it "
            f"({brief_error(error)}); copy it again"
        ) from None
    return config


def loads_in_transformers(checkpoint: Checkpoint, *, trust_remote_code: bool) -> bool:
    """Return whether transformers has a model that continues text for this config."""
    from transformers import AutoModelForCausalLM

    config = load_config(checkpoint, trust_remote_code=trust_remote_code)
    if config is None:
        return False
    own_code = getattr(config, "auto_map", None) or {}
    if trust_remote_code and "AutoModelForCausalLM" in own_code:
        return True
    return type(config) in AutoModelForCausalLM._model_mapping


def window_of(config: Any) -> int | None:
    """Return how many tokens, prompt and reply together, a config has room for; None if any number
    is possible, as with state-space models, or if it does not say."""
    if config is None:
        return None
    text = config.get_text_config()
    lengths = [getattr(text, name, None) for name in _LENGTHS]
    known = [length for length in lengths if isinstance(length, int) and length > 0]
    if not known:
        return None
    rope = getattr(text, "rope_parameters", None) or getattr(text, "rope_scaling", None) or {}
    parts = [rope, *(part for part in rope.values() if isinstance(part, dict))]
    factors = [
        float(part.get("factor") or 1.0)
        for part in parts
        if part.get("rope_type", part.get("type")) in _STRETCHES
    ]
    return int(known[0] * max(factors, default=1.0))


def window(checkpoint: Checkpoint, *, trust_remote_code: bool) -> int | None:
    """Return the window of a checkpoint; see `window_of`."""
    return window_of(load_config(checkpoint, trust_remote_code=trust_remote_code))


def _config_folder(checkpoint: Checkpoint) -> Path | None:
    return (checkpoint.base or checkpoint).folder
