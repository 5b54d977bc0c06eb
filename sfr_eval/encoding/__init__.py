"""The parts of the sentence encoder: its files, its cache, how it computes, how long texts fit."""
