//! What was measured beside the system: baselines, and the starting system's second run.

use empiric_schema::view::{Comparison, Reference, RunView};
use serde::Serialize;

use super::words;

/// One row of the table.
#[derive(Debug, Serialize)]
pub(super) struct BesideRow {
    reference: &'static str,
    split: String,
    passed: String,
    accuracy: String,
    interval: String,
    note: String,
}

/// All comparisons in the order in which they were made.
pub(super) fn beside(view: &RunView) -> Vec<BesideRow> {
    view.comparisons.iter().map(row).collect()
}

fn row(comparison: &Comparison) -> BesideRow {
    let measured = |text: String| if comparison.n == 0 { "–".to_owned() } else { text };
    BesideRow {
        reference: comparison.reference.words(),
        split: comparison.split.clone(),
        passed: measured(format!("{} of {}", comparison.passed, comparison.n)),
        accuracy: measured(words::percent(comparison.accuracy())),
        interval: measured(words::interval(comparison.interval)),
        note: note(comparison),
    }
}

/// What the difference to the system says.
fn note(comparison: &Comparison) -> String {
    match (comparison.reference, comparison.differ) {
        _ if comparison.n == 0 => "could not be measured".to_owned(),
        (Reference::Again, 0) => {
            "no answer was graded otherwise: every difference below has a cause".to_owned()
        }
        (Reference::Again, differ) => {
            format!(
                "{differ} answers were graded otherwise although nothing changed: gains of that size are noise"
            )
        }
        (Reference::Majority | Reference::Supervised, _) => "needs no language model".to_owned(),
    }
}
