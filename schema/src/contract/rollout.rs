//! Carrying a version to its users: what the rollout asks of the world, and what people tell it.

use std::convert::Infallible;

use serde::{Deserialize, Serialize};
use temporalio_macros::activity_definitions;

pub use self::rollouts::{
    Apply as ApplyExposure, Collect as CollectFailures, Gather as GatherServed, Models as LookForModels,
    Notify as NotifyPeople, Observe as ObserveWindow, Offer as SignOffer,
};
use super::lifecycle::{EarlierLook, JoinedItems};
use super::scope::Frozen;
use crate::artifact::{ArtifactRef, Digest};
use crate::exposure::Exposure;
use crate::id::{ModelId, RunId};
use crate::rollout::{RolloutDecision, RolloutView, Rung, Window};
use crate::spec::{GradersSpec, StageName};
use crate::version::SystemVersion;

/// Control activities of a rollout.
pub struct Rollouts;

#[activity_definitions]
impl Rollouts {
    /// Waits until a window is over or what was judged asks for a decision, and counts it. Heartbeats.
    #[activity(name = "rollout.observe")]
    pub fn observe(request: ObserveRequest) -> Result<Observed, Infallible> {
        unimplemented!()
    }

    /// Writes the exposure, which the gateway follows, and the view. Safe to run twice: revisions only rise.
    #[activity(name = "rollout.apply")]
    pub fn apply(request: ApplyRequest) -> Result<(), Infallible> {
        unimplemented!()
    }

    /// Tells people through the webhook of the spec.
    #[activity(name = "rollout.notify")]
    pub fn notify(request: NotifyRequest) -> Result<(), Infallible> {
        unimplemented!()
    }

    /// Gathers questions and answers of production for a look at drift. Safe to run twice.
    #[activity(name = "rollout.gather")]
    pub fn gather(request: GatherRequest) -> Result<Gathered, Infallible> {
        unimplemented!()
    }

    /// Looks whether the models of versions are still there. Safe to run twice.
    #[activity(name = "rollout.models")]
    pub fn models(request: ModelsRequest) -> Result<ModelsFound, Infallible> {
        unimplemented!()
    }

    /// Makes items and preferences of what failed in production. Safe to run twice: the same rows give the same
    /// artifacts.
    #[activity(name = "rollout.collect")]
    pub fn collect(request: CollectRequest) -> Result<Collected, Infallible> {
        unimplemented!()
    }

    /// Signs the offer of a run with the project's key, and says what a rollout would begin with. Safe to run twice:
    /// the same offer has the same signature.
    #[activity(name = "rollout.offer")]
    pub fn offer(offer: ReleaseOffer) -> Result<Offered, Infallible> {
        unimplemented!()
    }
}

pub use messages::*;

mod messages {
    use super::*;

    /// How far the rows of a project were counted.
    #[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
    pub struct Cursor {
        /// Last sequence of the request log.
        pub log: i64,
        /// Last sequence of the feedback.
        pub feedback: i64,
        /// Unix seconds of the last decision about a draft.
        pub decided: f64,
    }

    /// Which rows to count, and for how long to wait for them.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct ObserveRequest {
        /// Name of the project.
        pub project: String,
        /// The version that answered.
        pub version: Digest,
        /// The stage at which it answered.
        pub stage: StageName,
        /// Only what was judged after this, in Unix seconds.
        pub since: f64,
        /// What was counted before; none at the beginning of a rung.
        pub cursor: Option<Cursor>,
        /// Longest wait in seconds.
        pub window_seconds: f64,
        /// Judged answers that are enough for a decision. 0 waits for the end of the window.
        pub enough: u64,
        /// The promise: the wait ends when more than this share of the window failed.
        pub max_failure_rate: f64,
        /// The promise about harm, where the spec makes one: the wait ends when more than this share did harm.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub max_harm_rate: Option<f64>,
        /// Checks of a sample of the answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub graders: Option<GradersSpec>,
        /// The labels of a classification task; empty otherwise.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub labels: Vec<String>,
    }

    /// A window.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Observed {
        /// What was counted.
        pub window: Window,
        /// Where to go on.
        pub cursor: Cursor,
    }

    /// What to serve from now on, and how the rollout stands.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct ApplyRequest {
        /// What is served; none changes nothing.
        pub exposure: Option<Exposure>,
        /// How it stands.
        pub view: RolloutView,
    }

    /// What people should know.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct NotifyRequest {
        /// Where they are told.
        pub webhook: String,
        /// Name of the project.
        pub project: String,
        /// What happened.
        pub decision: RolloutDecision,
    }

    /// What to gather.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct GatherRequest {
        /// Name of the project.
        pub project: String,
        /// The version that answered.
        pub version: Digest,
        /// Only what was asked after this, in Unix seconds.
        pub since: f64,
        /// Last sequence of the request log that was looked at before.
        pub after: i64,
        /// Different questions that are enough.
        pub least: u32,
    }

    /// What was gathered.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Gathered {
        /// Different questions.
        pub questions: u32,
        /// JSONL of them with answers ([`crate::job::ServedLine`]), where they are enough.
        pub served: Option<ArtifactRef>,
        /// JSONL of what the version answered on dev ([`crate::job::TextLine`]), where that is known.
        pub dev_answers: Option<ArtifactRef>,
        /// Last sequence of the request log that was seen.
        pub until: i64,
    }

    /// Whose models to look for.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct ModelsRequest {
        /// Name of the project.
        pub project: String,
        /// Versions that are served, or would be after a step back.
        pub versions: Vec<Digest>,
    }

    /// The models of versions.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct ModelsFound {
        /// One for each version that is known.
        pub models: Vec<ServedModel>,
        /// Looks that the runs of the project took at locked test splits.
        pub earlier_looks: Vec<EarlierLook>,
    }

    /// The model of a version.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct ServedModel {
        /// The version.
        pub version: Digest,
        /// Its model.
        pub model: ModelId,
        /// Whether it is there.
        pub presence: Presence,
    }

    /// Whether a model is there.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Presence {
        /// It is: its server lists it, or its weights are ours.
        There,
        /// It is not.
        Gone {
            /// What shows it.
            why: String,
        },
        /// Its server does not say.
        Unknown,
    }

    /// A person's yes or no to a run that looks for a version with another model. It exposes nothing, so that a name
    /// is enough.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct GivenRequalification {
        /// Who says so; not empty.
        pub by: String,
        /// The reason; may be empty.
        pub note: String,
        /// Yes or no.
        pub approved: bool,
    }

    /// Whose failures to bring home.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct CollectRequest {
        /// Name of the project.
        pub project: String,
        /// The version that failed.
        pub version: Digest,
        /// The version that the next run starts from.
        pub start: Digest,
        /// Data of the project: nothing that is there comes in again, and nothing like the test does.
        pub frozen: Frozen,
        /// What came home before.
        pub joined: Vec<JoinedItems>,
    }

    /// What came home.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    pub struct Collected {
        /// New items, by split.
        pub joined: Vec<JoinedItems>,
        /// How many they are.
        pub items: u32,
        /// Failures without a right answer: nothing can be measured on them.
        pub unanswered: u32,
        /// Failures that are in the data already, or twice.
        pub known: u32,
        /// Failures that are too much like items of the test.
        pub like_test: u32,
        /// JSONL of pairs of a better and a worse answer.
        pub preferences: Option<ArtifactRef>,
        /// How many pairs.
        pub pairs: u32,
        /// The version that the next run starts from.
        pub start: SystemVersion,
        /// Looks that the runs of the project took at locked test splits.
        pub earlier_looks: Vec<EarlierLook>,
    }

    /// What a person says about more exposure, bound to what was looked at: neither another version nor another
    /// moment has the same text.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct ReleaseClaim {
        /// Name of the project.
        pub project: String,
        /// The version.
        pub version: Digest,
        /// Where it shall stand; `None` leaves the beginning to the rules.
        pub to: Option<Rung>,
        /// Yes or no.
        pub approved: bool,
        /// Who says so; not empty.
        pub by: String,
        /// The reason; may be empty.
        pub note: String,
        /// The nonce of the rollout's view.
        pub nonce: String,
    }

    impl ReleaseClaim {
        /// What is signed. The first line keeps signatures for one purpose from serving another.
        pub fn bytes(&self) -> Vec<u8> {
            // Only maps with non-text keys and failing writers can fail here, and there are none.
            let json = serde_json::to_vec(self).unwrap_or_default();
            [b"empiric.release.v1\n".as_slice(), &json].concat()
        }
    }

    /// Input of the updates `approve`, `reject` and `promote`.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct SignedClaim {
        /// What is said.
        pub claim: ReleaseClaim,
        /// Ed25519 over [`ReleaseClaim::bytes`], 128 hexadecimal digits.
        pub signature: String,
    }

    /// A version that kept its promise in a run, for the rollout to begin with when its turn comes.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct ReleaseOffer {
        /// Name of the project.
        pub project: String,
        /// The version.
        pub version: Digest,
        /// The run that found it.
        pub run: RunId,
        /// Who started that run, where it was a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub by: Option<String>,
    }

    impl ReleaseOffer {
        /// What is signed. The first line keeps signatures for one purpose from serving another.
        pub fn bytes(&self) -> Vec<u8> {
            // Only maps with non-text keys and failing writers can fail here, and there are none.
            let json = serde_json::to_vec(self).unwrap_or_default();
            [b"empiric.offer.v1\n".as_slice(), &json].concat()
        }
    }

    /// Input of the signal `offer`. It needs no moment: it exposes nothing beyond what the rules of the spec do, and
    /// the same version does not begin twice.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct SignedOffer {
        /// What is offered.
        pub offer: ReleaseOffer,
        /// Ed25519 over [`ReleaseOffer::bytes`], 128 hexadecimal digits.
        pub signature: String,
    }

    /// An offer that can be made, and what a rollout begins with where none goes on.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Offered {
        /// The offer.
        pub signed: SignedOffer,
        /// The public key of approvals, 64 hexadecimal digits.
        pub approver_key: String,
        /// Revision of the exposure that stands; 0 without one.
        pub revision: u64,
    }

    /// Input of the update `demote`. Stepping back needs a name and no signature: it must be easy.
    #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
    pub struct GivenDemotion {
        /// Who says so; not empty.
        pub by: String,
        /// The reason; may be empty.
        pub note: String,
        /// The nonce of the view that was looked at, so that two people who press one button step back once;
        /// `None` steps back from whatever stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub nonce: Option<String>,
    }
}
