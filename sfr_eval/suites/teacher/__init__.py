"""A frozen language model as the reference distribution: what its scores say of a reply."""
