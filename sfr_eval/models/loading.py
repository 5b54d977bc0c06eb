"""Loads the tokenizer and the weights of a checkpoint."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sfr_eval.errors import UserError, brief_error
from sfr_eval.models.architecture import load_config
from sfr_eval.models.checkpoint import Checkpoint
from sfr_eval.models.prompting import Prompter, Rendering
from sfr_eval.models.templates import own_template, read_template, reads_clock, template_hash
from sfr_eval.settings import EngineSettings

_TOKENIZERS = (
    *("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spm.model", "spiece.model"),
    *("sentencepiece.bpe.model", "tekken.json", "tokenizer.model.v3"),
)
_ENDINGS = ("*.tiktoken", "tokenization_*.py")  # of models with a tokenizer of their own


def load_tokenizer(checkpoint: Checkpoint, *, trust_remote_code: bool) -> Any:
    """Load the tokenizer of a checkpoint; an adapter without one uses that of its base model."""
    from transformers import AutoTokenizer

    folder = tokenizer_folder(checkpoint)
    if not has_tokenizer(folder):
        raise UserError(
            f"--model {checkpoint.name}: no tokenizer in {folder}; copy tokenizer.json and "
            "tokenizer_config.json there"
        )
    try:
        return AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    except Exception as error:  # noqa: BLE001 (files of any content; tokenizers panics on some)
        reason = brief_error(error)
        raise UserError(
            f"--model {checkpoint.name}: its tokenizer cannot be read ({reason}); copy the "
            "tokenizer files again"
        ) from None


def tokenizer_folder(checkpoint: Checkpoint) -> Path | None:
    """Return the folder whose tokenizer a checkpoint uses: its own, or that of its base."""
    if checkpoint.base is not None and not has_tokenizer(checkpoint.folder):
        return checkpoint.base.folder
    return checkpoint.folder


def load_prompter(checkpoint: Checkpoint, serving: EngineSettings) -> Prompter:
    """Load the tokenizer with the chat template that the settings ask for."""
    return Prompter(
        load_tokenizer(checkpoint, trust_remote_code=serving.trust_remote_code),
        name=checkpoint.name,
        rendering=Rendering(
            template=read_template(serving.chat_template) if serving.chat_template else None,
            variables=serving.chat_template_kwargs or {},
            date=serving.template_date,
            format=serving.prompt_format or "chat",
            system_role=serving.system_role,
        ),
    )


def prompt_identity(checkpoint: Checkpoint, serving: EngineSettings) -> Mapping[str, Any]:
    """Return what identifies how this checkpoint's prompts become text.

    A template that equals the tokenizer's own is that one, wherever it was read. What is not in use
    is absent: ids of runs that do without stay what they were. Loads no tokenizer.
    """
    if serving.prompt_format == "completion":
        for name in ("chat_template", "chat_template_kwargs"):
            if getattr(serving, name):
                option = name.replace("_", "-")
                raise UserError(f"--{option}: --prompt-format completion has no chat template")
        return {"chat_template": "none", "prompt_format": "completion"}
    folder = tokenizer_folder(checkpoint)
    own = own_template(folder) if folder is not None else None
    given = own if serving.chat_template is None else read_template(serving.chat_template)
    identity: dict[str, Any] = {"chat_template": "tokenizer"}
    if given is not None and (own is None or template_hash(given) != template_hash(own)):
        identity["chat_template"] = template_hash(given)
    if serving.chat_template_kwargs:
        identity["chat_template_kwargs"] = serving.chat_template_kwargs
    if given is not None and reads_clock(given):
        identity["template_date"] = serving.template_date
    return identity


def has_tokenizer(folder: Path | None) -> bool:
    """Return whether this folder holds a tokenizer."""
    if folder is None:
        return False
    names = [*_TOKENIZERS, *(file.name for end in _ENDINGS for file in folder.glob(end))]
    return any((folder / name).is_file() for name in names)


def load_model(checkpoint: Checkpoint, *, dtype: str, trust_remote_code: bool) -> Any:
    """Load the causal language model of a checkpoint, with its adapter applied."""
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    served = checkpoint.base or checkpoint
    config = load_config(served, trust_remote_code=trust_remote_code)
    try:
        model, loaded = AutoModelForCausalLM.from_pretrained(
            served.folder,
            config=config,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            output_loading_info=True,
        )
        if checkpoint.base is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, str(checkpoint.folder))
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise UserError(
            f"--model {checkpoint.name}: transformers cannot load it ({reason[:300]})"
        ) from None
    if missing := sorted(loaded["missing_keys"]):  # it would fill them with random numbers
        shown = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        raise UserError(
            f"--model {checkpoint.name}: its files lack {len(missing)} of the model's weights "
            f"({shown}); copy or save it again"
        )
    return model


def end_ids(model: Any, tokenizer: Any) -> list[int]:
    """Return the tokens that end a turn, the tokenizer's and the checkpoint's, as vLLM does."""
    ids = {tokenizer.eos_token_id}
    declared = getattr(model.generation_config, "eos_token_id", None)
    ids.update(declared if isinstance(declared, list) else [declared])
    return sorted(token for token in ids if token is not None)
