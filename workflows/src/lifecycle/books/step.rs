//! The part of the books that says what comes next.

use empiric_schema::contract::LifecycleInput;
use empiric_schema::decision::Decision;
use empiric_schema::spec::Technique;

use super::Books;
use crate::choice::Reading;
use crate::gate;
use crate::loop_step::{LoopState, NextStep, Step, TechniqueState, loop_step};
use crate::technique::{self, Setting, distil};

impl Books {
    /// Asks [`loop_step`] and writes its answer down.
    pub(in crate::lifecycle) fn next_step(&mut self, input: &LifecycleInput) -> Step {
        let NextStep { step, why, rejected, priorities } = loop_step(&self.loop_state(input));
        match &step {
            Step::Improve(technique) => {
                let technique = technique.name().to_owned();
                self.decide(Decision::Improve { technique, rejected, priorities }, why);
            }
            // A gate has its own record once it is answered; the end has one in `stop`.
            Step::Gate | Step::Stop(_) => {}
        }
        step
    }

    pub(super) fn loop_state(&self, input: &LifecycleInput) -> LoopState {
        let criteria = &self.spec.scope.success;
        let dev = self.incumbent.as_ref().map(|incumbent| &incumbent.dev);
        let judged = dev.map(|dev| gate::judge(criteria, dev, self.alpha())).unwrap_or_default();
        LoopState {
            iterations: self.view.iteration,
            max_iterations: self.spec.improve.max_iterations,
            techniques: self.techniques.iter().map(|known| self.with_candidates(known, input)).collect(),
            diagnosis: self.incumbent.as_ref().map(|one| one.diagnosis.clone()).unwrap_or_default(),
            reading: self.reading(),
            promise_on_dev: gate::verdict(&judged),
            excess: self.excess(),
            gate: self.incumbent.as_ref().and_then(|incumbent| incumbent.gate),
            looks_left: self.looks_left(),
            exhausted: self.exhausted.or(self.budget.exhausted()),
            problem: self.problem.clone(),
        }
    }

    /// Looks at the locked test that are left. One that was paid for and not answered is the incumbent's still.
    fn looks_left(&self) -> u32 {
        let Some(ledger) = &self.ledger else { return 0 };
        let digest = self.incumbent.as_ref().map(|incumbent| incumbent.version.digest());
        let paid = digest.and_then(|digest| ledger.look(&digest)).is_some_and(|look| look.answer.is_none());
        ledger.looks_left().max(u32::from(paid))
    }

    fn with_candidates(&self, known: &TechniqueState, input: &LifecycleInput) -> TechniqueState {
        if !input.options.diagnose && known.technique != Technique::Prompt {
            let missing = Some("this run began before it was built".to_owned());
            return TechniqueState { missing, ..known.clone() };
        }
        let Some(setting) = self.setting() else { return known.clone() };
        TechniqueState {
            missing: technique::missing(known.technique, &setting).or_else(|| self.needless(known.technique)),
            has_candidates: known.emptied.as_ref() != Some(&setting.incumbent.digest())
                && technique::has_candidates(known.technique, &setting),
            cost: self.cost_of(known.technique),
            ..known.clone()
        }
    }

    /// What production does not allow of the incumbent's answers.
    fn excess(&self) -> Option<String> {
        distil::excess(&self.spec, self.incumbent.as_ref()?.dev.effort)
    }

    /// Nothing is distilled from what is cheap and quick enough.
    fn needless(&self, technique: Technique) -> Option<String> {
        let is_needless = technique == Technique::Distil && self.excess().is_none();
        is_needless.then(|| "answers are not slower or dearer than `monitor` allows".to_owned())
    }

    pub(super) fn reading(&self) -> Reading {
        let has_documents = self.frozen.as_ref().is_some_and(|frozen| frozen.corpus.is_some());
        let is_read = self.incumbent.as_ref().is_some_and(|incumbent| incumbent.version.retrieval.is_some());
        if has_documents && !is_read { Reading::Missing } else { Reading::Done }
    }

    pub(super) fn setting(&self) -> Option<Setting<'_>> {
        let (frozen, incumbent) = (self.frozen.as_ref()?, self.incumbent.as_ref()?);
        Some(Setting {
            spec: &self.spec,
            frozen,
            incumbent: &incumbent.version,
            diagnosis: &incumbent.diagnosis,
            tried: &self.tried,
            most: 1,
            pairs: self.pairs,
        })
    }

    /// Device time of the technique's last iteration over that of the last prompt race, where both were measured.
    fn cost_of(&self, technique: Technique) -> Option<f64> {
        let seconds = |wanted: Technique| {
            let of = self.view.iterations.iter().rev().find(|view| view.technique == wanted.name());
            of.map(|view| view.spend.device_seconds).filter(|seconds| *seconds > 0.0)
        };
        Some(seconds(technique)? / seconds(Technique::Prompt)?)
    }
}
