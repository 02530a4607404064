# Two commands for a fresh machine with Python 3.11+ and make: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The stamp is renewed when what is to be installed changes.
STAMP := $(VENV)/.installed
# RecBole, which kgrec is measured against, has an environment of its own.
PEERS := experiments/peers/.venv
PEERS_PYTHON ?= $(PYTHON)
WORKERS ?= 2
FUZZ_SECONDS ?= 60
DAMAGES ?= 400

.PHONY: demo test test-web docs format bench peers fuzz clean help

help:
	@echo "make demo    install, then train and show recommendations on the embedded films"
	@echo "make test    install, then run format, lint, type, layer, doc, notebook and unit tests"
	@echo "make test-web  install, then run the tests of the web page, in Chromium"
	@echo "make format  format the code"
	@echo "make docs    build the manual: build/docs/index.html"
	@echo "make fuzz    read damaged files for FUZZ_SECONDS (60), see fuzz/"
	@echo "make bench   measure again what the README's tables say"
	@echo "make peers   install RecBole in $(PEERS), for experiments/bench_recbole.py"

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("kgrec needs Python 3.11 or newer, found " + sys.version.split()[0] + "; call make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

demo: $(STAMP)
	$(BIN)/kgrec demo

test: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@# The notebooks take longest, each in one piece: first, so that no worker is left with one.
	HF_HUB_OFFLINE=1 $(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --nbmake --nbmake-timeout=240 notebooks tests kgrec

test-web: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/pytest tests/serving/test_page_files.py tests/serving/test_page_in_browser.py

docs: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/sphinx-build -E -W --keep-going -q docs build/docs
	@echo "The manual: build/docs/index.html"

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev,bench]"
	$(BIN)/python experiments/run_all.py

peers: $(PEERS)/.installed

$(PEERS)/.installed: experiments/peers/constraints.txt
	@$(PEERS_PYTHON) -c 'import sys; sys.exit("RecBole 1.2.1 needs Python 3.11 (its ray has no wheels for others), found " + sys.version.split()[0] + "; call make peers PEERS_PYTHON=python3.11" if sys.version_info[:2] != (3, 11) else 0)'
	test -x $(PEERS)/bin/python || $(PEERS_PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -c experiments/peers/constraints.txt recbole==1.2.1
	$(PEERS)/bin/python experiments/peers/recbole_worker.py --versions
	@touch $@

fuzz: $(STAMP)
	HF_HUB_OFFLINE=1 $(BIN)/python fuzz/fuzz_readers.py --seconds $(FUZZ_SECONDS)
	HF_HUB_OFFLINE=1 $(BIN)/python fuzz/fuzz_files.py --seconds $(FUZZ_SECONDS)
	HF_HUB_OFFLINE=1 $(BIN)/python fuzz/damage.py --tries $(DAMAGES)

clean:
	rm -rf $(VENV) $(PEERS) demo-out runs build dist
