//! A rollout's books: where it stands, what was decided and why, and what has still to be done about it. Pure.

use std::collections::{BTreeSet, VecDeque};

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{Collected, GivenDemotion, JoinedItems, Observed, ReleaseClaim, ReleaseOffer};
use empiric_schema::evidence::Verdict;
use empiric_schema::id::RunId;
use empiric_schema::rollout::{
    Judged, MOST_DECISIONS, PreferencePairs, PromotionQuestion, RolloutAct, RolloutDecision, Window,
};
use serde::{Deserialize, Serialize};

use super::drift::DriftWatch;
use super::orders::{self, Approved, OrderError};
use super::retirement::{ModelWatch, Requalification};
use super::rules::Rules;
use super::state::{RolloutState, Subject};
use super::step::{Move, rollout_step};
use super::watch::alerts;

mod errands;
mod offer;
mod view;

/// What follows from a decision and touches the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) enum Task {
    /// The exposure is written, with this reason.
    Apply(String),
    /// How the rollout stands is written.
    Show,
    /// People are told.
    Notify(Box<RolloutDecision>),
}

/// Whose failures come home, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Homecoming {
    /// The version that failed.
    pub(super) version: Digest,
    /// Items that are worth a run.
    pub(super) least: u32,
    /// Why.
    pub(super) why: String,
}

/// All that a rollout knows. It goes from one execution of the workflow to the next.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Books {
    /// Where it stands.
    pub state: RolloutState,
    decisions: VecDeque<RolloutDecision>,
    decided: u32,
    window: Option<Window>,
    joined: Vec<JoinedItems>,
    runs: Vec<RunId>,
    /// Failures that were judged since the last homecoming.
    waiting: u64,
    alerted: BTreeSet<String>,
    /// Pairs of a better and a worse answer, by version.
    #[serde(default)]
    preferences: Vec<PreferencePairs>,
    #[serde(default)]
    pub(super) drift: DriftWatch,
    #[serde(default)]
    pub(super) models: ModelWatch,
    /// Runs that are to look for versions without some models.
    #[serde(default)]
    requalifications: VecDeque<Requalification>,
    problem: Option<String>,
    /// What a run offers and what has not begun yet: the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) offered: Option<ReleaseOffer>,
    pub(super) tasks: VecDeque<Task>,
    /// Failures that are to be brought home, one version after another.
    pub(super) homecomings: VecDeque<Homecoming>,
}

/// A decision before it has a number.
struct Entry {
    act: RolloutAct,
    why: String,
    by: Option<String>,
}

impl Books {
    /// Books of a project whose exposure had this revision before.
    pub fn begin(revision: u64) -> Self {
        Self { state: RolloutState { revision, ..RolloutState::default() }, ..Self::default() }
    }

    /// Counts a window and decides what follows.
    pub fn observe(&mut self, rules: &Rules, observed: &Observed, now: f64) {
        let Observed { window, cursor } = observed;
        self.problem = None;
        self.state.absorb(window, *cursor);
        self.waiting += window.judged.failed;
        self.watch(rules, window, now);
        self.window = Some(*window);
        self.decide(rules, now);
        self.open_by_number(rules);
        self.take_offer(rules, now);
    }

    fn decide(&mut self, rules: &Rules, now: f64) {
        let ruling = rollout_step(rules, &self.state);
        let Some(subject) = self.state.subject.clone() else { return };
        let entry = |act| Entry { act, why: ruling.why.clone(), by: None };
        match ruling.act {
            Move::Hold => {}
            Move::Promote { to } => {
                self.state.put(subject.moved(to, now));
                self.enter(rules, Some(&subject), entry(RolloutAct::Promoted), now);
            }
            Move::Settle => {
                self.state.last_good = Some(subject.version.clone());
                self.state.revision += 1;
                self.enter(rules, Some(&subject), entry(RolloutAct::Settled), now);
            }
            Move::AskPerson { to } => self.ask(rules, &subject, to, &ruling.why, now),
            Move::Demote(back) => {
                orders::step_back(rules, &mut self.state, back, now);
                self.enter(rules, Some(&subject), entry(RolloutAct::Demoted), now);
                self.bring_home(rules, &subject, &ruling.why);
            }
            Move::Stuck => {
                self.state.subject = Some(Subject { is_stuck: true, ..subject.clone() });
                self.enter(rules, Some(&subject), entry(RolloutAct::Stuck), now);
                self.bring_home(rules, &subject, &ruling.why);
            }
        }
    }

    fn ask(&mut self, rules: &Rules, subject: &Subject, to: usize, why: &str, now: f64) {
        self.state.question = Some(PromotionQuestion {
            version: subject.version.clone(),
            from: rules.rung(subject.place),
            to: rules.rung(to),
            why: why.to_owned(),
            asked: now,
        });
        let why = format!("{why}; a person says whether it goes on to {}", rules.rung(to));
        self.enter(rules, Some(subject), Entry { act: RolloutAct::Asked, why, by: None }, now);
    }

    fn watch(&mut self, rules: &Rules, window: &Window, now: f64) {
        let found = alerts(rules, self.window.as_ref(), window);
        self.alerted.retain(|name| found.iter().any(|alert| alert.name == name));
        let subject = self.state.subject.clone();
        for alert in found {
            if self.alerted.insert(alert.name.to_owned()) {
                let entry = Entry { act: RolloutAct::Alerted, why: alert.why, by: None };
                self.enter(rules, subject.as_ref(), entry, now);
            }
        }
    }

    fn bring_home(&mut self, rules: &Rules, subject: &Subject, why: &str) {
        if rules.brings_home() {
            self.waiting = 0;
            let homecoming = Homecoming { version: subject.version.clone(), least: 1, why: why.to_owned() };
            self.homecomings.push_back(homecoming);
        }
    }

    /// Enough failures are worth a run, although none of them broke the promise.
    fn open_by_number(&mut self, rules: &Rules) {
        let Some(least) = rules.monitor.open_after.filter(|least| self.waiting >= u64::from(*least)) else {
            return;
        };
        if let (Some(subject), true) = (&self.state.subject, rules.brings_home()) {
            let why = format!("{} answers failed since failures were last brought home", self.waiting);
            let homecoming = Homecoming { version: subject.version.clone(), least, why };
            self.homecomings.push_back(homecoming);
            self.waiting = 0;
        }
    }

    /// Whether this `promote` can be done.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_promote(&self, rules: &Rules, claim: &ReleaseClaim) -> Result<(), OrderError> {
        orders::promoted(rules, &self.state, claim).map(|_| ())
    }

    /// A person brings a version, or carries one on.
    ///
    /// # Errors
    /// As [`Books::check_promote`].
    pub fn promote(&mut self, rules: &Rules, claim: &ReleaseClaim, now: f64) -> Result<(), OrderError> {
        let place = orders::promoted(rules, &self.state, claim)?;
        let before = self.state.subject.clone().filter(|subject| subject.version == claim.version);
        let act = if before.is_some() { RolloutAct::Promoted } else { RolloutAct::Entered };
        orders::promote(&mut self.state, claim, place, now);
        let entry = spoken(act, claim, "carried it on by hand", "brought it");
        self.enter(rules, before.as_ref(), entry, now);
        Ok(())
    }

    /// Whether this yes or no can be taken.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_answer(
        &self,
        rules: &Rules,
        claim: &ReleaseClaim,
        approved: Approved,
    ) -> Result<(), OrderError> {
        orders::answered(rules, &self.state, claim, approved).map(|_| ())
    }

    /// A person says yes.
    ///
    /// # Errors
    /// As [`Books::check_answer`].
    pub fn approve(&mut self, rules: &Rules, claim: &ReleaseClaim, now: f64) -> Result<(), OrderError> {
        let to = orders::answered(rules, &self.state, claim, Approved::Yes)?.to;
        let before = self.state.subject.clone();
        let place = rules.place(to).unwrap_or(0);
        orders::promote(&mut self.state, claim, place, now);
        self.enter(rules, before.as_ref(), spoken(RolloutAct::Promoted, claim, "said yes", ""), now);
        Ok(())
    }

    /// A person says no: it stays where it is, and as much again is judged before anybody is asked again.
    ///
    /// # Errors
    /// As [`Books::check_answer`].
    pub fn reject(&mut self, rules: &Rules, claim: &ReleaseClaim, now: f64) -> Result<(), OrderError> {
        orders::answered(rules, &self.state, claim, Approved::No)?;
        let before = self.state.subject.clone();
        orders::decline(&mut self.state, now);
        self.enter(rules, before.as_ref(), spoken(RolloutAct::Declined, claim, "said no", ""), now);
        self.take_offer(rules, now);
        Ok(())
    }

    /// Whether this `demote` can be done.
    ///
    /// # Errors
    /// Why not.
    pub(super) fn check_demote(&self, rules: &Rules, given: &GivenDemotion) -> Result<(), OrderError> {
        orders::demoted(rules, &self.state, given).map(|_| ())
    }

    /// A person steps back.
    ///
    /// # Errors
    /// As [`Books::check_demote`].
    pub fn demote(&mut self, rules: &Rules, given: &GivenDemotion, now: f64) -> Result<(), OrderError> {
        let back = orders::demoted(rules, &self.state, given)?;
        let before = self.state.subject.clone();
        orders::step_back(rules, &mut self.state, back, now);
        let why = format!("{} stepped back{}", given.by, reason(&given.note));
        let entry = Entry { act: RolloutAct::Demoted, why: why.clone(), by: Some(given.by.clone()) };
        self.enter(rules, before.as_ref(), entry, now);
        if let Some(subject) = &before {
            self.bring_home(rules, subject, &why);
        }
        self.take_offer(rules, now);
        Ok(())
    }

    /// Failures came home.
    pub(super) fn came_home(
        &mut self,
        rules: &Rules,
        home: &Homecoming,
        found: &Collected,
        run: Option<RunId>,
        now: f64,
    ) {
        self.joined.extend(found.joined.iter().cloned());
        self.preferences = self.preferences_with(home, found);
        let why = format!("{}: {}", home.why, told(found, run.as_ref()));
        let act = if run.is_some() { RolloutAct::Opened } else { RolloutAct::Alerted };
        self.runs.extend(run);
        let subject = self.state.subject.clone();
        self.enter(rules, subject.as_ref(), Entry { act, why, by: None }, now);
    }

    /// Forgets an order that could not be carried out. The revision goes on: a signature serves once.
    pub(super) fn go_back_to(&mut self, before: Self) {
        let revision = self.state.revision + 1;
        *self = Self { tasks: VecDeque::new(), ..before };
        self.state.revision = revision;
    }

    /// What does not work, or `None` when all does.
    pub(super) fn set_problem(&mut self, problem: Option<String>) {
        self.problem = problem;
    }

    /// Failures could not come home, which stops nothing and should not be overlooked.
    pub(super) fn stayed_out(&mut self, rules: &Rules, home: &Homecoming, problem: &str, now: f64) {
        let subject = self.state.subject.clone();
        let why = format!("failures of {} could not be brought home: {problem}", home.version.short());
        self.enter(rules, subject.as_ref(), Entry { act: RolloutAct::Alerted, why, by: None }, now);
    }

    /// Whether nothing is to be done.
    pub(super) fn is_idle(&self) -> bool {
        self.tasks.is_empty() && self.homecomings.is_empty() && self.requalifications.is_empty()
    }

    /// What came home before.
    pub(super) fn joined(&self) -> &[JoinedItems] {
        &self.joined
    }

    /// Writes a decision about what stood before it, and what is to be done.
    fn enter(&mut self, rules: &Rules, before: Option<&Subject>, entry: Entry, now: f64) {
        let Entry { act, why, by } = entry;
        let after = self.state.subject.as_ref();
        let Some(version) = before.or(after).map(|subject| subject.version.clone()) else { return };
        self.decided += 1;
        let decision = RolloutDecision {
            number: self.decided,
            at: now,
            act,
            version,
            from: before.map(|subject| rules.rung(subject.place)),
            to: after.map(|subject| rules.rung(subject.place)),
            verdict: before.map_or(Verdict::Inconclusive, |subject| subject.verdict(rules)),
            judged: before.map_or(Judged::default(), |subject| subject.judged),
            why: why.clone(),
            by,
        };
        self.tasks.push_back(Task::Apply(why));
        if is_news(act) {
            self.tasks.push_back(Task::Notify(Box::new(decision.clone())));
        }
        self.decisions.push_back(decision);
        while self.decisions.len() > MOST_DECISIONS {
            self.decisions.pop_front();
        }
    }
}

/// What people are told without looking.
fn is_news(act: RolloutAct) -> bool {
    !matches!(act, RolloutAct::Entered | RolloutAct::Declined)
}

fn spoken(act: RolloutAct, claim: &ReleaseClaim, moved: &str, entered: &str) -> Entry {
    let did = if act == RolloutAct::Entered { entered } else { moved };
    Entry { act, why: format!("{} {did}{}", claim.by, reason(&claim.note)), by: Some(claim.by.clone()) }
}

fn reason(note: &str) -> String {
    if note.trim().is_empty() { String::new() } else { format!(": {}", note.trim()) }
}

fn told(found: &Collected, run: Option<&RunId>) -> String {
    let left = format!(
        "{} without a right answer, {} known, {} too much like the test",
        found.unanswered, found.known, found.like_test
    );
    let items = format!("{} failures joined the data ({left})", found.items);
    run.map_or_else(
        || format!("{items}, too few to open a run"),
        |run| format!("{items}, and {run} starts from them"),
    )
}
