#!/usr/bin/env bash
# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

# Makes an underlay with the real `ros2` command where ROS is not installed: the message packages and
# rclpy come from wheels, `ros2 launch|run|topic|...` are built by colcon from their sources, which
# are pure Python. DIR/setup.bash is then used as /opt/ros/DISTRIBUTION/setup.bash is.
#
#     test/ros/make_underlay.sh DIR [kilted|jazzy]
#
# PYTHON (python3.11) makes its virtual environment. Nothing is written outside DIR.
set -euo pipefail

[ $# -ge 1 ] || { sed -n '2,8p' "$0"; exit 2; }
mkdir -p "$1"
dir=$(cd "$1" && pwd)
distribution=${2:-kilted}
python=${PYTHON:-python3.11}
repository=$(cd "$(dirname "$0")/../.." && pwd)

# What the checks of docs/ros2_checks.md were run with.
case $distribution in
kilted)
    prefix=ros-
    constraints=(-c "$repository/ros_kilted_constraints.txt")
    sources=(ros2/launch@3.7.1 ros2/launch_ros@0.28.0 ros2/ros2cli@0.36.1
        osrf/osrf_pycommon@2.1.6 ros2/rosidl_runtime_py@0.14.0)
    ;;
jazzy)
    prefix=ros-jazzy-
    constraints=()
    sources=(ros2/launch@3.4.3 ros2/launch_ros@0.26.6 ros2/ros2cli@0.32.2
        osrf/osrf_pycommon@2.1.6 ros2/rosidl_runtime_py@0.13.1)
    ;;
*)
    echo "There are wheels of kilted and jazzy, not of '$distribution'." >&2
    exit 2
    ;;
esac

names=(rclpy rmw-fastrtps-cpp std-msgs sensor-msgs geometry-msgs diagnostic-msgs visualization-msgs
    std-srvs nav-msgs lifecycle-msgs action-msgs)
"$python" -m venv "$dir/venv"
# setuptools 80 has no `develop` any more that colcon --symlink-install could use.
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check "${constraints[@]}" \
    "setuptools<80" colcon-common-extensions colcon-ros pyyaml packaging psutil importlib-metadata \
    "${names[@]/#/$prefix}"
# What package.xml and the README have installed on a vehicle.
"$dir/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    numpy jsonschema "opencv-python-headless<5" onnxruntime \
    jinja2 joblib matplotlib mcap "rosbags>=0.11" scikit-learn scipy tqdm

mkdir -p "$dir/src"
for source in "${sources[@]}"; do
    target=$dir/src/$(basename "${source%@*}")
    [ -d "$target" ] || git clone --quiet --depth 1 --branch "${source#*@}" \
        -c advice.detachedHead=false "https://github.com/${source%@*}" "$target"
done

# Interfaces of their own tests, which would have to be generated first.
touch "$dir"/src/ros2cli/{ros2cli_test_interfaces,ros2lifecycle_test_fixtures}/COLCON_IGNORE

# launch_ros imports these for component containers, of which there is none here.
stub=$dir/stubs/composition_interfaces
mkdir -p "$stub"
touch "$stub/__init__.py"
for service in ListNodes LoadNode UnloadNode; do
    printf 'class %s:\n    class Request: ...\n\n    class Response: ...\n\n\n' $service
done >"$stub/srv.py"

cat >"$dir/base.bash" <<BASE
export PATH="$dir/venv/bin:\$PATH" PYTHONPATH="$dir/stubs\${PYTHONPATH:+:\$PYTHONPATH}"
# The index of the packages that are wheels.
export AMENT_PREFIX_PATH="$dir/venv\${AMENT_PREFIX_PATH:+:\$AMENT_PREFIX_PATH}"
# The wheels would otherwise think that the library path is arranged already.
unset _ROS_WHEELS_BOOTSTRAP_COMPLETE
BASE
cat >"$dir/setup.bash" <<SETUP
# As setup.bash of a ROS: source it.
source "$dir/base.bash"
export ROS_DISTRO=$distribution ROS_VERSION=2 ROS_PYTHON_VERSION=3
source "$dir/install/local_setup.bash"
SETUP

set +u
source "$dir/base.bash"
set -u
cd "$dir"
colcon --log-base log build --base-paths src --packages-select \
    launch launch_xml launch_yaml launch_testing launch_pytest osrf_pycommon \
    launch_ros launch_testing_ros ros2launch ros2cli ros2run ros2pkg ros2topic ros2node ros2param \
    ros2lifecycle ros2service ros2interface ros2multicast ros2doctor rosidl_runtime_py
echo "source $dir/setup.bash"
