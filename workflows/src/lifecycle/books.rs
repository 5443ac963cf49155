//! The lifecycle's books: everything that was measured, decided and spent. Pure.

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::contract::{
    EarlierLook, Frozen, IterationInput, IterationOutcome, JobOutcome, LifecycleInput, Record,
};
use empiric_schema::decision::{Decision, DecisionRecord, StopReason};
use empiric_schema::diagnosis::DiagnosisRow;
use empiric_schema::evidence::{Alpha, Verdict};
use empiric_schema::job::EvaluateParams;
use empiric_schema::spec::{ProjectSpec, Technique};
use empiric_schema::version::SystemVersion;
use empiric_schema::view::{IterationView, Measurement, RunState, RunView, Stage};

use crate::budget::Budget;
use crate::choice::priority;
use crate::dispatch::{self, Halt, Point};
use crate::evidence::ledger::TestLedger;
use crate::gate::Grades;
use crate::iteration::version_row;
use crate::loop_step::TechniqueState;
use crate::next_steps::next_steps;
use crate::plan::detectable_gain;

mod compare;
mod diagnosis;
mod look;
mod people;
mod roll_out;
mod step;

/// The version to beat.
struct Incumbent {
    version: SystemVersion,
    label: String,
    dev: Grades,
    gate: Option<Verdict>,
    /// The files with its answers on dev.
    results: Vec<ArtifactRef>,
    /// Why it fails.
    diagnosis: Vec<DiagnosisRow>,
    /// Whether that was asked.
    is_diagnosed: bool,
}

pub(super) struct Books {
    spec: ProjectSpec,
    /// Who started the run.
    by: Option<String>,
    view: RunView,
    frozen: Option<Frozen>,
    incumbent: Option<Incumbent>,
    budget: Budget,
    ledger: Option<TestLedger>,
    earlier_looks: Vec<EarlierLook>,
    techniques: Vec<TechniqueState>,
    tried: Vec<Digest>,
    /// The documents in passages, where nothing is retrieved yet.
    chunks: Option<ArtifactRef>,
    /// The clusters of the diagnosis before.
    clusters: Option<ArtifactRef>,
    /// Positions of dev items that the last diagnosis found suspect.
    suspects: Vec<u32>,
    /// Pairs of a better and a worse answer from production.
    pairs: u32,
    /// Failures that the last diagnosis put down to anything.
    probed: usize,
    /// Positions of suspect items that a person has found right.
    vouched: Vec<u32>,
    /// Whether the budget ended the last iteration before its verdict, and a person may let it run again.
    is_cut_short: bool,
    /// What iterations that were cut short have spent already of the one that runs again.
    carried: Spend,
    problem: Option<String>,
    exhausted: Option<empiric_schema::budget::Resource>,
}

impl Books {
    pub(super) fn new(input: &LifecycleInput, now: f64) -> Self {
        let spec = input.spec.clone();
        Self {
            by: input.by.clone(),
            view: first_view(input, now),
            frozen: None,
            incumbent: None,
            budget: Budget::of_limits(&spec.budget.limits),
            ledger: None,
            earlier_looks: input.earlier_looks.clone(),
            techniques: spec.improve.techniques.iter().copied().map(TechniqueState::fresh).collect(),
            tried: Vec::new(),
            chunks: None,
            clusters: None,
            suspects: Vec::new(),
            pairs: input.preferences.iter().map(|pairs| pairs.count).sum(),
            probed: 0,
            vouched: Vec::new(),
            is_cut_short: false,
            carried: Spend::default(),
            problem: None,
            exhausted: None,
            spec,
        }
    }

    pub(super) fn enter(&mut self, stage: Stage, activity: &str) {
        self.view.stage = stage;
        self.view.activity = activity.to_owned();
    }

    pub(super) fn frozen(&self) -> Result<&Frozen, Halt> {
        self.frozen.as_ref().ok_or_else(|| Halt::Problem("nothing was frozen yet".to_owned()))
    }

    fn incumbent(&self) -> Result<&Incumbent, Halt> {
        self.incumbent.as_ref().ok_or_else(|| Halt::Problem("nothing was measured yet".to_owned()))
    }

    /// Whether there is a version to beat.
    pub(super) fn is_measured(&self) -> bool {
        self.incumbent.is_some()
    }

    pub(super) fn freeze(&mut self, frozen: Frozen) {
        let looks = std::num::NonZeroU32::new(self.spec.gate.test_looks).unwrap_or(std::num::NonZeroU32::MIN);
        let test_data = &frozen.test.items.digest;
        let earlier = self.earlier_looks.iter().filter(|look| look.test_data == *test_data);
        let earlier: Vec<Digest> = earlier.map(|look| look.candidate.clone()).collect();
        self.ledger = Some(TestLedger::new(test_data.clone(), self.alpha(), looks).with_earlier(earlier));
        let confirm = confirm_items(&self.spec, frozen.dev.count);
        let gain = detectable_gain(confirm, self.alpha());
        let why = match gain {
            Some(gain) => format!(
                "{} dev and {} test items; with {confirm} items to confirm on, a gain of {:.0} points is found 8 times in 10",
                frozen.dev.count,
                frozen.test.count,
                gain * 100.0
            ),
            None => format!(
                "{} dev and {} test items: too few to confirm any gain",
                frozen.dev.count, frozen.test.count
            ),
        };
        let decision =
            Decision::Scope { dev: frozen.dev.count, test: frozen.test.count, detectable_gain: gain };
        self.view.dev_items = Some(frozen.dev.items.clone());
        self.frozen = Some(frozen);
        self.decide(decision, why);
    }

    /// An `evaluate` job over a whole split, and its share of the budget: all that is left.
    pub(super) fn evaluation(
        &mut self,
        version: &SystemVersion,
        split: &str,
        input: &LifecycleInput,
    ) -> Result<(EvaluateParams, Spend), Halt> {
        Ok((self.question(version, split, input)?, self.reserve()?))
    }

    fn question(
        &self,
        version: &SystemVersion,
        split: &str,
        input: &LifecycleInput,
    ) -> Result<EvaluateParams, Halt> {
        let split = self.frozen()?.split(split);
        Ok(EvaluateParams {
            version: version.clone(),
            items: split.items.clone(),
            positions: (0..split.count).collect(),
            assertions: self.spec.evaluate.assertions.clone(),
            labels: self.spec.scope.task.labels().to_vec(),
            batch: input.options.batch,
        })
    }

    /// All that is left of the budget, for one job.
    pub(super) fn reserve(&mut self) -> Result<Spend, Halt> {
        self.budget.reserve(1).map_err(Halt::Budget)
    }

    pub(super) fn settle(&mut self, share: Spend, outcome: Option<&JobOutcome>) {
        self.budget.settle(share, outcome.map(dispatch::spent).unwrap_or_default());
        if let Some(outcome) = outcome {
            self.view.jobs += 1;
            self.view.busy_seconds += dispatch::busy_seconds(std::iter::once(outcome));
        }
    }

    pub(super) fn first_measurement(
        &mut self,
        version: SystemVersion,
        dev: Grades,
        results: Vec<ArtifactRef>,
    ) -> Measurement {
        let point = Point { iteration: 0, split: "dev", label: "start", version: version.digest() };
        let measurement = dispatch::measurement(point, &dev);
        self.view.measurements.push(measurement.clone());
        self.tried.push(version.digest());
        self.incumbent = Some(Incumbent {
            version,
            label: "start".to_owned(),
            dev,
            gate: None,
            results,
            diagnosis: Vec::new(),
            is_diagnosed: false,
        });
        measurement
    }

    pub(super) fn begin_iteration(
        &mut self,
        technique: Technique,
        input: &LifecycleInput,
    ) -> Result<IterationInput, Halt> {
        self.view.iteration += 1;
        self.enter(Stage::Improve, &format!("candidates of `{technique}` race on dev"));
        let incumbent = self.incumbent()?;
        Ok(IterationInput {
            run: input.run.clone(),
            number: self.view.iteration,
            technique,
            spec: self.spec.clone(),
            frozen: self.frozen()?.clone(),
            incumbent: incumbent.version.clone(),
            incumbent_passed: incumbent.dev.passed.clone(),
            incumbent_harmful: incumbent.dev.harmful.clone(),
            incumbent_abstained: incumbent.dev.abstained.clone(),
            incumbent_effort: incumbent.dev.effort,
            tried: self.tried.clone(),
            remaining: self.budget.remaining(),
            options: input.options.clone(),
            next_decision: self.view.decisions.len() as u32 + 1,
            diagnosis: incumbent.diagnosis.clone(),
        })
    }

    pub(super) fn set_iteration(&mut self, workflow: Option<String>) {
        self.view.iteration_workflow = workflow;
    }

    pub(super) fn end_iteration(
        &mut self,
        technique: Technique,
        mut outcome: IterationOutcome,
    ) -> Vec<Record> {
        let mut records = vec![Record::Iteration {
            number: outcome.view.number,
            technique: technique.name().to_owned(),
            verdict: Some(outcome.verdict),
        }];
        let before = self.budget.used();
        self.budget.book(outcome.spend);
        self.view.jobs += outcome.jobs;
        self.view.busy_seconds += outcome.busy_seconds;
        outcome.view.spend = outcome.view.spend.plus(std::mem::take(&mut self.carried));
        // An iteration that runs again measures again what it had measured.
        let is_new = |point: &&Measurement| !self.view.measurements.contains(point);
        let new: Vec<Measurement> = outcome.measurements.iter().filter(is_new).cloned().collect();
        self.view.measurements.extend(new);
        let decisions = outcome
            .decisions
            .into_iter()
            .map(|record| DecisionRecord { spend: before.plus(record.spend), ..record });
        self.view.decisions.extend(decisions);
        self.exhausted = outcome.stopped_by;
        self.problem = outcome.problem;
        let label = outcome.finalist.as_ref().map(|finalist| finalist_label(&outcome.view, finalist));
        if let (Some(finalist), Some(label)) = (&outcome.finalist, &label) {
            records.push(version_row(finalist, label));
        }
        if outcome.stopped_by.is_some_and(|resource| self.asks_about(resource)) {
            self.is_cut_short = true;
            self.view.iterations.push(outcome.view);
            return records;
        }
        self.tried.extend(outcome.race.iter().map(|entry| entry.version.clone()));
        if let (Verdict::Pass, Some(finalist), Some(label)) = (outcome.verdict, outcome.finalist, label) {
            let dev = Grades {
                passed: outcome.finalist_passed,
                harmful: outcome.finalist_harmful,
                abstained: outcome.finalist_abstained,
                effort: outcome.finalist_effort,
            };
            self.promote(technique, finalist, label, dev, outcome.finalist_results);
        }
        let nothing_raced = outcome.race.is_empty() && outcome.stopped_by.is_none() && self.problem.is_none();
        match outcome.verdict {
            Verdict::Pass => {}
            _ if nothing_raced => self.empty(technique),
            _ => self.reject(technique),
        }
        self.view.iterations.push(outcome.view);
        records
    }

    fn promote(
        &mut self,
        technique: Technique,
        version: SystemVersion,
        label: String,
        dev: Grades,
        results: Vec<ArtifactRef>,
    ) {
        let point =
            Point { iteration: self.view.iteration, split: "dev", label: &label, version: version.digest() };
        self.view.measurements.push(dispatch::measurement(point, &dev));
        self.incumbent = Some(Incumbent {
            version,
            label,
            dev,
            gate: None,
            results,
            diagnosis: Vec::new(),
            is_diagnosed: false,
        });
        for known in self.techniques.iter_mut().filter(|known| known.technique == technique) {
            known.acceptances += 1;
        }
    }

    /// What the technique can build for this incumbent has been tried: it is asked again for the next one.
    fn empty(&mut self, technique: Technique) {
        let incumbent = self.incumbent.as_ref().map(|incumbent| incumbent.version.digest());
        for known in self.techniques.iter_mut().filter(|known| known.technique == technique) {
            known.emptied.clone_from(&incumbent);
        }
    }

    fn reject(&mut self, technique: Technique) {
        let reading = self.reading();
        let diagnosis = self.incumbent.as_ref().map(|one| one.diagnosis.clone()).unwrap_or_default();
        for known in self.techniques.iter_mut().filter(|known| known.technique == technique) {
            known.rejected_for.extend(priority(known, &diagnosis, reading).map(|priority| priority.category));
            known.rejections += 1;
        }
    }

    pub(super) fn stop(&mut self, reason: StopReason, now: f64) {
        let dev = self.incumbent.as_ref().map(|incumbent| incumbent.dev.clone()).unwrap_or_default();
        let mut next: Vec<String> = self.rival(&dev).into_iter().collect();
        let incumbent = self.incumbent.as_ref().map(|one| (&one.version, &one.dev));
        next.extend(next_steps(&reason, &self.spec, self.frozen.as_ref(), incumbent));
        let why = reason.sentence();
        self.decide(Decision::Stop { reason: reason.clone(), next }, why);
        self.enter(Stage::Done, &reason.sentence());
        self.view.updated = now;
        self.view.state = RunState::Finished;
        self.view.stop = Some(reason);
    }

    /// The last rows: the run, all decisions and the spend.
    pub(super) fn closing_records(&self, view: &RunView) -> Vec<Record> {
        let mut records = vec![Record::Run(Box::new(view.clone()))];
        records.extend(view.decisions.iter().cloned().map(|record| Record::Decision(Box::new(record))));
        records.push(Record::Spend(view.spend));
        records
    }

    pub(super) fn view(&self, now: f64, paused: bool) -> RunView {
        let state = match (&self.view.stop, paused) {
            (Some(_), _) => RunState::Finished,
            (None, true) => RunState::Paused,
            (None, false) => RunState::Running,
        };
        RunView {
            state,
            updated: now,
            spend: self.budget.used(),
            incumbent: self.incumbent.as_ref().map(|incumbent| incumbent.version.digest()),
            ..self.view.clone()
        }
    }

    fn alpha(&self) -> Alpha {
        Alpha::new(self.spec.gate.alpha).unwrap_or(Alpha::FIVE_PERCENT)
    }

    fn decide(&mut self, decision: Decision, why: String) {
        self.view.decisions.push(DecisionRecord {
            sequence: self.view.decisions.len() as u32 + 1,
            iteration: self.view.iteration,
            decision,
            why,
            spend: self.budget.used(),
        });
    }
}

/// Dev items that are kept from the race, for the finalist and the incumbent.
pub(crate) fn confirm_items(spec: &ProjectSpec, dev: u32) -> u32 {
    let raced = (f64::from(dev) * spec.gate.race_share).round() as u32;
    dev - raced.clamp(1, dev.max(2) - 1).min(dev)
}

fn finalist_label(view: &IterationView, finalist: &SystemVersion) -> String {
    let digest = finalist.digest();
    let found = view.candidates.iter().find(|candidate| candidate.version == digest);
    format!("iteration {} {}", view.number, found.map_or("finalist", |candidate| candidate.label.as_str()))
}

fn first_view(input: &LifecycleInput, now: f64) -> RunView {
    let spec = &input.spec;
    RunView {
        run: input.run.clone(),
        project: spec.name.clone(),
        description: spec.description.clone(),
        stage: Stage::Scope,
        state: RunState::Running,
        activity: "starting".to_owned(),
        started: now,
        updated: now,
        promise: spec.scope.success.iter().map(ToString::to_string).collect(),
        iteration: 0,
        max_iterations: spec.improve.max_iterations,
        iteration_workflow: None,
        iterations: Vec::new(),
        dev_items: None,
        incumbent: None,
        measurements: Vec::new(),
        comparisons: Vec::new(),
        decisions: Vec::new(),
        limits: spec.budget.limits,
        spend: Spend::default(),
        jobs: 0,
        busy_seconds: 0.0,
        stop: None,
        questions: Vec::new(),
        remarks: Vec::new(),
    }
}
