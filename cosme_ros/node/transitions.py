# Copyright 2026 cosme_ros maintainers
# SPDX-License-Identifier: Apache-2.0

"""Runs the transitions of a lifecycle node, and records how they ended."""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from cosme_ros.bundle.loading import BundleError
from cosme_ros.inference.providers import ProviderError
from cosme_ros.parameters import ParameterError

# Errors at configure that the user can correct.
CONFIGURATION_ERRORS = (ParameterError, BundleError, ProviderError)


@dataclass(frozen=True)
class Transition:
    """The names of a transition, and the state that it leads to."""

    verb: str
    state: str
    """While it goes on."""
    reached: str


CONFIGURE = Transition("configure", "configuring", "inactive")
ACTIVATE = Transition("activate", "activating", "active")
DEACTIVATE = Transition("deactivate", "deactivating", "inactive")
CLEAN_UP = Transition("clean up", "cleaning up", "unconfigured")
SHUT_DOWN = Transition("shut down", "shutting down", "finalized")


class TransitionRunner:
    """Holds the node's state, for diagnostics, and the reason of a transition that failed."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._since: float | None = None
        self.state = "unconfigured"
        self.refusal: str | None = None
        """The sentence of the last transition that failed; None after one that succeeded."""

    @property
    def age(self) -> float | None:
        """Return the seconds that the transition under way has taken; None without one."""
        since = self._since
        return None if since is None else monotonic() - since

    def run(
        self,
        transition: Transition,
        action: Callable[[LifecycleState], None],
        undo: Callable[[LifecycleState], None] | None,
        previous: LifecycleState,
    ) -> TransitionCallbackReturn:
        """Run a transition and log why it failed: rclpy swallows whatever a transition raises."""
        before, self.state = self.state, transition.state
        self._since = monotonic()
        logger = self._node.get_logger()
        try:
            action(previous)
        except CONFIGURATION_ERRORS as error:
            self.refusal = f"cannot {transition.verb}: {error}"
            logger.error(self.refusal)
        except Exception as error:
            self.refusal = f"cannot {transition.verb}: {type(error).__name__}: {error}"
            if self._node.context.ok():  # else the process is ending, and it is no fault
                logger.error(f"{self.refusal}\n{traceback.format_exc()}")
        else:
            self.refusal = None
            self.state = transition.reached
            return TransitionCallbackReturn.SUCCESS
        finally:
            if self.state != transition.reached:
                self.state = before
            self._since = None
            if not self._node.context.ok():  # rclpy would try to complete it: an error to it
                raise SystemExit(0)
        if undo is None:
            return TransitionCallbackReturn.ERROR
        undo(previous)
        return TransitionCallbackReturn.FAILURE
