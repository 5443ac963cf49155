//! Stages and monitoring.

use super::Checker;
use crate::spec::diagnostic::ErrorCode;
use crate::spec::raw::{RawDeploy, RawStage, RawTask};
use crate::spec::raw_monitor::RawMonitor;
use crate::spec::rollout::{Approve, DeploySpec, Feedback, MonitorSpec, StageName, StageSpec};

impl Checker<'_> {
    pub(super) fn deploy(&mut self, raw: RawDeploy) -> Option<DeploySpec> {
        let raw = raw.stages?;
        let count = raw.len();
        let mut stages: Vec<StageSpec> = Vec::new();
        for (at, stage) in raw.into_iter().enumerate() {
            let Some(stage) = stage.and_then(|raw| self.stage(at, raw)) else {
                continue;
            };
            if let Some(before) = stages.last().filter(|before| before.name >= stage.name) {
                self.wrong_order(at, before.name, stage.name);
            }
            stages.push(stage);
        }
        (stages.len() == count).then_some(DeploySpec { stages })
    }

    fn wrong_order(&mut self, at: usize, before: StageName, after: StageName) {
        let (before, after) = (before.name(), after.name());
        let message = format!("the stage `{after}` cannot come after `{before}`");
        let place = format!("/deploy/stages/{at}/name");
        let problem = self.problem(ErrorCode::Stages, &place, message);
        self.report(problem.expected("the order internal, reviewed, direct, each once"));
    }

    fn stage(&mut self, at: usize, raw: RawStage) -> Option<StageSpec> {
        let stage = raw.name?;
        let default_approve = match stage {
            StageName::Reviewed => Approve::EveryAnswer,
            StageName::Internal | StageName::Direct => Approve::Never,
        };
        if stage == StageName::Reviewed && raw.approve == Some(Approve::Never) {
            let place = format!("/deploy/stages/{at}/approve");
            let message = "in the stage `reviewed` somebody must approve";
            let problem = self.problem(ErrorCode::Stages, &place, message);
            self.report(problem.expected("`every_answer` or `effects`"));
        }
        let traffic = match raw.traffic {
            Some(steps) => self.traffic(at, &steps)?,
            None => vec![100],
        };
        Some(StageSpec {
            name: stage,
            min_samples: raw.min_samples.unwrap_or(30),
            approve: raw.approve.unwrap_or(default_approve),
            on_timeout: raw.on_timeout.unwrap_or_default(),
            traffic,
        })
    }

    fn traffic(&mut self, at: usize, steps: &[Option<u8>]) -> Option<Vec<u8>> {
        let steps: Vec<u8> = steps.iter().copied().collect::<Option<_>>()?;
        let rising = steps.windows(2).all(|pair| pair[0] < pair[1]);
        if rising && steps.last() == Some(&100) && steps.first() > Some(&0) {
            return Some(steps);
        }
        let place = format!("/deploy/stages/{at}/traffic");
        let message = "the steps of the traffic do not rise to 100";
        let problem = self.problem(ErrorCode::Stages, &place, message);
        self.report(problem.expected("rising percentages that end in 100, such as [5, 50, 100]"));
        None
    }

    pub(super) fn monitor(&mut self, raw: RawMonitor, task: Option<RawTask>) -> MonitorSpec {
        let window = raw.window.and_then(|text| self.duration("/monitor/window", &text));
        let defaults = MonitorSpec::default();
        MonitorSpec {
            window_seconds: window.unwrap_or(defaults.window_seconds),
            max_failure_rate: raw.max_failure_rate.unwrap_or(defaults.max_failure_rate),
            feedback: match raw.feedback {
                Some(true) => Feedback::Join,
                Some(false) | None => Feedback::Off,
            },
            max_latency_seconds: raw
                .max_latency
                .and_then(|text| self.duration("/monitor/max_latency", &text)),
            max_refusal_rate: raw.max_refusal_rate,
            max_usd_per_answer: raw.max_usd_per_answer,
            alert: raw.alert.and_then(|url| self.address("/monitor/alert", "webhook", url)),
            open_after: raw.open_after,
            graders: raw.graders.and_then(|graders| self.graders(graders, task)),
        }
    }
}
