"""Sentence embeddings: encoder, backends, chunks of long texts, cache."""
