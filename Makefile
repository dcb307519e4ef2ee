# Needs python3 (3.11 or later) with venv, and make. Everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
# Renewed only when the lock or the package's metadata change: a second `make run` installs nothing.
# Its last step compiles what numba compiles, once, and prices what is shipped.
STAMP := .venv/installed

.PHONY: run test hostile mutate lint site wheel bench docs record-demo lock clean

run: $(STAMP)
	$(BIN)/costmodel run scenarios/lkml-fork.yaml --json out/lkml-fork.json

test: lint
	$(BIN)/pytest -n 2

# 24,000 damaged files, 45 signals at random moments, 32,000 comparisons of equal strategies: some
# ten minutes on a quiet machine.
hostile: $(STAMP)
	HOSTILE=3000 $(BIN)/pytest -n 2 tests/hostile

# Does a test notice when one number of the model changes? Two minutes of CPU time per module.
mutate: $(STAMP)
	$(BIN)/python tools/mutate.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

# The documentation site, into out/site; a warning is an error.
site: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# The wheel, outside the clone, with the oldest dependencies.
wheel: $(STAMP)
	tools/check_wheel.sh

bench: $(STAMP)
	$(BIN)/python -m benchmarks

docs: $(STAMP)
	$(BIN)/python -m tools.pages.reference docs
	$(BIN)/python -m tools.pages.machine_schema docs/machine.schema.json
	$(BIN)/python -m tools.pages.result_schema docs/result.schema.json
	$(BIN)/python -m tools.pages.accuracy docs/accuracy.md
	$(BIN)/python -m tools.pages.reports docs/reports.md
	$(BIN)/python -m tools.examples README.md docs/*.md
	$(BIN)/costmodel plot lkml-fork -o docs/thread.svg
	$(BIN)/costmodel plot lkml-tlb-flush --kind cpus -o docs/tlb-flush.svg
	$(BIN)/costmodel plot lkml-fork-cpus --kind shared --set cpus=1,2,4,8,16,32,64 -o docs/fork-shared.svg

# A kernel with one line changed, recorded and priced on three machines (docs/mail.md). LINUX names a
# configured build tree, a source folder, a tarball or Debian's package of one, which is fetched if
# nothing is named.
record-demo: $(STAMP)
	$(BIN)/python -m tools.record_demo "$(LINUX)"

$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	$(BIN)/python -m compileall -q costmodel
	$(BIN)/costmodel cache --warm
	touch $(STAMP)

# Renews the pinned versions, for every platform; look at the difference before you commit it.
lock:
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	.venv-lock/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--generate-hashes --group dev --extra record --no-header \
		--output-file requirements.lock pyproject.toml
	.venv-lock/bin/uv pip compile --quiet --resolution lowest-direct --python-version 3.11 \
		--group pyproject.toml:test --no-header --no-annotate \
		--output-file requirements-lowest.txt pyproject.toml
	sed -i '1i # The exact versions that `make` installs, for every platform. Refresh: `make lock`.' \
		requirements.lock
	sed -i '1i # The oldest versions that pyproject.toml allows: `make wheel`. Refresh: `make lock`.' \
		requirements-lowest.txt
	rm -rf .venv-lock

clean:
	rm -rf .venv out
