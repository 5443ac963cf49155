//! The rules of a rollout, as they follow from the spec.

use std::collections::BTreeMap;

use empiric_schema::artifact::Digest;
use empiric_schema::evidence::Alpha;
use empiric_schema::id::ModelId;
use empiric_schema::rollout::Rung;
use empiric_schema::spec::{
    Approval, Approver, Bound, CalendarDate, Feedback, Metric, MonitorSpec, ProjectSpec, StageName,
};

use super::retirement;

/// Why a project cannot be rolled out.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RolloutError {
    /// Nothing says how.
    #[error("`project.yaml` has no `deploy`, so that nothing says in which stages a version is exposed")]
    NoStages,
}

/// What decides a rollout. Nothing here changes while it goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Steps of exposure, with the judged answers that each asks for before the next. Never empty.
    pub ladder: Vec<(Rung, u32)>,
    /// Watching.
    pub monitor: MonitorSpec,
    /// Most of the answers that may do harm, where the project promises something about that.
    pub max_harm_rate: Option<f64>,
    /// When models are taken away, where that is known.
    pub shutdowns: BTreeMap<ModelId, CalendarDate>,
    /// Whether any model is behind a server, which may take it away.
    pub has_endpoints: bool,
    /// The labels of a classification task; empty otherwise.
    pub labels: Vec<String>,
    /// Error probability of each claim about the promise.
    pub alpha: Alpha,
    /// Whether a person lets a version go on.
    pub asks: bool,
    /// Which people may.
    pub approver: Approver,
}

impl Rules {
    /// The rules of a project. Without `monitor`, its defaults hold.
    ///
    /// # Errors
    /// The project says nothing about stages.
    pub fn of(spec: &ProjectSpec) -> Result<Self, RolloutError> {
        let stages = spec.deploy.as_ref().map(|deploy| deploy.stages.as_slice()).unwrap_or_default();
        let rungs = stages.iter().flat_map(|stage| {
            stage.traffic.iter().map(|&traffic| (Rung { stage: stage.name, traffic }, stage.min_samples))
        });
        let ladder: Vec<(Rung, u32)> = rungs.collect();
        if ladder.is_empty() {
            return Err(RolloutError::NoStages);
        }
        Ok(Self {
            ladder,
            monitor: spec.monitor.clone().unwrap_or_default(),
            max_harm_rate: max_harm_rate(spec),
            shutdowns: retirement::shutdowns(spec),
            has_endpoints: retirement::has_endpoints(spec),
            labels: spec.scope.task.labels().to_vec(),
            alpha: Alpha::new(spec.gate.alpha).unwrap_or(Alpha::FIVE_PERCENT),
            asks: spec.people.asks(Approval::Promotion),
            approver: spec.deploy.as_ref().map(|deploy| deploy.approver).unwrap_or_default(),
        })
    }

    /// The rung at a place; the last one beyond the end.
    pub fn rung(&self, at: usize) -> Rung {
        self.ladder[at.min(self.top())].0
    }

    /// Judged answers that a rung asks for.
    pub fn needed(&self, at: usize) -> u32 {
        self.ladder[at.min(self.top())].1
    }

    /// The place of the last rung.
    pub fn top(&self) -> usize {
        self.ladder.len() - 1
    }

    /// The place of a rung.
    pub fn place(&self, rung: Rung) -> Option<usize> {
        self.ladder.iter().position(|(one, _)| *one == rung)
    }

    /// The first place of the stage of the last rung. From there on, a version answers beside the one before it.
    pub fn first_of_top(&self) -> usize {
        let stage = self.rung(self.top()).stage;
        self.ladder.iter().position(|(rung, _)| rung.stage == stage).unwrap_or(0)
    }

    /// Where a version begins that nobody gave a place: at the first step, or where a good version is to be replaced,
    /// at the first step at which it can answer in its place. Where somebody else has to let it go on, nobody but
    /// the team sees it before.
    pub fn entry(&self, good: Option<&Digest>) -> usize {
        match (good, self.approver) {
            (Some(_), Approver::Anyone) => self.first_of_top(),
            _ => 0,
        }
    }

    /// The last place of the stage before this place's.
    pub fn stage_before(&self, at: usize) -> Option<usize> {
        let stage: StageName = self.rung(at).stage;
        self.ladder.iter().rposition(|(rung, _)| rung.stage < stage)
    }

    /// Whether failures join the data.
    pub fn brings_home(&self) -> bool {
        self.monitor.feedback == Feedback::Join
    }
}

/// What was promised about harm before release is promised in production too.
fn max_harm_rate(spec: &ProjectSpec) -> Option<f64> {
    let of_harm =
        spec.scope.success.iter().find(|it| (it.metric, it.bound) == (Metric::HarmRate, Bound::AtMost));
    of_harm.map(|criterion| criterion.value)
}
