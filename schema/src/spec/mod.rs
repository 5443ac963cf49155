//! `project.yaml`: the typed project, and the parser that makes it from text.
//!
//! The path is `text -> tree with places -> JSON that fits the schema -> RawSpec -> ProjectSpec`.
//! The shape of the file (keys, types, ranges) is written once, in the raw types: the JSON schema
//! is derived from them, and the reader checks the tree against that schema. What no schema can
//! say is in `validate`. Nothing here opens a file: whether a source exists is the scope stage's
//! question.

mod date;
mod diagnostic;
mod foreign;
mod loop_rules;
mod model;
mod parse;
mod people;
mod project;
mod quantity;
mod raw;
mod raw_monitor;
mod reader;
mod rollout;
mod shape;
mod technique;
mod tree;
mod validate;

pub use date::{CalendarDate, DateError};
pub(crate) use diagnostic::Problem;
pub use diagnostic::{Diagnostic, Diagnostics, ErrorCode, Excerpt, Position};
pub use foreign::read_yaml;
pub use loop_rules::{
    Accelerators, BudgetSpec, ClusterBy, EvaluateSpec, GateSpec, GuardsSpec, ImproveSpec, ReflectSpec,
    ResourceSpec,
};
pub use model::{
    EmbedderSpec, EndpointSpec, ModelOrigin, ModelSpec, Price, PromptSource, RateLimits, SecretRef,
    SystemSpec,
};
pub use parse::LARGEST_SPEC;
pub use people::{Approval, PeopleSpec};
pub use project::{Bound, Criterion, DataSpec, Metric, ProjectSpec, ScopeSpec, Task};
pub use rollout::{
    Approve, Approver, DeploySpec, DriftSpec, Feedback, GradersSpec, MonitorSpec, OnTimeout, RequalifyBy,
    RequalifySpec, StageName, StageSpec,
};
pub use shape::json_schema;
pub use technique::Technique;
pub use validate::is_project_name;
