"""A force field audited as a chemist reads it: energy, forces and stress, each in its unit, motion by motion."""

from haar.audit.force_field.audit import audit_force_field
from haar.audit.force_field.report import ForceFieldAudit

__all__ = ["ForceFieldAudit", "audit_force_field"]
