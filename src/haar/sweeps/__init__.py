"""Many runs on many workers: local processes or Slurm, through submitit; what is finished is skipped."""

from haar.sweeps.sweep import Part, Row, sweep, sweep_table
from haar.sweeps.workers import Workers

__all__ = ["Part", "Row", "Workers", "sweep", "sweep_table"]
