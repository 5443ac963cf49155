//! The part of the books that is for what comes after the gate.

use empiric_schema::artifact::Digest;
use empiric_schema::contract::ReleaseOffer;
use empiric_schema::decision::{Decision, StopReason};
use empiric_schema::id::RunId;

use super::Books;
use crate::dispatch::Halt;

impl Books {
    /// What the run offers to the rollout: a version that kept its promise, in a project with stages.
    pub(in crate::lifecycle) fn offer(&self, reason: &StopReason, run: &RunId) -> Option<ReleaseOffer> {
        if *reason != StopReason::Success {
            return None;
        }
        self.spec.deploy.as_ref()?;
        let version = self.incumbent.as_ref()?.version.digest();
        Some(ReleaseOffer { project: self.spec.name.clone(), version, run: run.clone(), by: self.by.clone() })
    }

    /// Writes down whether the rollout was told.
    pub(in crate::lifecycle) fn rolled_out(&mut self, version: Digest, told: Result<String, Halt>) {
        let short = version.short().to_owned();
        let (workflow, why) = match told {
            Ok(workflow) => {
                let first = self.spec.deploy.as_ref().and_then(|deploy| deploy.stages.first());
                let first = first.map_or("the first stage", |stage| stage.name.name());
                let why = format!(
                    "{short} kept the promise and goes to its users step by step: {first} first, or beside the good \
                     version where there is one; `empiric rollout` shows where it stands"
                );
                (Some(workflow), why)
            }
            Err(halt) => {
                let reason = match halt {
                    Halt::Problem(problem) => problem,
                    Halt::Cancelled => "it was cancelled".to_owned(),
                    Halt::Budget(resource) => format!("the budget for {} is used up", resource.words()),
                };
                (
                    None,
                    format!(
                        "the rollout could not be told of {short}: {reason}; `empiric promote` brings it"
                    ),
                )
            }
        };
        self.decide(Decision::RollOut { version, workflow }, why);
    }
}
