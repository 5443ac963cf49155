//! What is to be done beside watching, and what came of it.

use std::collections::BTreeSet;

use empiric_schema::contract::{Collected, GivenRequalification, ModelsFound};
use empiric_schema::id::{ModelId, RunId};
use empiric_schema::rollout::{PreferencePairs, RequalificationQuestion, RolloutAct};
use empiric_schema::spec::RequalifyBy;

use super::{Books, Entry, Homecoming, reason};
use crate::rollout::drift::Looked;
use crate::rollout::errands::{Done, DriftOrder, Errand};
use crate::rollout::orders::{self, OrderError};
use crate::rollout::retirement::{Requalification, Retirement, served};
use crate::rollout::rules::Rules;

impl Books {
    /// What is to be done next; looks come after what was decided.
    pub(in crate::rollout) fn next_errand(&mut self, rules: &Rules, now: f64) -> Option<Errand> {
        if let Some(homecoming) = self.homecomings.pop_front() {
            return Some(Errand::Home(homecoming));
        }
        if let Some(order) = self.requalifications.pop_front() {
            return Some(Errand::Requalify(order));
        }
        let subject = self.state.subject.clone()?;
        if self.models.is_due(rules, now) {
            self.models.begin(now);
            return Some(Errand::Models(served(Some(&subject.version), self.state.last_good.as_ref())));
        }
        let least = rules.monitor.drift.as_ref()?.min_questions;
        self.drift.is_due(rules, Some(&subject), now).then(|| {
            self.drift.begin(rules, &subject, now);
            Errand::Drift(Box::new(DriftOrder {
                version: subject.version.clone(),
                since: subject.since,
                after: self.drift.cursor,
                least,
                reference: self.drift.reference.clone(),
            }))
        })
    }

    /// Takes what an errand came to.
    pub(in crate::rollout) fn errand_done(&mut self, rules: &Rules, done: &Done, now: f64) {
        match done {
            Done::Home(home) => match &home.outcome {
                Ok((found, run)) => self.came_home(rules, &home.homecoming, found, run.clone(), now),
                Err(problem) => self.stayed_out(rules, &home.homecoming, problem, now),
            },
            Done::Drift(Ok(looked)) => self.looked_at_drift(rules, looked, now),
            Done::Drift(Err(problem)) => self.drift.failed(rules, problem, now),
            Done::Models(Ok(found)) => self.looked_for_models(rules, found, now),
            // Whether a model is there is not known; the next look is due as usual.
            Done::Models(Err(problem)) => {
                self.set_problem(Some(format!("models could not be looked for: {problem}")));
            }
            Done::Requalified(order, opened) => self.requalified(rules, order, opened, now),
        }
    }

    fn looked_at_drift(&mut self, rules: &Rules, looked: &Looked, now: f64) {
        for alert in self.drift.looked(rules, looked, now) {
            self.say(rules, RolloutAct::Alerted, alert.why, None, now);
        }
    }

    /// A model that goes is said at once; a run looks for another, or a person says whether one shall.
    pub(in crate::rollout) fn looked_for_models(&mut self, rules: &Rules, found: &ModelsFound, now: f64) {
        let retirements = self.models.looked(rules, found, now);
        self.forget_question(found);
        if retirements.is_empty() {
            return;
        }
        let models: Vec<ModelId> = retirements.iter().map(|retirement| retirement.model.clone()).collect();
        let why: Vec<String> = retirements.into_iter().map(|Retirement { why, .. }| why).collect();
        let why = why.join("; ");
        match rules.monitor.requalify.by {
            RequalifyBy::Run => {
                let order = self.models.requalification(&models, &why);
                self.requalifications.push_back(order);
                self.say(rules, RolloutAct::Alerted, format!("{why}; a run looks for another"), None, now);
            }
            RequalifyBy::Person => {
                let asked = "a person says whether a run looks for another (`empiric requalify`)";
                self.say(rules, RolloutAct::Retiring, format!("{why}; {asked}"), None, now);
                self.models.question = Some(RequalificationQuestion { models, why });
            }
        }
    }

    /// A question about models that nothing served needs any more is no question.
    fn forget_question(&mut self, found: &ModelsFound) {
        let needed: BTreeSet<&ModelId> = found.models.iter().map(|served| &served.model).collect();
        let question = self.models.question.take();
        self.models.question =
            question.filter(|question| question.models.iter().any(|model| needed.contains(model)));
    }

    /// Whether this yes or no can be taken.
    ///
    /// # Errors
    /// Why not.
    pub(in crate::rollout) fn check_requalify(&self, given: &GivenRequalification) -> Result<(), OrderError> {
        orders::named(&given.by, &given.note)?;
        self.models.question.as_ref().map(|_| ()).ok_or(OrderError::NoModelGoes)
    }

    /// A person says whether a run looks for a version with another model.
    ///
    /// # Errors
    /// As [`Books::check_requalify`].
    pub fn requalify(
        &mut self,
        rules: &Rules,
        given: &GivenRequalification,
        now: f64,
    ) -> Result<(), OrderError> {
        self.check_requalify(given)?;
        let Some(question) = self.models.question.take() else { return Err(OrderError::NoModelGoes) };
        // Whoever waits for the order to be written waits for a new revision.
        self.state.revision += 1;
        let GivenRequalification { by, note, approved } = given;
        let word = if *approved { "a run looks for another model" } else { "no run looks for another model" };
        let why = format!("{by} said that {word}{}: {}", reason(note), question.why);
        if *approved {
            let order = self.models.requalification(&question.models, &question.why);
            self.requalifications.push_back(order);
        }
        let act = if *approved { RolloutAct::Retiring } else { RolloutAct::Declined };
        self.say(rules, act, why, Some(by.clone()), now);
        Ok(())
    }

    fn requalified(
        &mut self,
        rules: &Rules,
        order: &Requalification,
        opened: &Result<RunId, String>,
        now: f64,
    ) {
        match opened {
            Ok(run) => {
                self.runs.push(run.clone());
                let why = format!("{}: {run} looks for a version without it", order.why);
                self.say(rules, RolloutAct::Opened, why, None, now);
            }
            Err(problem) => {
                let why = format!("{}, and no run could be opened: {problem}", order.why);
                self.say(rules, RolloutAct::Alerted, why, None, now);
            }
        }
    }

    /// A decision that moves nothing.
    fn say(&mut self, rules: &Rules, act: RolloutAct, why: String, by: Option<String>, now: f64) {
        let subject = self.state.subject.clone();
        self.enter(rules, subject.as_ref(), Entry { act, why, by }, now);
    }

    /// Pairs of a better and a worse answer.
    pub(in crate::rollout) fn preferences(&self) -> &[PreferencePairs] {
        &self.preferences
    }

    /// The same with those that have just come home. They are all pairs of their version: they replace the earlier.
    pub(in crate::rollout) fn preferences_with(
        &self,
        home: &Homecoming,
        found: &Collected,
    ) -> Vec<PreferencePairs> {
        let others = self.preferences.iter().filter(|pairs| pairs.version != home.version).cloned();
        let new = found.preferences.as_ref().map(|pairs| PreferencePairs {
            version: home.version.clone(),
            pairs: pairs.clone(),
            count: found.pairs,
        });
        others.chain(new).collect()
    }

    /// Decisions so far.
    pub(in crate::rollout) fn decided(&self) -> u32 {
        self.decided
    }
}
