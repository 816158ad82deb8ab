"""A provider to practise on: six providers' real status APIs on loopback, from a scenario, with faults on demand.

It is an independent reading of the providers' documentation and imports no adapter. It knows the truth: the join of
all that its API would answer about a message, so what Landed says can be checked against it.
"""

from simulator.scenario import Faults, Scenario, ScenarioError
from simulator.sent import Sent
from simulator.server import PortInUse, Simulator

__all__ = ["Faults", "PortInUse", "Scenario", "ScenarioError", "Sent", "Simulator"]
