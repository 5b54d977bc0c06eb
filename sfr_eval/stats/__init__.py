"""Statistics: values per prompt in, an Estimate with an interval out."""
