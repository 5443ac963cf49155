//! Typed contracts: what workflows ask of activities, and what each other.
//!
//! Activities are declared here and implemented in `activities`; workflows call the declarations.
//! Neither crate sees the other.

mod iteration;
#[expect(missing_docs, reason = "the macro's marker and constant carry no docs; the methods do")]
mod job;
mod lifecycle;
mod people;
#[expect(missing_docs, reason = "the macro's marker and constant carry no docs; the methods do")]
mod record;
#[expect(missing_docs, reason = "the macro's marker and constant carry no docs; the methods do")]
mod rollout;
#[expect(missing_docs, reason = "the macro's marker and constant carry no docs; the methods do")]
mod scope;

pub use iteration::{IterationInput, IterationOutcome, RaceEntry, RemainingBudget};
pub use job::{JobOutcome, JobRequest, Jobs, RunJob};
pub use lifecycle::{EarlierLook, JoinedItems, JoinedSplit, LifecycleInput, RunOptions};
pub use people::{GivenAnswer, GivenRemark, LONGEST_NOTE};
pub use record::{JobRow, Record, RecordBatch, Recorder, WriteRecords};
pub use rollout::{
    ApplyExposure, ApplyRequest, CollectFailures, CollectRequest, Collected, Cursor, GatherRequest,
    GatherServed, Gathered, GivenDemotion, GivenRequalification, LookForModels, ModelsFound, ModelsRequest,
    NotifyPeople, NotifyRequest, ObserveRequest, ObserveWindow, Observed, Offered, Presence, ReleaseClaim,
    ReleaseOffer, Rollouts, ServedModel, SignOffer, SignedClaim, SignedOffer,
};
pub use scope::{Freeze, FreezeRequest, Frozen, FrozenSplit, Scope};
