"""Talking to OpenAI-compatible servers: one client layer for the sampler and for the judges."""
