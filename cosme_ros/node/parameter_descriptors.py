# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""The parameter table as ROS describes parameters."""

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor

from cosme_ros.parameters import Changeable, Parameter


def descriptor(row: Parameter) -> ParameterDescriptor:
    """Return the ROS descriptor of a parameter."""
    choices = f"One of: {', '.join(row.choices)}. " if row.choices else ""
    descriptor = ParameterDescriptor(
        description=row.description,
        additional_constraints=f"{choices}Can be set {row.changeable.value}.",
        read_only=row.changeable is Changeable.NEVER,
    )
    if row.minimum is not None and row.maximum is not None:
        if isinstance(row.default, float):
            descriptor.floating_point_range = [
                FloatingPointRange(from_value=row.minimum, to_value=row.maximum)
            ]
        else:
            descriptor.integer_range = [
                IntegerRange(from_value=int(row.minimum), to_value=int(row.maximum), step=1)
            ]
    return descriptor


def described(row: Parameter) -> str:
    """Return what a parameter is for, in sentences: for `--help`."""
    choices = f" One of: {', '.join(row.choices)}." if row.choices else ""
    return f"{row.description}{choices} Can be set {row.changeable.value}."
