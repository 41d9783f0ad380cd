"""A relaxed fit as a plan in words: read, made, tried, carried out in a folder of its own, deployed."""

from haar.relax.task.deployed import save_model
from haar.relax.task.first_step import try_task
from haar.relax.task.plan import RelaxPlan, make_plan
from haar.relax.task.task import RelaxTask, make_task

__all__ = ["RelaxPlan", "RelaxTask", "make_plan", "make_task", "save_model", "try_task"]
