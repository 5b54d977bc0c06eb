"""Why a completion ended, in the spellings of the servers that speak OpenAI's API."""

from typing import Literal

Ended = Literal["stop", "length", "content_filter", "error", "unknown"]
"""stop: by itself; length: cut at the limit; content_filter: withheld; error: given up."""

_SPELLINGS: dict[Ended, tuple[str, ...]] = {
    "stop": (
        *("stop", "eos", "eos_token", "eos_token_id", "end_turn", "end_of_turn", "end"),
        *("stop_sequence", "stop_token", "stop_string", "stop_str", "stopped", "finish"),
        *("finished", "complete", "completed", "done", "normal", "natural", "end_of_text"),
    ),
    "length": (
        *("length", "max_tokens", "max_token", "max_new_tokens", "max_output_tokens"),
        *("max_length", "max_completion_tokens", "model_length", "context_length", "token_limit"),
        *("model_context_window_exceeded", "context_window_exceeded", "max_tokens_reached"),
        *("max_output_tokens_reached", "incomplete", "truncated", "limit", "length_limit"),
    ),
    "content_filter": (
        *("content_filter", "content_filtered", "content_filter_error", "contentfilter"),
        *("safety", "image_safety", "blocked", "blocklist", "prohibited_content", "spii"),
        *("recitation", "guardrail", "guardrail_intervened", "moderation", "flagged", "refusal"),
        *("sensitive", "content_policy_violation", "violation", "risk_control"),
    ),
    "error": (
        *("error", "abort", "aborted", "cancelled", "canceled", "timeout", "failed", "failure"),
        *("tool_calls", "tool_call", "tool_use", "function_call", "network_error"),
        *("malformed_function_call", "unexpected_tool_call", "malformed_response"),
        *("insufficient_system_resource", "engine_overloaded", "server_error", "internal_error"),
    ),
}
_ENDED = {spelling: ended for ended, spellings in _SPELLINGS.items() for spelling in spellings}


def how_it_ended(reason: str | None) -> Ended:
    """Return what a finish reason means, in whatever case and with whatever prefix it is written
    (`FINISH_REASON_STOP`, `max-tokens`, `FinishReason.SAFETY`)."""
    plain = (reason or "").strip().lower().rpartition(".")[2].replace("-", "_").replace(" ", "_")
    plain = plain.removeprefix("finish_reason_").removeprefix("finishreason_")
    return _ENDED.get(plain, "unknown")
