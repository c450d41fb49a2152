# make demo      the whole service with sample traffic, pages left running
# make install   what the service needs, in .venv: then `. .venv/bin/activate`
# make test      everything that must hold before a change is kept
PYTHON ?= python3
PYTEST_WORKERS ?= 3

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -qq
RUN := .venv/.ready-to-run
DEV := .venv/.ready-to-develop

.PHONY: demo install test lint bench killtest lock wheel clean

demo: $(RUN)
	@$(BIN)/tracker demo $(ARGS)

install: $(RUN)

# Bytecode is kept whatever the shell says: three processes would compile a hundred and fifty files each, every time.
test: lint
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(PYTEST_WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || echo \
	  "The browser tests were not run: this machine has no Chromium. To run them: apt-get install -y chromium chromium-driver"

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(DEV)
	$(BIN)/python -m bench $(ARGS)

killtest: $(DEV)
	$(BIN)/python -m tests.kill $(ARGS)

# The build backend is locked too, so that nothing is ever fetched that the lock does not name.
COMPILE = printf 'hatchling\neditables\n' | $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate \
	--custom-compile-command 'make lock' $(UPGRADE) pyproject.toml -
lock: $(DEV)
	$(COMPILE) --output-file requirements.lock
	$(COMPILE) --extra dev --constraints requirements.lock --output-file requirements-dev.lock

wheel: $(RUN)
	$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@ls dist/*.whl

clean:
	rm -rf .venv dist build demo-state .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed, $(PYTHON) is not: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) cannot make virtual environments yet: apt-get install -y python3-venv python3-pip" >&2; exit 1; }
	@echo "making .venv"
	@$(PYTHON) -m venv .venv

$(RUN): requirements.lock pyproject.toml | .venv/bin/python
	@echo "installing what the service needs"
	@$(PIP) install --require-hashes --requirement requirements.lock
	@$(PIP) install --no-build-isolation --no-deps --editable .
	@touch $@

$(DEV): requirements-dev.lock $(RUN)
	@echo "installing what its tests need"
	@$(PIP) install --require-hashes --requirement requirements-dev.lock
	@touch $@
