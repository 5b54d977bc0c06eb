# Every target does all of its own set-up; nothing has to be activated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where byte code is not kept, each process that a test starts compiles the package again.
RUN := HF_HUB_OFFLINE=$${HF_HUB_OFFLINE:-1} PYTHONDONTWRITEBYTECODE=
# Half of the tests for each worker, in order, so that what a file or folder shares is made once.
TWICE := -n 2 --dist worksteal

.PHONY: demo real check one test slow lint bench docs clean help

help:
	@echo "make demo   train the demo model, sample it with vLLM, write a report (minutes)"
	@echo "make real   a real model (SmolLM2-135M) on NoveltyBench, known answers and more"
	@echo "make check  lint, types, layers, tests that load no model (two minutes)"
	@echo "make one    one test, file or folder: make one T=tests/stats"
	@echo "make test   the test suite, with real vLLM and a wheel"
	@echo "make slow   the rest: kill -9 and Ctrl-C on real runs, program sets, servers"
	@echo "make lint   ruff, mypy and vulture"
	@echo "make bench  all benchmarks into docs/benchmarks.md (an hour; ONLY=sweep,grade)"
	@echo "make docs   the documentation site, strictly built into site/"

demo: $(VENV)/.runtime
	@$(RUN) $(BIN)/sfr-eval demo

# A real model that nobody here trained; SMOLLM2 names its folder, if it is there already.
real: $(VENV)/.dev
	$(RUN) $(BIN)/python scripts/real_results.py runs/real --page docs/results/index.md \
		$(if $(SMOLLM2),--model $(SMOLLM2))

# No engine, no graded program, no browser.
FAST := $(addprefix tests/,stats metrics store suites gate comparison models util security \
	test_layers.py test_mirror.py test_docs.py test_plan.py test_config.py test_temperature.py)
check: lint
	$(RUN) OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWICE) -q -m "not model and not slow and not faults and not gpu" $(FAST)

one: $(VENV)/.dev
	$(RUN) $(BIN)/python -m pytest -x $(T)

test: $(VENV)/.dev
	@scripts/system-packages.sh test
	$(RUN) OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(TWICE) -m "not slow and not faults and not gpu"
	$(RUN) $(BIN)/python -m pytest tests/samplers/test_vllm.py tests/test_wheel.py

# What takes many minutes: kills of real runs, published program sets, servers, two-process training.
slow: $(VENV)/.dev
	$(RUN) $(BIN)/python -m pytest -m "(slow or faults) and not gpu"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/vulture

bench: $(VENV)/.dev
	$(RUN) $(BIN)/python benchmarks/table.py \
		$(if $(ONLY),--only $(ONLY)) $(if $(PEERS),--peers $(PEERS)) $(if $(GRADERS),--graders $(GRADERS)) $(if $(DATA),--data $(DATA)) $(if $(MODEL),--model $(MODEL)) $(if $(FORCE),--force)

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
