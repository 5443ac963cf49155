//! What an iteration measured and decided, written down.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::Record;
use empiric_schema::decision::{Decision, DecisionRecord};
use empiric_schema::evidence::{PairedEvidence, Verdict};
use empiric_schema::guard::GuardEvidence;
use empiric_schema::spec::Technique;
use empiric_schema::view::Standing;

use super::{Work, version_row};
use crate::dispatch::{self, Point};
use crate::evidence::sequential::log_e_value;
use crate::gate::{Grades, Outlook};
use crate::race::Halved;

impl Work<'_> {
    pub(super) fn measure(
        &mut self,
        finalist: usize,
        confirmed: &Grades,
        results: Vec<ArtifactRef>,
    ) -> Vec<Record> {
        let point = Point {
            iteration: self.input.number,
            split: "dev-confirm",
            label: self.race.label(finalist),
            version: self.race.candidate(finalist).version.digest(),
        };
        let measurement = dispatch::measurement(point, confirmed);
        self.measurements.push(measurement.clone());
        let label = format!("iteration {} {}", self.input.number, self.race.label(finalist));
        let records = vec![
            version_row(&self.race.candidate(finalist).version, &label),
            Record::Evaluation { measurement, results },
        ];
        let incumbent = self.incumbent().at(&self.confirm);
        let point = Point {
            iteration: self.input.number,
            split: "dev-confirm",
            label: "incumbent",
            version: self.input.incumbent.digest(),
        };
        self.measurements.push(dispatch::measurement(point, &incumbent));
        records
    }

    pub(super) fn decide_halving(&mut self, halved: Halved) {
        let why = format!(
            "round {}: {} of {} candidates stay after {} items each; ties are for the cheaper one",
            halved.round,
            halved.kept.len(),
            halved.kept.len() + halved.dropped.len(),
            halved.items
        );
        let Halved { round, items, kept, dropped } = halved;
        self.decide(Decision::Halve { round, items, kept, dropped }, why);
    }

    pub(super) fn decide_promotion(
        &mut self,
        finalist: usize,
        evidence: PairedEvidence,
        guards: Vec<GuardEvidence>,
        outlook: Outlook,
    ) {
        let counts = evidence.counts;
        self.finalist = Some((finalist, evidence.verdict));
        let standing = match evidence.verdict {
            Verdict::Pass => Standing::Promoted,
            Verdict::Fail | Verdict::Inconclusive => Standing::Rejected,
        };
        self.race.set_standing(finalist, standing);
        let label = self.race.label(finalist);
        let why = match guarded(label, &guards) {
            Some(why) => why,
            None if self.input.technique == Technique::Distil => distilled_sentence(label, &evidence),
            None => promotion_sentence(label, &evidence) + early(outlook),
        };
        let decision = Decision::Promote {
            candidate: self.race.candidate(finalist).version.digest(),
            label: self.race.label(finalist).to_owned(),
            incumbent: self.input.incumbent.digest(),
            evidence,
            log_e: log_e_value(counts.wins, counts.losses),
            guards,
        };
        self.decide(decision, why);
    }

    pub(super) fn decide(&mut self, decision: Decision, why: String) {
        self.decisions.push(DecisionRecord {
            sequence: self.input.next_decision + self.decisions.len() as u32,
            iteration: self.input.number,
            decision,
            why,
            spend: self.budget.used(),
        });
    }
}

/// Why a finalist that is shown to be better does not pass all the same.
fn guarded(label: &str, guards: &[GuardEvidence]) -> Option<String> {
    let held = guards.iter().find(|guard| guard.verdict != Verdict::Pass)?;
    let words = held.guard.words();
    Some(match (held.verdict, held.margin) {
        (_, None) => format!("{label} does more harm than the incumbent, and the incumbent stays"),
        (Verdict::Fail, Some(margin)) => {
            format!(
                "{label} answers better, but its {words} goes beyond the margin of {margin}: the incumbent stays"
            )
        }
        (_, Some(margin)) => format!(
            "{label} answers better, but its {words} is not shown to stay within the margin of {margin}: the incumbent stays"
        ),
    })
}

/// Why the items that were left were not asked for.
fn early(outlook: Outlook) -> &'static str {
    match outlook {
        Outlook::Open => "",
        Outlook::Worse => "; the e-process shows it before all items are answered, and the rest is saved",
        Outlook::Hopeless => "; wins on all other items would not change that, and the rest is saved",
    }
}

fn distilled_sentence(label: &str, evidence: &PairedEvidence) -> String {
    let says = match evidence.verdict {
        Verdict::Pass => "it costs less and becomes the incumbent",
        Verdict::Fail => "it loses more than the margin, and the incumbent stays",
        Verdict::Inconclusive => {
            "that it costs less and stays within the margin is not shown, and the incumbent stays"
        }
    };
    let counts = evidence.counts;
    format!(
        "on {} items that did not choose it, {label} repairs {} and breaks {}, at most {:.1} points lost at alpha {}: {says}",
        counts.total(),
        counts.wins,
        counts.losses,
        (-evidence.gain.low * 100.0).max(0.0),
        evidence.alpha.get()
    )
}

fn promotion_sentence(label: &str, evidence: &PairedEvidence) -> String {
    let counts = evidence.counts;
    let says = match evidence.verdict {
        Verdict::Pass => "it becomes the incumbent",
        Verdict::Fail => "it is worse, and the incumbent stays",
        Verdict::Inconclusive => "that is within the noise, and the incumbent stays",
    };
    format!(
        "on {} items that did not choose it, {label} repairs {} and breaks {} (one-sided mid-p {:.3}, alpha {}): {says}",
        counts.total(),
        counts.wins,
        counts.losses,
        evidence.p_better,
        evidence.alpha.get()
    )
}
