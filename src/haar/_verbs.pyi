# What type checkers see of `haar`; written by tools/face_stub.py.
import haar.align as _align
import haar.audit as _audit
import haar.average as _average
import haar.check as _check
import haar.discover as _discover
import haar.relax as _relax

class _Align:
    __call__ = staticmethod(_align.align)
    Alignment = _align.Alignment
    Barrier = _align.Barrier
    Difference = _align.Difference
    Distances = _align.Distances
    Learning = _align.Learning
    Merging = _align.Merging
    align = staticmethod(_align.align)
    as_wide_as = staticmethod(_align.as_wide_as)
    barrier = staticmethod(_align.barrier)
    difference = staticmethod(_align.difference)
    merge = staticmethod(_align.merge)
    merging = staticmethod(_align.merging)
    recalibrated = staticmethod(_align.recalibrated)

class _Audit:
    __call__ = staticmethod(_audit.audit)
    Audit = _audit.Audit
    Closure = _audit.Closure
    ConventionAudit = _audit.ConventionAudit
    DomainSymmetry = _audit.DomainSymmetry
    ElementClosure = _audit.ElementClosure
    Estimate = _audit.Estimate
    Findings = _audit.Findings
    ForceFieldAudit = _audit.ForceFieldAudit
    KnownDataSet = _audit.KnownDataSet
    LayerDefect = _audit.LayerDefect
    LieDefect = _audit.LieDefect
    OrbitSums = _audit.OrbitSums
    PartFinding = _audit.PartFinding
    Recommendation = _audit.Recommendation
    audit = staticmethod(_audit.audit)
    audit_conventions = staticmethod(_audit.audit_conventions)
    audit_force_field = staticmethod(_audit.audit_force_field)
    defect_callback = staticmethod(_audit.defect_callback)
    defect_metric = staticmethod(_audit.defect_metric)
    domain_symmetry = staticmethod(_audit.domain_symmetry)
    dynamics_defects = staticmethod(_audit.dynamics_defects)
    known_data_set = staticmethod(_audit.known_data_set)
    layer_defects = staticmethod(_audit.layer_defects)
    lie_defects = staticmethod(_audit.lie_defects)
    lie_derivative = staticmethod(_audit.lie_derivative)

class _Average:
    __call__ = staticmethod(_average.average)
    AgainstDensity = _average.AgainstDensity
    Anytime = _average.Anytime
    Averaged = _average.Averaged
    Cosets = _average.Cosets
    Design = _average.Design
    DistilReport = _average.DistilReport
    Distilled = _average.Distilled
    Draw = _average.Draw
    Evaluation = _average.Evaluation
    FieldChange = _average.FieldChange
    Frame = _average.Frame
    Given = _average.Given
    How = _average.How
    MeanWithError = _average.MeanWithError
    Motion = _average.Motion
    Orbit = _average.Orbit
    Quadrature = _average.Quadrature
    QuasiRandom = _average.QuasiRandom
    Rollout = _average.Rollout
    Sampled = _average.Sampled
    Selected = _average.Selected
    SoftAverage = _average.SoftAverage
    SoftFit = _average.SoftFit
    Stage = _average.Stage
    UntraceableError = _average.UntraceableError
    WeightedSet = _average.WeightedSet
    Written = _average.Written
    anytime = staticmethod(_average.anytime)
    average = staticmethod(_average.average)
    average_callback = staticmethod(_average.average_callback)
    averaged_calculator = staticmethod(_average.averaged_calculator)
    certificate = staticmethod(_average.certificate)
    difference = staticmethod(_average.difference)
    distil = staticmethod(_average.distil)
    evaluate = staticmethod(_average.evaluate)
    expected_excess = staticmethod(_average.expected_excess)
    fold = staticmethod(_average.fold)
    hann_window = staticmethod(_average.hann_window)
    save = staticmethod(_average.save)
    scaling = staticmethod(_average.scaling)
    scalings = staticmethod(_average.scalings)
    select = staticmethod(_average.select)
    soft = staticmethod(_average.soft)
    standard_error = staticmethod(_average.standard_error)
    triangle_window = staticmethod(_average.triangle_window)
    write_average = staticmethod(_average.write_average)
    write_student = staticmethod(_average.write_student)

class _Check:
    __call__ = staticmethod(_check.check)
    Budget = _check.Budget
    Check = _check.Check
    Gains = _check.Gains
    Measured = _check.Measured
    Relaxed = _check.Relaxed
    Repair = _check.Repair
    Training = _check.Training
    check = staticmethod(_check.check)

class _Discover:
    __call__ = staticmethod(_discover.discover)
    Affine = _discover.Affine
    Coordinates = _discover.Coordinates
    Discovery = _discover.Discovery
    Fields = _discover.Fields
    GridFields = _discover.GridFields
    LawDiscovery = _discover.LawDiscovery
    Linear = _discover.Linear
    Monomials = _discover.Monomials
    PairsDiscovery = _discover.PairsDiscovery
    Step = _discover.Step
    discover = staticmethod(_discover.discover)
    law = staticmethod(_discover.law)
    pairs = staticmethod(_discover.pairs)

class _Relax:
    __call__ = staticmethod(_relax.relax)
    Augmentation = _relax.Augmentation
    Bounds = _relax.Bounds
    Cooper = _relax.Cooper
    Damped = _relax.Damped
    Dashboard = _relax.Dashboard
    Diagnosis = _relax.Diagnosis
    Duals = _relax.Duals
    EquivariancePenalty = _relax.EquivariancePenalty
    Fitted = _relax.Fitted
    FixedRidge = _relax.FixedRidge
    Free = _relax.Free
    Homotopy = _relax.Homotopy
    HomotopyLayer = _relax.HomotopyLayer
    LayerSymmetry = _relax.LayerSymmetry
    LieError = _relax.LieError
    LossShare = _relax.LossShare
    Paper = _relax.Paper
    Projection = _relax.Projection
    ProjectionRegulariser = _relax.ProjectionRegulariser
    Relaxation = _relax.Relaxation
    RelaxedConvolution = _relax.RelaxedConvolution
    RelaxedSteerableConvolution = _relax.RelaxedSteerableConvolution
    ResidualPathway = _relax.ResidualPathway
    Ridge = _relax.Ridge
    Rule = _relax.Rule
    Scheduled = _relax.Scheduled
    ScoreTest = _relax.ScoreTest
    SideBranch = _relax.SideBranch
    Soft = _relax.Soft
    Strict = _relax.Strict
    SymmetryPath = _relax.SymmetryPath
    TensorProjection = _relax.TensorProjection
    bounds = staticmethod(_relax.bounds)
    diagnose = staticmethod(_relax.diagnose)
    duals_callback = staticmethod(_relax.duals_callback)
    enforce = staticmethod(_relax.enforce)
    estimate_statistics = staticmethod(_relax.estimate_statistics)
    fit = staticmethod(_relax.fit)
    homotopise = staticmethod(_relax.homotopise)
    lie_errors = staticmethod(_relax.lie_errors)
    loss_share = staticmethod(_relax.loss_share)
    path = staticmethod(_relax.path)
    relax = staticmethod(_relax.relax)
    score_test = staticmethod(_relax.score_test)
    tension = staticmethod(_relax.tension)
    with_side_branches = staticmethod(_relax.with_side_branches)

align: _Align
audit: _Audit
average: _Average
check: _Check
discover: _Discover
relax: _Relax
