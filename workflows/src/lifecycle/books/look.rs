//! The part of the books that pays for looks at the locked test, and writes down what they found.

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::contract::Record;
use empiric_schema::decision::Decision;
use empiric_schema::evidence::{Alpha, LookFinding, Verdict};
use empiric_schema::version::SystemVersion;

use super::Books;
use crate::dispatch::{self, Halt, Point};
use crate::evidence::ledger::Admission;
use crate::gate::{self, Grades};
use crate::race::proportion;

impl Books {
    /// Pays for a look at the locked test.
    pub(in crate::lifecycle) fn open_look(&mut self) -> Result<(SystemVersion, Admission), Halt> {
        let version = self.incumbent()?.version.clone();
        let digest = version.digest();
        let ledger =
            self.ledger.as_mut().ok_or_else(|| Halt::Problem("there is no test ledger".to_owned()))?;
        let admission = ledger.open(&digest).map_err(|error| Halt::Problem(error.to_string()))?;
        Ok((version, admission))
    }

    /// Writes down what a look found, and what of it may be shown.
    pub(in crate::lifecycle) fn answer_look(
        &mut self,
        candidate: &SystemVersion,
        alpha: Alpha,
        found: Grades,
        files: &mut Vec<ArtifactRef>,
        start: (Grades, Vec<ArtifactRef>),
    ) -> Result<Vec<Record>, Halt> {
        let (before, before_files) = start;
        let criteria = gate::judge(&self.spec.scope.success, &found, alpha);
        let verdict = gate::verdict(&criteria);
        let is_start = self.frozen()?.system == *candidate;
        let paired = (!is_start).then(|| gate::compare(&before.passed, &found.passed, alpha));
        let finding = LookFinding {
            score: proportion(crate::race::count(&found.passed), found.n()),
            criteria: criteria.clone(),
            paired,
            verdict,
        };
        let digest = candidate.digest();
        let ledger =
            self.ledger.as_mut().ok_or_else(|| Halt::Problem("there is no test ledger".to_owned()))?;
        let look = ledger.answer(&digest, finding).map_err(|error| Halt::Problem(error.to_string()))?;
        let number = ledger.looks_used();
        let test_data = Some(ledger.test_data().clone());
        let is_shown = look.disclosed().is_some();
        let label = self.incumbent()?.label.clone();
        let mut shown = Vec::new();
        let mut records = Vec::new();
        if is_shown {
            let mut show = |label: &str, version: Digest, grades: &Grades, results: Vec<ArtifactRef>| {
                let point = Point { iteration: self.view.iteration, split: "test", label, version };
                let measurement = dispatch::measurement(point, grades);
                records.push(Record::Evaluation { measurement: measurement.clone(), results });
                shown.push(measurement);
            };
            show(&label, digest.clone(), &found, std::mem::take(files));
            if !is_start {
                let start = self.frozen.as_ref().map(|frozen| frozen.system.digest());
                show("start", start.unwrap_or_else(|| digest.clone()), &before, before_files);
            }
        }
        self.view.measurements.extend(shown.iter().cloned());
        if let Some(incumbent) = &mut self.incumbent {
            incumbent.gate = Some(verdict);
        }
        let looks = self.spec.gate.test_looks;
        let why = format!(
            "look {number} of {looks} at the locked test, at level {:.3}: {}",
            alpha.get(),
            match verdict {
                Verdict::Pass => "every criterion is shown",
                Verdict::Fail => "at least one criterion is refuted",
                Verdict::Inconclusive => "no criterion is refuted and not every one is shown",
            }
        );
        let decision = Decision::Gate {
            candidate: digest,
            test_data,
            look: number,
            looks,
            alpha,
            criteria,
            paired,
            verdict,
            shown,
        };
        self.decide(decision, why);
        Ok(records)
    }
}
