# Everything runs in .venv of this folder; PYTHON is only used to create it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

# glibc keeps large freed blocks, see docs/how-to/clusters.md: the same figures in less time.
export MALLOC_TRIM_THRESHOLD_ := 2147483647
export MALLOC_MMAP_THRESHOLD_ := 33554432

# Bytecode is kept even where the environment says otherwise: hundreds of processes of the tests would compile anew.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test check lint quick bench clean

demo: $(STAMP)
	$(BIN)/gancross demo

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# The quick benchmark against its committed baseline; exit code 6 if something became worse. Trained from the
# start, for checkpoints of an earlier state of the code would pass as finished. Rounding differs between processors
# and training is chaotic, so each kind of machine draws other runs: auc may fall by 0.03, less than by a γ × 100.
ALLOWED := fn=0 auc=0.03 cross-fp=0 cross-auc=0 fooled=0 detected-auc=0 fid=0
quick: $(STAMP)
	rm -rf build/quick
	$(BIN)/gancross benchmark benchmarks/quick.toml --out build/quick --device cpu
	$(BIN)/gancross gate build/quick/result.json --baseline benchmarks/results/quick-baseline.json $(ALLOWED:%=--max-regression %)

# How long things take, variant against variant, ten minutes on two quiet cores; renews the table of
# benchmarks/README.md and says which rows moved by more than their spread.
bench: $(STAMP)
	$(BIN)/python benchmarks/bench.py

check: lint test

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "gancross needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m compileall -q -j 0 .venv/lib >/dev/null || true  # on all cores; pip would take one
	touch $(STAMP)

clean:
	rm -rf .venv build dist *.egg-info runs gancross-demo
