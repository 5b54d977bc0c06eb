# Every target does all of its own set-up; nothing has to be activated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN := HF_HUB_OFFLINE=$${HF_HUB_OFFLINE:-1}

.PHONY: demo test faults lint bench docs clean help

help:
	@echo "make demo   train the demo model, sample it with vLLM, write a report (minutes)"
	@echo "make test   the whole test suite"
	@echo "make faults kill -9 and Ctrl-C on real runs"
	@echo "make lint   ruff and mypy"
	@echo "make bench  a run beside a bare vLLM generate"
	@echo "make docs   the documentation site, strictly built into site/"

demo: $(VENV)/.runtime
	$(RUN) $(BIN)/sfr-eval demo

test: $(VENV)/.dev
	$(RUN) $(BIN)/python -m pytest -m "not faults"

# Kills real runs with real vLLM. Not green yet: the engine outlives a driver that got SIGKILL.
faults: $(VENV)/.dev
	$(RUN) $(BIN)/python -m pytest -m faults

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(RUN) $(BIN)/python benchmarks/run_overhead.py

docs: $(VENV)/.dev
	$(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache

# torch's CPU build: a local file where pip finds one, else PyTorch's own CPU wheel index.
$(VENV)/.runtime: requirements/cpu.txt pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@scripts/system-packages.sh
	@scripts/install.sh $(BIN)/python requirements/cpu.txt
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements/dev.txt
	@scripts/install.sh $(BIN)/python requirements/dev.txt
	@touch $@
