# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

# `make` alone says what there is. Everything happens in .venv; remove it with `make clean`.

PYTHON ?= python3.11
VENV ?= .venv

BAG_EXTRAS := ros,opencv,cpu,bags
TEST_EXTRAS := $(BAG_EXTRAS),training,test
BUNDLE ?= demo/bundle
BAG ?= demo/bag
OUT ?= demo_output
TABLE ?= table_output
FIT ?=
SEED ?= 0
OPTIONS ?=
UNDERLAY ?=

bin := $(VENV)/bin
pip := $(bin)/python -m pip --disable-pip-version-check --no-input install --quiet --quiet
# The constraints name ROS packages only, which have to match each other to the last number.
constraints := ros_kilted_constraints.txt
describes_environment := setup.py $(constraints)

# A ROS that was sourced in this shell would be mixed with the one in .venv.
unexport PYTHONPATH AMENT_PREFIX_PATH RMW_IMPLEMENTATION _ROS_WHEELS_BOOTSTRAP_COMPLETE

.DEFAULT_GOAL := help
.PHONY: help env demo test test-ros lint format parameters attack bench bench-gpu table clean

help:
	@echo "Targets:"
	@echo "  make demo     play $(BAG) through $(BUNDLE) over real DDS; pictures and numbers in $(OUT)/"
	@echo "  make test     everything that is tested, real processes over real DDS included"
	@echo "  make test-ros UNDERLAY=DIR  launch files, executables and command line with a real ros2:"
	@echo "                /opt/ros/DISTRIBUTION, or what test/ros/make_underlay.sh made"
	@echo "  make attack MINUTES=30  hostile messages, damaged files, signals, loops, soak: what does not hold?"
	@echo "  make lint     formatting, ruff, mypy, who may import whom, licence headers,"
	@echo "                generated files"
	@echo "  make format   put the formatting right"
	@echo "  make parameters  config/detector.yaml and docs/parameters.md from cosme_ros/parameters.py"
	@echo "  make bench    how near to this machine's limit is it? Half an hour or more on two cores;"
	@echo "                OPTIONS=--quick is small and rough, --full also runs 1024x2048"
	@echo "  make bench-gpu  the same on a GPU, with the PyTorch and onnxruntime-gpu of GPU_PYTHON=python3"
	@echo "  make table    from CamVid to all methods on two sets of real pictures, half an hour on"
	@echo "                two cores: CAMVID=DIR ROAD_ANOMALY=DIR, result in $(TABLE)/figures"
	@echo "  make env      $(VENV) with all that development needs (demo makes itself a smaller one)"
	@echo "  make clean    remove $(VENV) and everything that was made here"
	@echo
	@echo "Variables, for example 'make demo BAG=/data/drive BUNDLE=/data/bundle':"
	@echo "  PYTHON=$(PYTHON)    makes the environment: 3.10 to 3.13 for the demo, 3.11 for the rest"
	@echo "  OPTIONS=...          more for demo and bench, for example OPTIONS='--provider cpu'"
	@echo "  FIT=...              more for the fit of table, for example FIT='--method paper'"
	@echo "  VENV=$(VENV)  BUNDLE=$(BUNDLE)  BAG=$(BAG)  OUT=$(OUT)"

$(bin)/python:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "There is no $(PYTHON) here; name another: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# Stamps: what they name is installed as setup.py and the constraints now say.
$(VENV)/.demo: $(describes_environment) | $(bin)/python
	@echo "Installing ROS 2 and ONNX Runtime into $(VENV), about 200 MB to fetch ..."
	$(pip) -c $(constraints) -e '.[$(BAG_EXTRAS)]'
	@touch $@

$(VENV)/.development: $(describes_environment) | $(bin)/python
	@echo "Installing ROS 2, ONNX Runtime, PyTorch and the tools into $(VENV), some minutes ..."
	$(pip) -c $(constraints) -e '.[$(TEST_EXTRAS)]'
	@# `python -m training` from any folder: it is not installed, but found in this checkout.
	@$(bin)/python -c 'import pathlib, sysconfig; \
		pathlib.Path(sysconfig.get_path("purelib"), "cosme_ros_checkout.pth").write_text("$(CURDIR)\n")'
	@touch $(VENV)/.demo $@

env: $(VENV)/.development

demo: $(VENV)/.demo
	$(bin)/python -m cosme_ros demo --bundle $(BUNDLE) --bag $(BAG) --out $(OUT) --overwrite $(OPTIONS)

test: $(VENV)/.development
	$(bin)/python -m pytest

# Everything of ROS happens in processes that have sourced UNDERLAY/setup.bash.
test-ros: $(VENV)/.development
	@test -f "$(UNDERLAY)/setup.bash" || { echo "There is no '$(UNDERLAY)/setup.bash':" \
		"make test-ros UNDERLAY=/opt/ros/kilted; see docs/testing_with_ros2.md"; exit 1; }
	UNDERLAY=$(abspath $(UNDERLAY)) $(bin)/python -m pytest test/ros -r fEs $(OPTIONS)

MINUTES = 30
attack: $(VENV)/.development
	$(bin)/python test/attack/run.py --minutes $(MINUTES) --out attack_output $(OPTIONS)

lint: $(VENV)/.development
	$(bin)/python -m ruff format --check .
	$(bin)/python -m ruff check .
	$(bin)/python -m mypy
	PYTHONPATH=. $(bin)/lint-imports --no-cache
	$(bin)/python .ci/add_spdx_headers.py --check
	$(bin)/python .ci/write_parameter_files.py --check

parameters: $(VENV)/.development
	$(bin)/python .ci/write_parameter_files.py

format: $(VENV)/.development
	$(bin)/python .ci/add_spdx_headers.py
	$(bin)/python -m ruff check --fix .
	$(bin)/python -m ruff format .

bench: $(VENV)/.development
	PYTHONPATH=. $(bin)/python test/benchmark/run.py --bundle $(BUNDLE) --bag $(BAG) --out bench_output $(OPTIONS)

# All that there is to know of a GPU in one run, with what PyTorch and ONNX Runtime are there.
GPU_PYTHON = python3
bench-gpu:
	PYTHONPATH=. $(GPU_PYTHON) test/benchmark/run.py --bundle $(BUNDLE) --bag $(BAG) \
		--out bench_output_gpu --provider cuda --torch-device cuda --full --half \
		--runtime-options prefer_nhwc=0,fuse_conv_bias=0 enable_cuda_graph=1 $(OPTIONS)

# Each step goes on where it was stopped, so the whole does too.
table: $(VENV)/.development
	@test -d "$(CAMVID)" -a -d "$(ROAD_ANOMALY)" || \
		{ echo "make table CAMVID=/data/camvid ROAD_ANOMALY=/data/road_anomaly"; exit 1; }
	$(bin)/python -m training teacher camvid=$(CAMVID):train --out $(TABLE)/teacher \
		--architecture deeplabv3plus_efficientnet_lite0 --pretrained --backbone-rate 0.5 \
		--width 0.25 --crop 128 160 --steps 60 --seed $(SEED) --val camvid=$(CAMVID):test
	$(bin)/python -m training fit camvid=$(CAMVID):train --teacher $(TABLE)/teacher/teacher.pt \
		--size 288 512 --max-frames 184 --seed $(SEED) \
		--out $(TABLE)/bundle --licence "as CamVid: not to be passed on" $(FIT)
	$(bin)/python -m training evaluate $(TABLE)/bundle --teacher $(TABLE)/teacher/teacher.pt \
		--seed $(SEED) --normal camvid=$(CAMVID):train --out $(TABLE)/figures --overwrite \
		--data composited:0:camvid=$(CAMVID):test --data road_anomaly=$(ROAD_ANOMALY)

clean:
	rm -rf $(VENV) build install log *.egg-info attack_output demo_output bench_output* table_output
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
