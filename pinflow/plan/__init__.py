"""Recipe + Registry + inputs -> Plan: everything bound and checked before anything is sent.

Every mistake is found, all at once, each with its place: unknown actions, logins,
names and fields, missing and wrong arguments, what an API does not have.
"""

from pinflow.plan.model import ItemLogin, Loop, Plan, PlannedLogin, PlannedStep, all_steps
from pinflow.plan.planner import make_plan

__all__ = ["ItemLogin", "Loop", "Plan", "PlannedLogin", "PlannedStep", "all_steps", "make_plan"]
