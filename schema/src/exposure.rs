//! What is served to whom: the value that the rollout writes and the gateway follows.
//!
//! Who decides it is left to `workflows`, how it is written to `activities`, how it is served to `gateway`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::artifact::Digest;
use crate::spec::StageName;

/// What a project serves. A greater revision replaces a smaller one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Exposure {
    /// Name of the project.
    pub project: String,
    /// From 1.
    pub revision: u64,
    /// How exposed the serving version is.
    pub stage: StageName,
    /// Percent of the users' traffic that the stage takes; the rest is answered as in the stage before it.
    pub traffic: u8,
    /// The version that answers.
    pub serving: Digest,
    /// A version that answers a part of the traffic in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// A version that answers beside it, seen by nobody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Digest>,
    /// The version to go back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_good: Option<Digest>,
    /// The rule or the person behind this revision, in a sentence.
    pub why: String,
    /// Unix seconds of the decision.
    pub at: f64,
}

/// A version on trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Canary {
    /// Which.
    pub version: Digest,
    /// Percent of the clients that it answers, from 0 to 100.
    pub percent: u8,
}

impl Exposure {
    /// The stage for the part of the users that `traffic` leaves out; `None` when that is answered by nobody.
    pub fn stage_before(&self) -> Option<StageName> {
        match self.stage {
            StageName::Internal => None,
            StageName::Reviewed => Some(StageName::Internal),
            StageName::Direct => Some(StageName::Reviewed),
        }
    }

    /// All versions that have to be loaded, the serving one first.
    pub fn versions(&self) -> Vec<&Digest> {
        let canary = self.canary.iter().map(|canary| &canary.version);
        let mut all = vec![&self.serving];
        for version in canary.chain(&self.shadow) {
            if !all.contains(&version) {
                all.push(version);
            }
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure() -> Exposure {
        Exposure {
            project: "p".to_owned(),
            revision: 1,
            stage: StageName::Reviewed,
            traffic: 100,
            serving: Digest::of(b"1"),
            canary: None,
            shadow: None,
            last_good: None,
            why: "first".to_owned(),
            at: 0.0,
        }
    }

    #[test]
    fn each_version_is_loaded_once() {
        let canary = Some(Canary { version: Digest::of(b"2"), percent: 5 });
        let all = Exposure { canary, shadow: Some(Digest::of(b"1")), ..exposure() };
        assert_eq!(all.versions(), [&Digest::of(b"1"), &Digest::of(b"2")]);
    }

    #[test]
    fn an_exposure_survives_json() {
        let json = serde_json::to_string(&exposure()).unwrap();
        assert_eq!(serde_json::from_str::<Exposure>(&json).unwrap(), exposure());
    }
}
