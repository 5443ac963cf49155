//! Stages and monitoring.

use super::Checker;
use crate::spec::diagnostic::ErrorCode;
use crate::spec::raw::{RawDeploy, RawEmbedder, RawStage, RawTask};
use crate::spec::raw_monitor::{RawDrift, RawMonitor, RawRequalify};
use crate::spec::rollout::{
    Approve, Approver, DeploySpec, DriftSpec, Feedback, MonitorSpec, RequalifySpec, StageName, StageSpec,
};

impl Checker<'_> {
    pub(super) fn deploy(&mut self, raw: RawDeploy) -> Option<DeploySpec> {
        let approver = raw.approver.unwrap_or_default();
        let stages = self.stages(raw.stages?)?;
        self.begins_unseen(approver, &stages);
        let callbacks = self.callbacks(raw.callbacks.unwrap_or_default())?;
        Some(DeploySpec { stages, approver, callbacks })
    }

    fn callbacks(&mut self, raw: Vec<Option<String>>) -> Option<Vec<String>> {
        let count = raw.len();
        let mut hosts = Vec::new();
        for (at, host) in raw.into_iter().enumerate() {
            match host {
                Some(host) if is_host(&host) => hosts.push(host),
                Some(_) => {
                    let place = format!("/deploy/callbacks/{at}");
                    let problem = self.problem(ErrorCode::Endpoint, &place, "a callback's host is no host");
                    self.report(problem.expected("a host such as `hooks.example.com` or `127.0.0.1:9000`"));
                }
                None => {}
            }
        }
        (hosts.len() == count).then_some(hosts)
    }

    fn stages(&mut self, raw: Vec<Option<RawStage>>) -> Option<Vec<StageSpec>> {
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
        (stages.len() == count).then_some(stages)
    }

    /// A version waits for its approver where no user sees it.
    fn begins_unseen(&mut self, approver: Approver, stages: &[StageSpec]) {
        let first = stages.first().map(|stage| stage.name);
        if approver == Approver::Other && first.is_some_and(|first| first != StageName::Internal) {
            let message =
                "with `approver: other` a version waits where no user sees it, and there is no such stage";
            let problem = self.problem(ErrorCode::Stages, "/deploy/approver", message);
            self.report(problem.expected("the stage `internal` first, or `approver: anyone`"));
        }
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
            drift: raw.drift.map(|drift| self.drift(drift)),
            requalify: raw.requalify.map(|requalify| self.requalify(requalify)).unwrap_or_default(),
        }
    }

    fn drift(&mut self, raw: RawDrift) -> DriftSpec {
        let every = raw.every.and_then(|text| self.duration("/monitor/drift/every", &text));
        DriftSpec { every_seconds: every.unwrap_or(3600.0), min_questions: raw.min_questions.unwrap_or(50) }
    }

    /// Questions are compared by their vectors.
    pub(super) fn drift_needs(&mut self, monitor: Option<&MonitorSpec>, embedder: Option<&RawEmbedder>) {
        if embedder.is_none() && monitor.is_some_and(|monitor| monitor.drift.is_some()) {
            let message = "looks at drift compare questions by their vectors, and there is no `embedder`";
            let problem = self.problem(ErrorCode::Prerequisite, "/monitor/drift", message);
            self.report(problem.expected("an `embedder`, or no `drift`"));
        }
    }

    fn requalify(&mut self, raw: RawRequalify) -> RequalifySpec {
        let default = RequalifySpec::default();
        let lead = raw.lead.and_then(|text| self.duration("/monitor/requalify/lead", &text));
        RequalifySpec { lead_seconds: lead.unwrap_or(default.lead_seconds), by: raw.by.unwrap_or(default.by) }
    }
}

/// A name or an address with or without a port: no scheme, no path, no pattern.
fn is_host(text: &str) -> bool {
    let is_known = |c: char| c.is_ascii_alphanumeric() || "-.:[]".contains(c);
    !text.is_empty() && text.len() <= 255 && text.chars().all(is_known)
}
