"""pytest tests/samplers/test_engine_args.py"""

from pathlib import Path
from typing import Any

import pytest

from sfr_eval.config import load_run_config
from sfr_eval.errors import UserError
from sfr_eval.samplers.engine_args import _HARMLESS, _names, check_engine_args, identifying
from sfr_eval.samplers.subject import resolve_subject
from sfr_eval.samplers.vllm import engine_arguments
from sfr_eval.suites.suite import load_suite


def test_names_are_read_without_importing_vllm() -> None:
    import dataclasses

    names = _names()
    assert {"model", "quantization", "kv_cache_dtype", "max_num_seqs", "enforce_eager"} <= names
    arg_utils = pytest.importorskip("vllm.engine.arg_utils")
    assert names == {field.name for field in dataclasses.fields(arg_utils.EngineArgs)}


def test_those_that_can_change_answers_identify_a_run() -> None:
    given = {"quantization": "fp8", "max_num_seqs": 8, "hf_overrides": {}, "enforce_eager": True}
    assert identifying(given) == {"quantization": "fp8", "hf_overrides": {}}
    assert "load_format" not in _HARMLESS  # `dummy` has random weights


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("quantisation", "did you mean `quantization`"),
        ("max_num_seq", "did you mean `max_num_seqs`"),
        ("xyzzy", "see the fields of vLLM's EngineArgs"),
        ("generation_config", "no default of the checkpoint"),
        ("tensor_parallel_size", "use --tensor-parallel"),
        ("data_parallel_size", "use --replicas"),
        ("data_parallel_backend", "use --replicas"),
        ("dtype", "use --dtype"),
        ("seed", "use --seed"),
        ("hf_token", "HF_TOKEN"),
        ("logits_processors", "no longer be those of the model"),
    ],
)
def test_a_wrong_or_reserved_name_is_one_line(name: str, says: str) -> None:
    with pytest.raises(UserError, match="--engine-args") as error:
        check_engine_args({name: 1})
    assert says in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def subject_of(model: str, **settings: Any) -> Any:
    values = {"model": model, "suite": ("persona",), **settings}
    return resolve_subject(load_run_config(values, environment={}), [load_suite("persona")])


def test_arguments_reach_the_engine_and_the_identity(tiny_checkpoint: Path) -> None:
    args = "kv_cache_dtype=fp8,max_num_seqs=8"
    subject = subject_of(str(tiny_checkpoint), engine="vllm", engine_args=args)
    assert subject.identity["engine_args"] == {"kv_cache_dtype": "fp8"}
    assert subject.determinism == "statistical"
    built = engine_arguments(subject.checkpoint, subject.config.serving, longest_request=64)
    assert (built["kv_cache_dtype"], built["max_num_seqs"]) == ("fp8", 8)
    harmless = subject_of(str(tiny_checkpoint), engine="vllm", engine_args={"max_num_seqs": 8})
    assert "engine_args" not in harmless.identity
    assert subject.config.flat()["engine_args"] == {"kv_cache_dtype": "fp8", "max_num_seqs": 8}


@pytest.mark.parametrize(("model", "engine"), [("world", "world"), ("", "transformers")])
def test_other_engines_have_no_such_arguments(
    model: str, engine: str, tiny_checkpoint: Path
) -> None:
    with pytest.raises(UserError, match=f"are those of vLLM; --engine {engine} has none"):
        subject_of(model or str(tiny_checkpoint), engine=engine, engine_args="max_num_seqs=8")


def test_a_server_has_no_such_arguments() -> None:
    with pytest.raises(UserError, match="--engine openai has none"):
        subject_of("m", base_url=("http://a/v1",), engine_args="max_num_seqs=8")
