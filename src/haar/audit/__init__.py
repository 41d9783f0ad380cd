"""Audit: does a model respect a symmetry, where does it break, do the data have it, what is to be gained."""

from haar.audit.audit import audit
from haar.audit.audited import Audit
from haar.audit.closure import Closure, ElementClosure
from haar.audit.conventions import ConventionAudit, audit_conventions
from haar.audit.defect_callback import defect_callback
from haar.audit.defect_metric import defect_metric
from haar.audit.dynamics import dynamics_defects
from haar.audit.findings import Findings
from haar.audit.force_field import ForceFieldAudit, audit_force_field
from haar.audit.layers import LayerDefect, layer_defects
from haar.audit.lie import LieDefect, lie_defects, lie_derivative
from haar.audit.part_findings import PartFinding
from haar.audit.recommendation import Recommendation
from haar.audit.sums import OrbitSums
from haar.data import DomainSymmetry, KnownDataSet, domain_symmetry, known_data_set
from haar.statistics import Estimate

__all__ = [
    "Audit",
    "Closure",
    "ConventionAudit",
    "DomainSymmetry",
    "ElementClosure",
    "Estimate",
    "Findings",
    "ForceFieldAudit",
    "KnownDataSet",
    "LayerDefect",
    "LieDefect",
    "OrbitSums",
    "PartFinding",
    "Recommendation",
    "audit",
    "audit_conventions",
    "audit_force_field",
    "defect_callback",
    "defect_metric",
    "domain_symmetry",
    "dynamics_defects",
    "known_data_set",
    "layer_defects",
    "lie_defects",
    "lie_derivative",
]
