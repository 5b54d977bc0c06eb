"""pytest tests/samplers/test_transformers.py"""

import json
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer

from sfr_eval.config import RunConfig
from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.prompting import Prompter
from sfr_eval.plan import sample_seed
from sfr_eval.samplers.transformers import SeededDraw, TransformersSampler, filtered, penalised
from sfr_eval.settings import EngineSettings
from sfr_eval.store.run_folder import RunFolder
from sfr_eval.types import Message, Prompt, Request, Sample, Sampling

OFF = Sampling(temperature=1.0)
INF = math.inf


def request(
    number: int, *, question: str = "Tea or coffee?", system: str = "", **sampling: Any
) -> Request:
    messages = (Message("user", question),)
    if system:
        messages = (Message("system", system), *messages)
    prompt = Prompt(suite="toy", query=f"q{question}", persona="", messages=messages)
    fields: dict[str, Any] = {"temperature": 1.0, "max_tokens": 8, **sampling}
    return Request(
        sample_id=f"{number}/{question}/{sampling}",
        prompt=prompt,
        sampling=Sampling(**fields),
        index=number,
        seed=sample_seed(0, suite="toy", prompt=prompt.id, temperature=1.0, index=number),
    )


def open_sampler(folder: Path, *, batch_size: int = 64, **serving: Any) -> TransformersSampler:
    return TransformersSampler(
        resolve(str(folder)),
        prompter=Prompter(AutoTokenizer.from_pretrained(folder), name="tiny"),
        serving=EngineSettings(**serving),
        batch_size=batch_size,
    )


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Two threads on a model of this size wait for each other most of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def sampler(tiny_checkpoint: Path) -> TransformersSampler:
    return open_sampler(tiny_checkpoint, dtype="float32")


def draw(sampler: TransformersSampler, requests: Sequence[Request]) -> dict[str, Sample]:
    rows = list(sampler.sample(requests))
    assert len(rows) == len(requests)
    return {row.sample_id: row for row in rows}


def texts(sampler: TransformersSampler, requests: Sequence[Request]) -> list[str]:
    rows = draw(sampler, requests)
    return [rows[r.sample_id].text for r in requests]


# p = 1/2, 1/4, 1/8, 1/16, 1/16
HALVES = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0]).log()


def kept(**fields: Any) -> list[int]:
    result = filtered(HALVES, replace(OFF, **fields))
    assert torch.equal(result[result > -INF], HALVES[result > -INF])  # none is changed
    return torch.nonzero(result > -INF).flatten().tolist()


@pytest.mark.parametrize(
    ("fields", "tokens"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"top_k": 0}, [0, 1, 2, 3, 4]),  # 0 is off
        ({"top_k": 1}, [0]),
        ({"top_k": 3}, [0, 1, 2]),
        ({"top_k": 4}, [0, 1, 2, 3, 4]),  # a tie at the edge keeps both
        ({"top_k": 99}, [0, 1, 2, 3, 4]),
        ({"top_p": 1.0}, [0, 1, 2, 3, 4]),
        ({"top_p": 0.01}, [0]),  # never empty
        ({"top_p": 0.49}, [0]),
        ({"top_p": 0.51}, [0, 1]),  # the token that crosses the line is in
        ({"top_p": 0.74}, [0, 1]),
        ({"top_p": 0.76}, [0, 1, 2]),
        ({"min_p": 0.0}, [0, 1, 2, 3, 4]),
        ({"min_p": 0.24}, [0, 1, 2]),  # at least 0.24 * 1/2 = 0.12: 1/2, 1/4, 1/8
        ({"min_p": 0.26}, [0, 1]),
        ({"min_p": 1.0}, [0]),
        # top_k first: over the kept {1/2, 1/4} the first has 2/3, so 0.6 ends there, while over
        # all it has 1/2 and 0.6 would take the second too.
        ({"top_k": 2, "top_p": 0.6}, [0]),
        ({"min_p": 0.4, "top_p": 0.6}, [0]),
    ],
    ids=str,
)
def test_filters_keep_exactly_these_tokens(fields: dict[str, Any], tokens: list[int]) -> None:
    assert kept(**fields) == tokens


def test_filters_do_not_ask_for_sorted_logits() -> None:
    order = [3, 0, 4, 2, 1]
    result = filtered(HALVES[order], replace(OFF, top_p=0.76))
    assert sorted(order[i] for i in torch.nonzero(result > -INF).flatten().tolist()) == [0, 1, 2]


def test_penalties_by_hand() -> None:
    logits = torch.tensor([2.0, -2.0, 1.0, 0.5])
    prompt, output = torch.tensor([0]), torch.tensor([1, 2, 2])

    def after(**fields: float) -> list[float]:
        result: list[float] = penalised(
            logits, replace(OFF, **fields), prompt=prompt, output=output
        ).tolist()
        return result

    assert after() == [2.0, -2.0, 1.0, 0.5]
    # Repetition: seen in prompt or output; positive ones are divided, negative ones multiplied.
    assert after(repetition_penalty=2.0) == [1.0, -4.0, 0.5, 0.5]
    # Presence: once for each token of the output, not of the prompt.
    assert after(presence_penalty=0.5) == [2.0, -2.5, 0.5, 0.5]
    # Frequency: as often as it was said.
    assert after(frequency_penalty=0.5) == [2.0, -2.5, 0.0, 0.5]
    assert logits.tolist() == [2.0, -2.0, 1.0, 0.5]  # and the model's own are left alone


def test_penalties_do_not_see_the_padding() -> None:
    # Row 0 is padded with token 3 on the left; its prompt is token 0 alone.
    requests = [request(0, repetition_penalty=1e6, temperature=0.0)]
    process = SeededDraw(requests, prompt_mask=torch.tensor([[0, 0, 1]]))
    scores = torch.tensor([[0.9, 0.0, 0.0, 0.8]])
    drawn = process(torch.tensor([[3, 3, 0]]), scores)
    assert drawn.argmax().item() == 3


def test_a_draw_leaves_one_token_and_follows_the_probabilities() -> None:
    rows = [request(number) for number in range(4000)]
    process = SeededDraw(rows, prompt_mask=torch.ones(4000, 1))
    scores = process(torch.zeros(4000, 1, dtype=torch.long), HALVES.expand(4000, -1))
    assert (scores > -INF).sum(-1).eq(1).all()
    shares = torch.bincount(scores.argmax(-1), minlength=5) / 4000
    # 4 standard errors of a share of 1/2 among 4,000: 0.032
    assert torch.allclose(shares, HALVES.softmax(-1), atol=0.032)


def test_each_row_draws_with_its_own_seed_and_temperature() -> None:
    rows = [request(0), request(0), request(0, temperature=0.0), request(0, temperature=1e-3)]
    process = SeededDraw(rows, prompt_mask=torch.ones(4, 1))
    ids = torch.zeros(4, 1, dtype=torch.long)
    drawn = [process(ids, torch.zeros(4, 1000)).argmax(-1).tolist() for _ in range(20)]
    assert all(first == second for first, second, _, _ in drawn)  # one seed, one stream
    assert len({first for first, _, _, _ in drawn}) > 15  # a stream, not one number
    peaked = torch.zeros(4, 1000)
    peaked[:, 77] = 0.1
    assert process(ids, peaked).argmax(-1).tolist()[2:] == [77, 77]


def test_two_runs_are_equal(sampler: TransformersSampler, tiny_checkpoint: Path) -> None:
    rows = [request(number) for number in range(8)]
    first = draw(sampler, rows)
    assert draw(sampler, rows) == first
    again = open_sampler(tiny_checkpoint, dtype="float32")
    torch.manual_seed(12345)  # no global stream has a say
    assert draw(again, rows) == first
    again.close()
    again.close()


def test_a_sample_does_not_depend_on_its_batch(tiny_checkpoint: Path) -> None:
    """In float32 on a CPU: alone, in other company, longer and shorter neighbours."""
    rows = [
        request(number, question=question)
        for number in range(4)
        for question in ("Tea?", "Tea or coffee, and with which kind of cake would you have it?")
    ]
    together = draw(open_sampler(tiny_checkpoint, dtype="float32"), rows)
    small = open_sampler(tiny_checkpoint, dtype="float32", batch_size=3)
    assert draw(small, random.Random(0).sample(rows, len(rows))) == together
    assert draw(small, rows[3:4]) == {rows[3].sample_id: together[rows[3].sample_id]}


def test_the_first_token_varies_over_seeds(sampler: TransformersSampler) -> None:
    """Row 12: nanochat drew the first token once and copied it into all rows. The model is close
    to uniform over 600 tokens: 64 equal first tokens have a chance of about 600 to the -63."""
    firsts = texts(sampler, [request(number, max_tokens=1) for number in range(64)])
    assert len(set(firsts)) > 40


def test_one_seed_for_all_would_be_seen(sampler: TransformersSampler) -> None:
    stuck = [replace(request(number), seed=42) for number in range(8)]
    assert len(set(texts(sampler, stuck))) == 1


def test_transformers_own_top_k_of_50_never_applies(sampler: TransformersSampler) -> None:
    """Row 1: 50 distinct first tokens in 4,000 draws, where the model has hundreds."""
    firsts = texts(sampler, [request(number, max_tokens=1) for number in range(600)])
    assert len(set(firsts)) > 150
    asked = texts(sampler, [request(number, max_tokens=1, top_k=5) for number in range(100)])
    assert len(set(asked)) == 5


@pytest.mark.parametrize("filters", [{"top_k": 1}, {"min_p": 1.0}, {"top_p": 1e-6}], ids=str)
def test_a_filter_that_leaves_one_token_is_greedy(
    sampler: TransformersSampler, filters: dict[str, Any]
) -> None:
    (greedy,) = set(texts(sampler, [request(0, temperature=0.0)]))
    assert set(texts(sampler, [request(number, **filters) for number in range(8)])) == {greedy}


def test_a_repetition_penalty_keeps_tokens_from_coming_back(sampler: TransformersSampler) -> None:
    def repeated(**fields: Any) -> int:
        rows = texts(sampler, [request(n, max_tokens=40, top_k=20, **fields) for n in range(8)])
        return sum(len(text.split()) - len(set(text.split())) for text in rows)

    assert repeated(repetition_penalty=5.0) < repeated()
    assert repeated(frequency_penalty=2.0, presence_penalty=2.0) < repeated()


HOSTILE = {
    "do_sample": True,
    "temperature": 0.01,
    "top_k": 1,
    "top_p": 0.01,
    "min_p": 0.9,
    "repetition_penalty": 9.0,
    "no_repeat_ngram_size": 1,
    "suppress_tokens": list(range(100, 400)),
    "begin_suppress_tokens": list(range(400, 500)),
    "bad_words_ids": [[number] for number in range(500, 550)],
    "forced_eos_token_id": 1,
    "min_new_tokens": 7,
    "max_new_tokens": 2,
    "num_beams": 3,
    "length_penalty": 5.0,
    "renormalize_logits": True,
    "penalty_alpha": 0.6,
}


def test_a_hostile_generation_config_changes_nothing(
    sampler: TransformersSampler, checkpoint: Path
) -> None:
    """Row 2: told nothing but T = 1, transformers' generate gave 1 distinct text of 4,000."""
    rows = [request(number) for number in range(32)]
    honest = draw(sampler, rows)
    own = json.loads((checkpoint / "generation_config.json").read_text())
    (checkpoint / "generation_config.json").write_text(json.dumps({**own, **HOSTILE}))
    assert draw(open_sampler(checkpoint, dtype="float32"), rows) == honest
    assert len({row.text for row in honest.values()}) == 32


def test_end_tokens_of_checkpoint_and_tokenizer_end_a_turn(
    sampler: TransformersSampler, checkpoint: Path
) -> None:
    """The one thing that generation_config may say, as vLLM takes it: Llama 3 ends turns so."""
    rows = [request(number, max_tokens=24) for number in range(16)]
    honest = draw(sampler, rows)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    ends = [tokenizer.eos_token_id, *range(300, 600)]
    file = checkpoint / "generation_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "eos_token_id": ends}))
    ended = draw(open_sampler(checkpoint, dtype="float32"), rows)
    # Half of the tokens end it: 24 in a row without one have a chance of 2 to the -24.
    assert Counter(row.status for row in ended.values()) == {"ok": 16}
    assert Counter(row.status for row in honest.values())["truncated"] > 10
    for id, row in ended.items():
        assert row.completion_tokens < 24
        assert len(row.text) <= len(honest[id].text)


def test_a_cut_answer_is_truncated_and_a_finished_one_is_ok(sampler: TransformersSampler) -> None:
    rows = draw(sampler, [request(number, max_tokens=400) for number in range(32)])
    found = Counter(row.status for row in rows.values())
    # The end token has a chance of about 1/600 a step: 400 steps end in it with about 1/2.
    assert set(found) == {"ok", "truncated"}
    for row in rows.values():
        assert (row.completion_tokens == 400) >= (row.status == "truncated")
        assert "<|im_end|>" not in row.text
    assert {row.completion_tokens < 400 for row in rows.values() if row.status == "ok"} == {True}


def test_the_cap_is_each_request_s_own(sampler: TransformersSampler) -> None:
    rows = draw(sampler, [request(number, max_tokens=3 + number % 2) for number in range(20)])
    cut = [row for row in rows.values() if row.status == "truncated"]
    assert len(cut) > 10
    assert all(row.completion_tokens == 3 + row.index % 2 for row in cut)


def test_a_stop_string_ends_the_text_in_any_batch(
    sampler: TransformersSampler,
) -> None:
    rows = [request(number, max_tokens=60, stop=("e", "Q")) for number in range(12)]
    together = draw(sampler, rows)
    stopped = [row for row in together.values() if row.status == "ok"]
    assert len(stopped) > 6
    assert all("e" not in row.text and "Q" not in row.text for row in together.values())
    free = draw(sampler, [replace(r, sampling=replace(r.sampling, stop=())) for r in rows])
    for id, row in together.items():
        assert free[id].text.startswith(row.text)  # the same draw, cut
        assert draw(sampler, [r for r in rows if r.sample_id == id]) == {id: row}


def test_a_prompt_beyond_the_window_is_an_error_row_alone(
    tiny_checkpoint: Path,
) -> None:
    small = open_sampler(tiny_checkpoint, dtype="float32", max_model_len=40)
    rows = draw(small, [request(0), request(1, question="tea " * 60), request(2)])
    by_index = {row.index: row for row in rows.values()}
    assert by_index[1].status == "error"
    assert by_index[1].text == ""
    assert "window 40" in by_index[1].error
    assert by_index[0].text
    assert by_index[2].text


def test_a_long_neighbour_does_not_cut_a_short_prompt_s_answer(tiny_checkpoint: Path) -> None:
    """The window ends an answer at its own prompt's length, not at that of the longest beside."""
    short = request(0, question="Tea?", max_tokens=20)
    long = request(1, question="Tea or coffee? " * 3, max_tokens=20)
    prompter = Prompter(AutoTokenizer.from_pretrained(tiny_checkpoint), name="tiny")
    window = len(prompter.token_ids(long.prompt.messages)) + 5
    small = open_sampler(tiny_checkpoint, dtype="float32", max_model_len=window)
    alone = draw(small, [short])[short.sample_id]
    assert alone.completion_tokens == 20
    together = draw(small, [long, short])
    assert together[short.sample_id] == alone
    cut = together[long.sample_id]
    assert (cut.status, cut.prompt_tokens + cut.completion_tokens) == (
        "truncated",
        window,
    )


def test_it_says_what_it_is(sampler: TransformersSampler) -> None:
    facts = sampler.describe()
    assert (facts["engine"], facts["dtype"]) == ("transformers", "float32")
    assert len(facts["template"]) == 16


def test_a_run_of_a_checkpoint_resumes_and_is_sealed(
    checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sfr_eval.pipeline import run as module

    monkeypatch.setattr(module, "measure_and_report", lambda *_, **__: tmp_path)
    config = RunConfig(
        model=str(checkpoint),
        suite=("persona",),
        engine="transformers",
        personas=("pirate", "butler"),
        limit=1,
        samples=2,
        temperatures=(0.7, 1.0),
        max_tokens=4,
        output=tmp_path / "run",
    )
    assert module.execute(config).exit_code == 0
    rows = RunFolder(tmp_path / "run").sealed_samples()
    assert len(rows) == len({row.text for row in rows}) == 8
    assert module.execute(config.model_copy(update={"samples": 3})).exit_code == 0
    more = RunFolder(tmp_path / "run").sealed_samples()
    assert [row for row in more if row.index < 2] == rows
    # The same path with other weights is another model (row 17).
    weights = bytearray((checkpoint / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (checkpoint / "model.safetensors").write_bytes(bytes(weights))
    with pytest.raises(ValueError, match=r"another plan \(model: sha256"):
        module.execute(config)
