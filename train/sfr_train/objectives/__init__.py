"""Training objectives by name, with one sentence each."""

OBJECTIVES = {"ce": "next-token cross-entropy (TRL's own loss)"}
