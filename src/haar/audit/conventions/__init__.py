"""Conventions found, not assumed: which centring, order of components and parity make data and truth consistent."""

from haar.audit.conventions.audit import audit_conventions
from haar.audit.conventions.labelled import LabelledRows
from haar.audit.conventions.report import Choice, ConventionAudit

__all__ = ["Choice", "ConventionAudit", "LabelledRows", "audit_conventions"]
