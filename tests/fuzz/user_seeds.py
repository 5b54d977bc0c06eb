"""The files that people write or label themselves, each as somebody could have."""

from tests.fuzz.seeds import Lines

PAIRS = Lines(
    [
        {"a": "It is red.", "b": "It is blue.", "same": False, "prompt": "What colour?"},
        {"a": "It is red.", "b": "Red it is.", "same": True, "prompt": "What colour?"},
        {"a": "Yes.", "b": "Yes!", "same": True, "model": "m"},
    ]
)
CLASSES = Lines(
    [
        {"prompt": "What colour?", "text": text, "class": klass, "model": "m"}
        for text, klass in (("Red.", 1), ("It is red.", 1), ("Blue.", "b"), ("Green.", 3))
    ]
)
PARTITIONS = Lines(
    [
        {"prompt": f"What colour {n}?", "generations": ["Red.", "Blue.", "It is red."],
         "partition": [0, 1, 0], "model": "m"}
        for n in range(2)
    ]
)  # fmt: skip
JUDGE_LABELS = Lines(
    [
        {"axis": "rel", "question": "What colour?", "reply": "Red.", "good": True},
        {"axis": "rel", "question": "What colour?", "reply": "No.", "good": False},
        {"axis": "ctx", "question": "Who are you?", "persona": "A pirate.", "reply": "Arr.",
         "good": True},
    ]
)  # fmt: skip
JUDGE_CALIBRATION = {
    "format": 1, "judge": "j@h", "votes": 1, "labels": "file labels.jsonl",
    "axes": {"rel": {"rubric": "r", "positives": [18, 20], "negatives": [15, 20]}},
    "report": {"a": 1},
}  # fmt: skip
CHATS = Lines(
    [
        {"messages": [{"role": "system", "content": "Be brief."},
                      {"role": "user", "content": "Why?"},
                      {"role": "assistant", "content": "So."}]},
        {"prompt": "What colour?", "completion": "Red."},
        {"prompt": [{"role": "user", "content": "Who?"}],
         "completion": [{"role": "assistant", "content": "I."}],
         "chat_template_kwargs": {"enable_thinking": False}},
    ]
)  # fmt: skip
TOOL_CHATS = Lines(
    [
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
         "messages": [{"role": "user", "content": "Now."},
                      {"role": "assistant", "content": None, "tool_calls": [
                          {"type": "function", "function": {"name": "f", "arguments": {"a": 1}}}]},
                      {"role": "tool", "content": "1"},
                      {"role": "assistant", "content": "One."}]},
        {"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "So."}]},
    ]
)  # fmt: skip
