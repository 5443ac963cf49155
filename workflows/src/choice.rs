//! Which technique comes next: what the failures need, times what it has brought, over what it costs. Pure.
//!
//! The rule and the table of remedies are those of the section "From a failure to the next technique" in
//! ARCHITECTURE.md.

use empiric_schema::diagnosis::{Category, DiagnosisRow, Priority};
use empiric_schema::spec::Technique;

use crate::loop_step::{BARRED_AFTER, TechniqueState};

/// The techniques that may repair a category, each with the part of its failures that one can hope for.
///
/// The parts are priors for small models: words alone teach little. What was accepted and rejected in the run
/// outweighs them.
pub fn remedies(category: Category) -> &'static [(Technique, f64)] {
    use Technique::*;
    match category {
        Category::EvaluationDefect => &[],
        Category::Format => &[(Prompt, 0.7), (FineTune, 1.0)],
        Category::Knowledge | Category::RetrievalMiss | Category::LongContext => &[(Rag, 1.0)],
        Category::ContextClutter => &[(Rag, 0.7), (FineTune, 1.0)],
        Category::GenerationMiss => &[(Prompt, 0.2), (FineTune, 1.0), (Preference, 0.5), (Model, 0.7)],
        Category::Tool => &[(Tools, 0.4), (FineTune, 1.0)],
        Category::Unreliable => &[(Prompt, 0.4), (FineTune, 1.0), (Preference, 0.7)],
        Category::Capability => &[(Model, 1.0)],
        Category::Harm => &[(Prompt, 0.2), (FineTune, 1.0), (Preference, 1.0)],
        Category::Efficiency => &[(Prompt, 0.5), (Model, 0.5), (Distil, 1.0)],
        Category::Plateau => &[(FineTune, 0.3), (Model, 0.5), (Pretrain, 0.5)],
    }
}

/// The remedies while the answers stand in documents that the system does not see. What failed with the gold passage
/// in front of the model cannot be repaired by words or by learning before any passage is shown at all.
fn remedies_unread(category: Category) -> &'static [(Technique, f64)] {
    match category {
        Category::GenerationMiss | Category::Tool | Category::ContextClutter => &[(Technique::Rag, 0.5)],
        other => remedies(other),
    }
}

/// The hoped-for part of a category for a technique; `None` where it is no remedy.
pub fn hope(technique: Technique, category: Category, reading: Reading) -> Option<f64> {
    let remedies = match reading {
        Reading::Done => remedies(category),
        Reading::Missing => remedies_unread(category),
    };
    remedies.iter().find(|(one, _)| *one == technique).map(|(_, part)| *part)
}

/// Whether the system sees the documents that hold the answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reading {
    /// It does, or there are none.
    #[default]
    Done,
    /// It does not.
    Missing,
}

/// What one iteration costs in units of a prompt race, before it was measured.
fn estimated_cost(technique: Technique) -> f64 {
    match technique {
        Technique::Baseline => 0.2,
        Technique::Prompt | Technique::Tools => 1.0,
        Technique::Rag => 1.5,
        Technique::Model => 3.0,
        Technique::FineTune | Technique::Preference | Technique::Distil => 4.0,
        Technique::Pretrain => 50.0,
    }
}

/// What speaks for a technique; `None` where no failure that it is a remedy for is left.
pub fn priority(known: &TechniqueState, diagnosis: &[DiagnosisRow], reading: Reading) -> Option<Priority> {
    let weight = |row: &DiagnosisRow| {
        let part =
            hope(known.technique, row.category, reading).filter(|_| !is_barred_for(known, row.category))?;
        Some((row.category, row.share * row.repair_rate * part))
    };
    let weights: Vec<(Category, f64)> = diagnosis.iter().filter_map(weight).collect();
    let lead = weights.iter().max_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let reach: f64 = weights.iter().map(|(_, weight)| weight).sum();
    let (acceptance, cost) = (acceptance(known), known.cost.unwrap_or(estimated_cost(known.technique)));
    Some(Priority {
        technique: known.technique.name().to_owned(),
        category: lead,
        reach,
        acceptance,
        cost,
        priority: reach * acceptance / cost,
    })
}

/// Whether the technique was rejected too often for a category.
pub fn is_barred_for(known: &TechniqueState, category: Category) -> bool {
    known.rejected_for.iter().filter(|one| **one == category).count() >= BARRED_AFTER as usize
}

/// The mean of the Beta posterior under a uniform prior.
fn acceptance(known: &TechniqueState) -> f64 {
    f64::from(known.acceptances + 1) / f64::from(known.acceptances + known.rejections + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(category: Category, share: f64, repair_rate: f64) -> DiagnosisRow {
        DiagnosisRow { category, items: 10, share, repair_rate, examples: Vec::new() }
    }

    #[test]
    fn the_priority_is_that_of_the_rule() {
        let known = TechniqueState { acceptances: 1, ..TechniqueState::fresh(Technique::FineTune) };
        let rows = [
            row(Category::Tool, 0.2, 0.5),
            row(Category::GenerationMiss, 0.5, 0.3),
            row(Category::Knowledge, 0.3, 1.0),
        ];
        let found = priority(&known, &rows, Reading::Done).unwrap();
        assert_eq!(found.category, Category::GenerationMiss);
        assert!((found.reach - 0.25).abs() < 1e-12 && (found.acceptance - 2.0 / 3.0).abs() < 1e-12);
        assert!((found.priority - 0.25 * (2.0 / 3.0) / 4.0).abs() < 1e-12);
    }

    #[test]
    fn a_technique_without_a_failure_to_repair_or_barred_for_it_has_none() {
        let rows = [row(Category::Knowledge, 1.0, 0.5)];
        assert_eq!(priority(&TechniqueState::fresh(Technique::Prompt), &rows, Reading::Done), None);
        let mut known = TechniqueState::fresh(Technique::Rag);
        known.rejected_for = vec![Category::Knowledge];
        assert!(priority(&known, &rows, Reading::Done).is_some());
        known.rejected_for.push(Category::Knowledge);
        assert_eq!(priority(&known, &rows, Reading::Done), None);
    }

    #[test]
    fn every_category_but_a_defect_has_a_remedy() {
        let without: Vec<Category> =
            Category::ALL.into_iter().filter(|category| remedies(*category).is_empty()).collect();
        assert_eq!(without, [Category::EvaluationDefect]);
    }

    #[test]
    fn before_anything_is_read_a_generation_miss_asks_for_passages() {
        let rows = [row(Category::GenerationMiss, 0.6, 0.3), row(Category::Knowledge, 0.2, 0.2)];
        let of = |technique, reading| {
            priority(&TechniqueState::fresh(technique), &rows, reading).map(|one| one.reach)
        };
        let (unread, read) = (of(Technique::Rag, Reading::Missing), of(Technique::Rag, Reading::Done));
        assert!((unread.unwrap() - 0.13).abs() < 1e-12 && (read.unwrap() - 0.04).abs() < 1e-12);
        assert_eq!(of(Technique::Prompt, Reading::Missing), None);
        assert!(of(Technique::Prompt, Reading::Done).is_some());
    }

    #[test]
    fn what_was_measured_replaces_the_estimated_cost() {
        let rows = [row(Category::Knowledge, 1.0, 0.5)];
        let known = TechniqueState { cost: Some(3.0), ..TechniqueState::fresh(Technique::Rag) };
        assert_eq!(priority(&known, &rows, Reading::Done).unwrap().cost, 3.0);
    }
}
