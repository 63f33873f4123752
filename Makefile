# `make demo`: the main job on a real genome, offline. `make test`: everything that must hold.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Where torch comes from; empty: the CPU build where no NVIDIA driver is found, as far as it can be had.
TORCH_INDEX ?=
# Set for the lowest declared versions.
LOWEST ?=
CONSTRAINTS := $(if $(LOWEST),$(VENV)/constraints.txt,constraints.txt)
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS)
TORCH_INSTALL := $(BIN)/python studies/install_torch.py $(CONSTRAINTS) --index "$(TORCH_INDEX)"

SPELLED := hnet_seq modalities pipelines tests benchmarks studies website docs configs findings examples \
	README.md CONTRIBUTING.md CHANGELOG.md CITATION.cff Makefile pyproject.toml

.PHONY: demo docs sanitize test lint style types format wheel clean test-lowest test-python tests-only
.DELETE_ON_ERROR:

$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(LOWEST),$(BIN)/python studies/lowest_versions.py > $(CONSTRAINTS))
	@echo "Installing torch and the packages of constraints.txt into $(VENV): minutes, over 1 GB."
	$(TORCH_INSTALL)
	$(PIP_INSTALL) -e .
	touch $@

COMMA := ,
# transformers, and PEFT with it, needs newer packages than the lowest that we declare; tests of these
# and of TensorBoard are skipped there.
EXTRAS := $(if $(LOWEST),dev,dev$(COMMA)peft$(COMMA)tensorboard)
$(VENV)/.installed-dev: $(VENV)/.installed
	$(PIP_INSTALL) -e '.[$(EXTRAS)]'
	touch $@

# Snakemake and linters of the workflows, apart: their packages and ours want others of each other.
# Where they cannot be had, what runs them is skipped, and the next `make` tries again.
$(VENV)/workflows/.installed: examples/workflows/requirements.txt | $(VENV)/.installed
	{ test -x $(@D)/bin/python || $(BIN)/python -m venv --without-pip $(@D); } && \
	$(BIN)/python -m pip --python $(@D)/bin/python install --quiet --disable-pip-version-check \
		--no-compile --retries 2 -r $< && touch $@ || \
	echo "Tests of workflows are skipped: packages of $< could not be installed."

demo: $(VENV)/.installed
	PATH="$(CURDIR)/$(BIN):$$PATH" ./examples/demo.sh runs/demo

# Processes of tests: each takes up to 2 GB, and a core three quarters of the time.
WORKERS ?= 2
# PYTHONUTF8: what is read and written is the same under any locale. Compiled files are kept, whatever
# the shell says: without them each process compiles all anew, for 15 seconds.
PYTEST := PYTHONUTF8=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal --durations 20 \
	$(if $(LOWEST),-W default)

# mypy takes a minute of what the tests leave idle: its line stands among theirs.
test: style
	$(MAKE) --no-print-directory --jobs 2 types tests-only

lint: style types

style: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell $(SPELLED)
	$(BIN)/vulture

types: $(VENV)/.installed-dev
	$(BIN)/mypy

# The same tests with the lowest versions that pyproject.toml declares (torch stays), in .venv-lowest.
# What old packages warn of newer ones is no finding; for ours it is an error, in the other runs.
test-lowest:
	$(MAKE) tests-only VENV=.venv-lowest LOWEST=1

# The same tests under another Python: make test-python PYTHON=python3.13
test-python:
	$(MAKE) tests-only VENV=.venv-$(notdir $(PYTHON))

tests-only: $(VENV)/.installed-dev $(if $(LOWEST),,$(VENV)/workflows/.installed)
	$(PYTEST)

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(VENV)/.installed-docs: $(VENV)/.installed
	$(PIP_INSTALL) -e '.[docs]'
	touch $@

# The site, in build/site/VERSION beside other versions; open build/site/index.html. Warnings are errors.
SITE := build/site
docs: $(VENV)/.installed-docs
	version=$$($(BIN)/python -c 'import hnet_seq; print(hnet_seq.__version__)') && \
	$(BIN)/python -m sphinx -q -W --keep-going -c website -b html . $(SITE)/$$version
	$(BIN)/python -m website.versions $(SITE)

# The CPU kernels under the sanitizers of g++ (libasan, libubsan, libtsan), without PyTorch: five CPU minutes.
sanitize:
	$(PYTHON) studies/sanitize.py

wheel: $(VENV)/.installed-dev
	$(BIN)/python -m build --wheel

clean:
	rm -rf build dist runs
