"""EvalPlus: a function called on many inputs, right is what the reference returns."""
