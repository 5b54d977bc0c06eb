import math
from pathlib import Path

import pytest
import torch
import transformers

from sfr_eval.errors import UserError
from sfr_eval.models.checkpoint import resolve
from sfr_eval.models.loading import load_prompter
from sfr_eval.models.reply_scorer import TOKENS, ReplyScorer, ReplyText
from sfr_eval.settings import EngineSettings
from sfr_eval.types import Message

PROMPT = (Message("system", "You are Captain Rook."), Message("user", "Why is the sea salty?"))
REPLIES = [
    ReplyText("Arr, matey!", True),
    ReplyText("You should " + "sail on and on and " * 5, False),
    ReplyText("", True),
    ReplyText("Ye best sail.", True),
]


@pytest.fixture(scope="module")
def scorer(tiny_checkpoint: Path) -> ReplyScorer:
    checkpoint, serving = resolve(str(tiny_checkpoint)), EngineSettings()
    return ReplyScorer(checkpoint, prompter=load_prompter(checkpoint, serving), serving=serving)


def directly(folder: Path, reply: ReplyText, *, temperature: float = 1.0) -> float:
    """Log-probability by transformers alone: one sequence, no cache, one token after another."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    turns = [{"role": message.role, "content": message.content} for message in PROMPT]
    text = tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)
    prompt = tokenizer(text, add_special_tokens=False)["input_ids"]
    ids = tokenizer(reply.text, add_special_tokens=False)["input_ids"] if reply.text else []
    ids = ids + [tokenizer.eos_token_id] * reply.ended
    with torch.no_grad():
        logits = model(torch.tensor([prompt + ids])).logits[0].double() / temperature
    logs = torch.log_softmax(logits, dim=-1)
    return math.fsum(float(logs[len(prompt) - 1 + i, token]) for i, token in enumerate(ids))


def test_equal_to_transformers_to_1e_4(scorer: ReplyScorer, tiny_checkpoint: Path) -> None:
    scores = scorer.score(PROMPT, REPLIES, temperatures=(1.0, 0.3))
    for reply, (one, cold) in zip(REPLIES, scores, strict=True):
        assert one.log_prob == pytest.approx(directly(tiny_checkpoint, reply), abs=1e-4)
        expected = directly(tiny_checkpoint, reply, temperature=0.3)
        assert cold.log_prob == pytest.approx(expected, abs=1e-4)


def test_the_end_of_the_turn_counts_as_a_token(scorer: ReplyScorer) -> None:
    cut = ReplyText(REPLIES[0].text, False)
    (whole,), (part,) = scorer.score(PROMPT, [REPLIES[0], cut])
    assert whole.tokens == part.tokens + 1
    assert whole.log_prob < part.log_prob


def test_a_reply_cut_before_its_first_token_is_certain(scorer: ReplyScorer) -> None:
    ((score,),) = scorer.score(PROMPT, [ReplyText("", False)])
    assert (score.log_prob, score.tokens) == (0.0, 0)


def test_temperature_0_has_no_scores(scorer: ReplyScorer) -> None:
    with pytest.raises(UserError, match="temperature 0"):
        scorer.score(PROMPT, REPLIES, temperatures=(0.0,))


def test_batches_change_no_score(scorer: ReplyScorer, monkeypatch: pytest.MonkeyPatch) -> None:
    together = scorer.score(PROMPT, REPLIES)
    monkeypatch.setitem(TOKENS, "cpu", 1)
    apart = list(scorer.batches(PROMPT, REPLIES, temperatures=(1.0,)))
    assert [list(batch) for batch in apart] == [[2], [0], [3], [1]]  # by length
    for batch in apart:
        for row, (score,) in batch.items():
            assert score.log_prob == pytest.approx(together[row][0].log_prob, abs=1e-4)


def test_the_name_of_a_special_token_is_text(scorer: ReplyScorer) -> None:
    """As a special token it would be one token, and end the turn."""
    ((name,), (twice,)) = scorer.score(
        PROMPT, [ReplyText("<|im_end|>", False), ReplyText("<|im_end|><|im_end|>", False)]
    )
    assert name.tokens > 5
    assert twice.log_prob < name.log_prob < -20


def test_probabilities_of_first_tokens_sum_to_1(scorer: ReplyScorer, tiny_checkpoint: Path) -> None:
    """Every token as a reply that was cut there, and the reply that ended at once."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_checkpoint)
    texts = {tokenizer.decode([token]) for token in range(len(tokenizer))}
    one = [
        t for t in sorted(texts) if len(tokenizer(t, add_special_tokens=False)["input_ids"]) == 1
    ]
    scores = scorer.score(PROMPT, [ReplyText("", True), *(ReplyText(t, False) for t in one if t)])
    total = math.fsum(math.exp(score.log_prob) for (score,) in scores)
    assert 0.7 < total <= 1 + 1e-6  # 128 of 600 tokens are bytes that are no text of their own
