//! The part of the books that is about baselines.

use empiric_schema::artifact::Digest;
use empiric_schema::contract::LifecycleInput;
use empiric_schema::job::{BaselineMethod, BaselineParams, JobKind};
use empiric_schema::view::{Comparison, Reference};

use super::Books;
use crate::dispatch::Halt;
use crate::gate::Grades;
use crate::race::{count, display_interval};

impl Books {
    /// What is measured on a split. The locked test shows whether a classic model would do where the task is
    /// classification; elsewhere the nearest known answer is no rival, and dev tells enough.
    pub(in crate::lifecycle) fn references(&self, split: &str, input: &LifecycleInput) -> Vec<Reference> {
        let classifies = !self.spec.scope.task.labels().is_empty();
        match (input.options.compare, split) {
            (false, _) => Vec::new(),
            (true, "test") if classifies => vec![Reference::Majority, Reference::Supervised],
            (true, "test") => Vec::new(),
            (true, _) => vec![Reference::Again, Reference::Majority, Reference::Supervised],
        }
    }

    /// The job of a reference; nothing where the project lacks what it learns from.
    pub(in crate::lifecycle) fn reference_job(
        &self,
        reference: Reference,
        split: &str,
        input: &LifecycleInput,
    ) -> Result<Option<JobKind>, Halt> {
        let method = match reference {
            Reference::Again => {
                let start = self.frozen()?.system.clone();
                let params = self.question(&start, split, input)?;
                return Ok(Some(JobKind::Evaluate(Box::new(params))));
            }
            Reference::Majority => BaselineMethod::Majority,
            Reference::Supervised => BaselineMethod::Supervised,
        };
        Ok(self.baseline(method, split)?.map(|params| JobKind::Baseline(Box::new(params))))
    }

    fn baseline(&self, method: BaselineMethod, split: &str) -> Result<Option<BaselineParams>, Halt> {
        let frozen = self.frozen()?;
        let asked = frozen.split(split);
        let encoder = frozen.encoder.clone();
        if method == BaselineMethod::Supervised && encoder.is_none() {
            return Ok(None);
        }
        let learn_from = |train: &empiric_schema::contract::FrozenSplit| BaselineParams {
            train: train.items.clone(),
            items: asked.items.clone(),
            positions: (0..asked.count).collect(),
            assertions: self.spec.evaluate.assertions.clone(),
            labels: self.spec.scope.task.labels().to_vec(),
            encoder,
            method,
        };
        Ok(frozen.train.as_ref().filter(|train| train.count > 0).map(learn_from))
    }

    /// Writes down how a reference did beside a system.
    pub(in crate::lifecycle) fn take_comparison(
        &mut self,
        reference: Reference,
        split: &str,
        (beside, system): (&Digest, &Grades),
        found: &Grades,
    ) {
        let (n, passed) = (found.n(), count(&found.passed));
        let differ = system.passed.bytes().zip(found.passed.bytes()).filter(|(one, other)| one != other);
        self.view.comparisons.push(Comparison {
            reference,
            split: split.to_owned(),
            beside: beside.clone(),
            n,
            passed,
            differ: differ.count() as u32,
            interval: display_interval(passed, n),
        });
    }

    /// Says so where a classic model is at least as good as the system: on the locked test where its result may be
    /// shown, otherwise on dev.
    pub(super) fn rival(&self, dev: &Grades) -> Option<String> {
        let of = |split: &str| {
            let mut all = self.view.comparisons.iter().rev();
            all.find(|one| one.split == split && one.reference == Reference::Supervised)
        };
        let tested = of("test").and_then(|rival| Some((rival, self.shown_on_test(&rival.beside)?)));
        let (rival, system, split) = match tested {
            Some((rival, system)) => (rival, system, "the locked test"),
            None => (of("dev")?, share(count(&dev.passed), dev.n()), "dev"),
        };
        let is_better = rival.accuracy() >= system && rival.passed > 0;
        is_better.then(|| {
            format!(
                "{} is the better system here: {:.1} % on {split} against {:.1} %, without a language model",
                rival.reference.words(),
                rival.accuracy() * 100.0,
                system * 100.0
            )
        })
    }

    fn shown_on_test(&self, version: &Digest) -> Option<f64> {
        let mut shown = self.view.measurements.iter().rev();
        shown.find(|one| one.split == "test" && one.version == *version).map(|one| one.accuracy())
    }
}

fn share(passed: u32, n: u32) -> f64 {
    f64::from(passed) / f64::from(n.max(1))
}
