"""Rows to train on: chat files, data sets of the Hub, and text from the synthetic benchmark."""
