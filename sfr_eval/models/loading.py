"""Loads the tokenizer and the weights of a checkpoint."""

from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.prompting import Prompter
from sfr_eval.settings import EngineSettings


def load_tokenizer(checkpoint: Checkpoint, *, trust_remote_code: bool) -> Any:
    """Load the tokenizer of a checkpoint; an adapter without one uses that of its base model."""
    from transformers import AutoTokenizer

    folder = checkpoint.folder
    if checkpoint.base is not None and not has_tokenizer(folder):
        folder = checkpoint.base.folder
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"--model {checkpoint.name}: no usable tokenizer ({reason})") from None


def load_prompter(checkpoint: Checkpoint, serving: EngineSettings) -> Prompter:
    """Load the tokenizer with the chat template that the settings ask for."""
    return Prompter(
        load_tokenizer(checkpoint, trust_remote_code=serving.trust_remote_code),
        name=checkpoint.name,
        system_role=serving.system_role,
        chat_template=serving.chat_template,
    )


def has_tokenizer(folder: Path | None) -> bool:
    """Return whether this folder holds a tokenizer."""
    return folder is not None and any(
        (folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "vocab.json")
    )


def load_model(checkpoint: Checkpoint, *, dtype: str, trust_remote_code: bool) -> Any:
    """Load the causal language model of a checkpoint, with its adapter applied."""
    from transformers import AutoModelForCausalLM

    served = checkpoint.base or checkpoint
    try:
        model = AutoModelForCausalLM.from_pretrained(
            served.folder, dtype=dtype, trust_remote_code=trust_remote_code
        )
        if checkpoint.base is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(checkpoint.folder))
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"--model {checkpoint.name}: transformers cannot load it ({reason})"
        ) from None
    return model
