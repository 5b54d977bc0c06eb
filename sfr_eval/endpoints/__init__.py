"""OpenAI-compatible servers: addresses, limits, retries."""
