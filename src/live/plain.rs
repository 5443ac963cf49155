//! Plain lines for logs and pipes: one a change, nothing twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use empiric_schema::view::{CandidateView, RunState, Stage, Standing};

use super::follow::Follow;
use super::job::figures;
use super::snapshot::Snapshot;
use crate::report::people::{self, how_to_answer};
use crate::report::{headline, words};

/// Seconds between two lines on the progress of one job.
const PROGRESS_EVERY: f64 = 10.0;

/// A follower that prints lines, and what it has printed.
pub(crate) struct PlainView<W: Write> {
    out: W,
    stage: Option<Stage>,
    state: RunState,
    activity: String,
    /// Number of the last decision.
    decision: u32,
    /// Numbers of the questions that were told, and whether they were escalated by then.
    questions: BTreeSet<(u32, bool)>,
    /// Iteration and label to what was printed of the candidate.
    candidates: BTreeMap<(u32, String), (u32, u32, Standing)>,
    /// Label of a job to the time of its last line and the step in it.
    jobs: BTreeMap<String, (f64, u64)>,
    finished: bool,
}

impl<W: Write> PlainView<W> {
    /// Prints to `out`.
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            stage: None,
            state: RunState::Running,
            activity: String::new(),
            decision: 0,
            questions: BTreeSet::new(),
            candidates: BTreeMap::new(),
            jobs: BTreeMap::new(),
            finished: false,
        }
    }

    fn say(&mut self, snapshot: &Snapshot, text: &str) -> io::Result<()> {
        let seconds = snapshot.elapsed() as u64;
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        // A name or answer with a line break in it must not look like a line of ours.
        let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        writeln!(self.out, "[{hours:02}:{minutes:02}:{:02}] {text}", seconds % 60)
    }

    fn stage(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let view = &snapshot.view;
        if self.stage.is_none() {
            self.say(snapshot, &format!("project {}, run {}", view.project, view.run))?;
        }
        if self.stage != Some(view.stage) {
            self.stage = Some(view.stage);
            self.say(snapshot, &format!("stage: {}", view.stage.words()))?;
        }
        if self.state != view.state {
            self.state = view.state;
            match view.state {
                RunState::Paused => self.say(snapshot, "paused")?,
                RunState::Running => self.say(snapshot, "goes on")?,
                RunState::Finished => {}
            }
        }
        Ok(())
    }

    fn activity(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let activity = snapshot.activity();
        if snapshot.view.state == RunState::Finished || activity == self.activity {
            return Ok(());
        }
        self.activity = activity.to_owned();
        let text = match &snapshot.iteration {
            Some(i) => format!("iteration {}, {}: {activity}", i.number, i.technique.replace('_', " ")),
            None => activity.to_owned(),
        };
        self.say(snapshot, &text)
    }

    fn decisions(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        for record in &snapshot.view.decisions {
            if record.sequence > self.decision {
                self.decision = record.sequence;
                let sentence = words::sentence(record, &snapshot.view);
                self.say(snapshot, &format!("decision {}: {sentence}", record.sequence))?;
            }
        }
        Ok(())
    }

    fn questions(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let view = &snapshot.view;
        for question in view.open_questions() {
            if self.questions.insert((question.number, question.escalated.is_some())) {
                self.say(snapshot, &format!("a person is needed, {}", people::headline(question)))?;
                self.say(snapshot, &format!("answer with {}", how_to_answer(question, view)))?;
            }
        }
        Ok(())
    }

    fn race(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let Some(race) = snapshot.race() else {
            return Ok(());
        };
        for candidate in race.candidates.iter().filter(|c| c.n > 0) {
            let key = (race.number, candidate.label.clone());
            let now = (candidate.n, candidate.passed, candidate.standing);
            if self.candidates.insert(key, now) != Some(now) {
                self.say(snapshot, &result(candidate))?;
            }
        }
        Ok(())
    }

    fn progress(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.jobs.retain(|label, _| snapshot.jobs.iter().any(|job| job.label == *label));
        for job in &snapshot.jobs {
            let step = job.progress.step;
            let due = match self.jobs.get(&job.label) {
                None => true,
                Some((at, last)) => snapshot.now - at >= PROGRESS_EVERY && step != *last,
            };
            if due {
                self.jobs.insert(job.label.clone(), (snapshot.now, step));
                self.say(snapshot, &format!("{}: {}", job.label, figures(job, snapshot.now)))?;
            }
        }
        Ok(())
    }
}

fn result(candidate: &CandidateView) -> String {
    let share = f64::from(candidate.passed) / f64::from(candidate.n);
    format!(
        "{}: {} of {} passed, {} ({}), {}",
        candidate.label,
        candidate.passed,
        candidate.n,
        words::percent(share),
        words::interval(candidate.interval),
        words::standing(candidate.standing)
    )
}

impl<W: Write> Follow for PlainView<W> {
    fn update(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.stage(snapshot)?;
        self.activity(snapshot)?;
        self.race(snapshot)?;
        self.decisions(snapshot)?;
        self.questions(snapshot)?;
        self.progress(snapshot)?;
        self.out.flush()
    }

    fn finish(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.update(snapshot)?;
        if snapshot.view.state == RunState::Finished && !self.finished {
            self.finished = true;
            let verdict = headline(&snapshot.view);
            self.say(snapshot, &verdict.title)?;
            self.say(snapshot, &verdict.gain)?;
            self.say(snapshot, &verdict.ended)?;
        }
        self.out.flush()
    }
}
