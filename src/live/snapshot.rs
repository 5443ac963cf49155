//! One look at a run.

use empiric_schema::job::Progress;
use empiric_schema::view::{IterationView, RunState, RunView};

/// Everything that the live view shows at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The run as its workflow shows it.
    pub view: RunView,
    /// The running iteration as its own workflow shows it.
    pub iteration: Option<IterationView>,
    /// Jobs in flight.
    pub jobs: Vec<RunningJob>,
    /// Unix seconds of this look, by the clock that also gave [`RunningJob::started`].
    pub now: f64,
}

/// A job in flight.
#[derive(Debug, Clone)]
pub struct RunningJob {
    /// For people: `iteration 1, round 2, candidate c3`.
    pub label: String,
    /// Its last progress.
    pub progress: Progress,
    /// Unix seconds of its start.
    pub started: f64,
}

impl Snapshot {
    /// The race to show: the running one, or the last one that ran.
    pub(crate) fn race(&self) -> Option<&IterationView> {
        self.iteration.as_ref().or(self.view.iterations.last())
    }

    /// What is going on, in words.
    pub(crate) fn activity(&self) -> &str {
        let running = self.iteration.as_ref().map(|iteration| iteration.activity.as_str());
        running.filter(|words| !words.is_empty()).unwrap_or(&self.view.activity)
    }

    /// Seconds from the run's beginning to now, or to its end.
    pub(crate) fn elapsed(&self) -> f64 {
        (self.clock() - self.view.started).max(0.0)
    }

    /// Unix seconds of now. An ended run spends no more time, however long one looks at it.
    pub(crate) fn clock(&self) -> f64 {
        if self.view.state == RunState::Finished { self.view.updated } else { self.now }
    }
}

impl RunningJob {
    /// The share that is done, in [0, 1]; `None` while the total is unknown.
    pub(crate) fn share(&self) -> Option<f64> {
        let Progress { step, total, .. } = self.progress;
        (total > 0).then(|| (step as f64 / total as f64).min(1.0))
    }

    /// Units a second since the start; `None` before the first unit.
    pub(crate) fn rate(&self, now: f64) -> Option<f64> {
        let seconds = now - self.started;
        (self.progress.step > 0 && seconds > 0.0).then(|| self.progress.step as f64 / seconds)
    }

    /// Seconds to the end at the rate so far.
    pub(crate) fn time_left(&self, now: f64) -> Option<f64> {
        let left = self.progress.total.checked_sub(self.progress.step)?;
        self.rate(now).filter(|_| left > 0).map(|rate| left as f64 / rate)
    }
}
