# DLF. On a machine with Python 3.11, g++ and make:
#   make demo       installs everything into .venv and codes a photograph; see demo/ (IMG=photo.jpg adds one)
#   make bench      measures times, memory and cold start, beside other codecs (docs/performance.md)
#   make figures    measures dlf-s and the classical codecs on Kodak; fills in the model card; needs chromium
#   make test       installs everything into .venv and runs the tests, the C++ ones too: under ten minutes on two cores
#   make web        builds libdlf for browsers and a demonstration in build/web (needs emscripten); see web/README.md
#   make test-web   builds it, and tests it in headless Chromium and Firefox
#   make default    makes the package PACKAGE=FILE.dlfm the default model (models/TRAINING.md)
#   make test-all   make test, and the tests that take longer: sanitizers, photographs, training runs, installing from nothing
# Nothing is written outside this folder. A second run only does what has changed.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# How to get torch: `make test TORCH="torch==2.13.0 --index-url URL"` takes it from another index.
TORCH ?= torch==2.13.0
# Processes that the tests run in; a file of tests stays in one of them.
WORKERS ?= $(JOBS)
# Further arguments for pytest: `make test PYTEST_ARGS="-k capi"`.
PYTEST_ARGS ?=
# What `make figures` measures with: pictures, LPIPS weights, the card that takes the report.
KODAK ?= ../shared/kodak
LPIPS ?= ../shared/lpips/lpips_squeeze.npz
CARD ?= models/pretrained/dlf-s.md
EVAL_CACHE ?= build/eval
# Further photographs for the demonstration.
IMG ?=
# Model packages for the demonstration in browsers; the first that encodes is its default.
WEB_MODELS ?= $(wildcard models/pretrained/dlf-s.dlfm)
# The package that `make default` puts in.
PACKAGE ?= $(error PACKAGE=FILE.dlfm is missing)

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMPS := $(VENV)/stamps
CMAKE_BUILD := build/cmake

CORE_FILES := $(shell find core -name '*.cpp' -o -name '*.h' -o -name '*.c' -o -name CMakeLists.txt -o -name sources.txt)
BINDING_FILES := $(wildcard python/bindings/*)
PACKAGES := $(shell find python models -name __init__.py)

.PHONY: all bench default demo figures test test-all test-cpp test-python test-slow web test-web lint format install clean distclean
all: install

# --- the environment: each step leaves a stamp, and is done again when what it depends on is newer

$(STAMPS)/venv:
	$(PYTHON) -m venv $(VENV)
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/torch: $(STAMPS)/venv
	$(PIP) install $(TORCH)
	touch $@

$(STAMPS)/tools: $(STAMPS)/torch
	$(PIP) install "setuptools>=77" "pybind11>=2.13" "cmake>=3.20"
	touch $@

# With the path of python/, a folder of the name dlf, as this one may have, is not taken for the package.
$(STAMPS)/dlf: setup.py pyproject.toml $(CORE_FILES) $(BINDING_FILES) $(PACKAGES) $(STAMPS)/tools
	MAX_JOBS=$(JOBS) $(PIP) install --no-build-isolation -e ".[demo,test,train]"
	echo "$(CURDIR)/python" > "$$($(BIN)/python -c 'import sysconfig as s; print(s.get_path("purelib"))')/dlf_clone.pth"
	touch $@

install: $(STAMPS)/dlf

# --- what people run

demo: install
	$(BIN)/python scripts/demo.py $(IMG)

PYTEST := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test: test-cpp test-python

test-all: test test-slow

test-cpp: $(STAMPS)/tools
	$(BIN)/cmake -S core -B $(CMAKE_BUILD) -DCMAKE_BUILD_TYPE=Release -DDLF_BUILD_TESTS=ON \
	    -DCMAKE_PREFIX_PATH="$$($(BIN)/python -c 'import torch.utils; print(torch.utils.cmake_prefix_path)')"
	$(BIN)/cmake --build $(CMAKE_BUILD) --parallel $(JOBS)
	cd $(CMAKE_BUILD) && $(CURDIR)/$(BIN)/ctest --output-on-failure

test-python: install
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-slow: install
	$(PYTEST) -m slow $(PYTEST_ARGS)

web: install
	$(BIN)/python web/build.py --jobs $(JOBS) --tests --models $(WEB_MODELS)

test-web: web
	$(PYTEST) -m web $(PYTEST_ARGS)

# The large pictures take nearly all of the time; SIZES="0.4 12" picks sizes in megapixels. CompressAI is measured where installed.
bench: install
	$(BIN)/python -m pytest tests/test_benchmarks.py tests/test_plugin_benchmarks.py \
	    --benchmark-enable --benchmark-sort=name \
	    --benchmark-columns=min,median,max,rounds $(PYTEST_ARGS)
	$(BIN)/python scripts/bench_processes.py --write docs/performance.md $(if $(SIZES),--sizes $(SIZES))

# Stopped, it goes on where it was: results are cached by content (docs/evaluation.md).
figures: install
	$(PIP) install $$($(BIN)/python scripts/requirements.py eval)
	$(BIN)/dlf eval $(KODAK) --against jpeg webp avif jxl --lpips $(LPIPS) --card $(CARD) \
	    --quality 0,10,20,30,40,50,60,70,80,90,100 --metrics psnr ms_ssim lpips haarpsi mdsi \
	    --cache $(EVAL_CACHE) --plots $(dir $(CARD))figures --sheet 0.015 0.03 0.065 --sheet-width 192
	$(BIN)/dlf compare $(KODAK)/kodim23.png --bytes 2000 --against webp avif jxl jpeg \
	    --lpips $(LPIPS) -o build/compare.html
	$(BIN)/python scripts/screenshot.py build/compare.html docs/compare.jpg
	$(BIN)/python scripts/demo.py
	$(BIN)/python -c "from PIL import Image; Image.open('demo/astronaut.png').convert('RGB').save('docs/sheet.jpg', quality=84, optimize=True)"

# The second make sees the changed registry, and builds the core with it before vectors are made.
default: install
	$(BIN)/python scripts/new_default.py $(PACKAGE)
	$(MAKE) install
	$(BIN)/python -m conformance.generate --only 'dlf-s-*'
	$(BIN)/python -m conformance --only 'dlf-s-*' --decoder '$(BIN)/python -m dlf'

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf build dist demo *.egg-info python/*.egg-info python/dlf/_*.so

distclean: clean
	rm -rf $(VENV)
