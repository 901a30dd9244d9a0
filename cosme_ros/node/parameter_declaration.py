# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Declares rows of `cosme_ros.parameters` as ROS parameters, with descriptors."""

from collections.abc import Iterable
from typing import Any

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node

from cosme_ros.parameters import PARAMETERS_BY_NAME, Changeable, Parameter, ParameterError


def declare(node: Node, rows: Iterable[Parameter]) -> None:
    """Declare each row at its default.

    Raises:
        rclpy.exceptions.ParameterException: A value given for one has another type, or is out of
            the range of the descriptor.
    """
    for row in rows:
        node.declare_parameter(row.name, row.default, descriptor(row))


def declare_constants(node: Node, rows: Iterable[Parameter]) -> None:
    """Declare the rows of a node that reads its parameters once, and check their values.

    Raises:
        ParameterError: A value is not allowed by its row.
        rclpy.exceptions.ParameterException: As `declare`.
    """
    for row in rows:
        declare(node, [row])
        row.check(node.get_parameter(row.name).value)


def check_changes(changes: Iterable[Any], fixed_in: str | None) -> dict[str, Any]:
    """Return the new values of our parameters by name.

    Args:
        changes: rclpy.parameter.Parameter, rclpy's own among them.
        fixed_in: state of the node, where parameters of configure are fixed; None: none are.

    Raises:
        ParameterError: a value is not allowed, or cannot be set in this state.
    """
    accepted = {}
    for change in changes:
        row = PARAMETERS_BY_NAME.get(change.name)
        if row is None:  # rclpy's own, for example use_sim_time
            continue
        row.check(change.value)
        if row.changeable is Changeable.UNCONFIGURED and fixed_in is not None:
            raise ParameterError(
                f"parameter '{row.name}' can be set only {row.changeable.value}; it is {fixed_in}"
            )
        accepted[row.name] = change.value
    return accepted


def descriptor(row: Parameter) -> ParameterDescriptor:
    """Return the descriptor of a row. Only a range with two ends has a place in it."""
    choices = f"One of: {', '.join(map(str, row.choices))}. " if row.choices else ""
    described = ParameterDescriptor(
        description=row.description,
        additional_constraints=f"{choices}Can be set {row.changeable.value}.",
        read_only=row.changeable is Changeable.NEVER,
    )
    if row.minimum is not None and row.maximum is not None:
        if isinstance(row.default, float):
            described.floating_point_range = [
                FloatingPointRange(from_value=row.minimum, to_value=row.maximum)
            ]
        else:
            described.integer_range = [
                IntegerRange(from_value=int(row.minimum), to_value=int(row.maximum), step=1)
            ]
    return described
