//! From probes to a table: which failures are probed, and what they are put down to. Pure.

use std::cmp::Reverse;

use empiric_schema::diagnosis::{Category, DiagnosisRow, DiagnosisSummary, Probe, ProbeCount};

use crate::evidence::random::seeded_order;

/// Most failures that are probed for one version: enough for shares within ten points, and no more work than a
/// race.
pub const MOST_PROBED: usize = 64;
/// Positions that a row of the table shows.
const EXAMPLES: usize = 3;
/// Repair rate where no probe repairs by its nature: what was tried failed, and something else has to be learned.
const UNPROBED_RATE: f64 = 0.3;
/// Share of evaluation defects among probed failures above which a person must look first.
pub const MOST_DEFECTS: f64 = 0.1;

/// The failing positions that are probed: a seeded sample, in dev order.
pub fn to_probe(passed: &str, seed: u64) -> Vec<u32> {
    let failing: Vec<u32> =
        (0..).zip(passed.bytes()).filter(|(_, grade)| *grade != b'1').map(|(position, _)| position).collect();
    let mut chosen: Vec<u32> =
        seeded_order(seed, failing.len()).into_iter().take(MOST_PROBED).map(|index| failing[index]).collect();
    chosen.sort_unstable();
    chosen
}

/// The table, the largest category first. `positions` are those that the job was asked for.
pub fn rows(summary: &DiagnosisSummary, positions: &[u32]) -> Vec<DiagnosisRow> {
    let found = found(summary, positions);
    let mut rows: Vec<DiagnosisRow> =
        Category::ALL.into_iter().filter_map(|category| row(category, &found, &summary.probes)).collect();
    rows.sort_by_key(|row| Reverse(row.items));
    rows
}

fn found(summary: &DiagnosisSummary, positions: &[u32]) -> Vec<(u32, Category)> {
    let letters = positions.iter().zip(summary.categories.chars());
    letters.filter_map(|(&position, letter)| Some((position, Category::of_letter(letter)?))).collect()
}

fn row(category: Category, found: &[(u32, Category)], probes: &[ProbeCount]) -> Option<DiagnosisRow> {
    let positions: Vec<u32> =
        found.iter().filter(|(_, one)| *one == category).map(|(position, _)| *position).collect();
    if positions.is_empty() {
        return None;
    }
    Some(DiagnosisRow {
        category,
        items: positions.len() as u32,
        share: positions.len() as f64 / found.len() as f64,
        repair_rate: repair_rate(category, probes),
        examples: positions.into_iter().take(EXAMPLES).collect(),
    })
}

/// What part of its tries the category's probe repaired.
fn repair_rate(category: Category, probes: &[ProbeCount]) -> f64 {
    let Some(wanted) = probe_of(category) else { return UNPROBED_RATE };
    let count = probes.iter().find(|count| count.probe == wanted && count.tried > 0);
    count.map_or(UNPROBED_RATE, |count| f64::from(count.repaired) / f64::from(count.tried))
}

/// The probe whose repair names the category.
fn probe_of(category: Category) -> Option<Probe> {
    match category {
        Category::EvaluationDefect => Some(Probe::Recheck),
        Category::Format => Some(Probe::LenientGrader),
        Category::Knowledge | Category::RetrievalMiss => Some(Probe::GoldPassage),
        Category::ContextClutter | Category::LongContext => Some(Probe::ShorterContext),
        Category::Tool => Some(Probe::ToolResult),
        Category::Unreliable => Some(Probe::Samples),
        Category::Capability => Some(Probe::OtherModel),
        Category::GenerationMiss | Category::Harm | Category::Efficiency | Category::Plateau => None,
    }
}

/// Positions of failures that look like mistakes of the data or of the grader, and how many failures were put down
/// to anything.
pub fn suspects(summary: &DiagnosisSummary, positions: &[u32]) -> (Vec<u32>, usize) {
    let found = found(summary, positions);
    let suspects = found.iter().filter(|(_, category)| *category == Category::EvaluationDefect);
    (suspects.map(|(position, _)| *position).collect(), found.len())
}

/// Whether so many of the probed failures are suspect that a person must look first.
pub fn are_too_many(suspects: usize, probed: usize) -> bool {
    suspects as f64 > MOST_DEFECTS * probed as f64
}

/// Most lines that a sentence names.
const MOST_LINES: usize = 20;

/// Positions as line numbers of the file, for people.
pub fn lines(positions: &[u32]) -> String {
    let mut lines: Vec<String> =
        positions.iter().take(MOST_LINES).map(|position| (position + 1).to_string()).collect();
    if positions.len() > MOST_LINES {
        lines.push(format!("and {} more", positions.len() - MOST_LINES));
    }
    lines.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(categories: &str) -> DiagnosisSummary {
        let count = |probe, tried, repaired| ProbeCount { probe, tried, repaired };
        let probes = vec![count(Probe::GoldPassage, 8, 4), count(Probe::ToolResult, 4, 1)];
        DiagnosisSummary { categories: categories.to_owned(), probes }
    }

    #[test]
    fn failing_items_are_sampled_by_seed_and_kept_in_order() {
        assert_eq!(to_probe("1001", 1), [1, 2]);
        let many = "0".repeat(200);
        let (one, two) = (to_probe(&many, 1), to_probe(&many, 2));
        assert_eq!(one.len(), MOST_PROBED);
        assert!(one.is_sorted() && one != two);
        assert_eq!(one, to_probe(&many, 1));
    }

    #[test]
    fn rows_have_shares_rates_and_examples() {
        let rows = rows(&summary("kkgktkkg"), &[3, 5, 7, 9, 11, 13, 15, 17]);
        let short: Vec<_> = rows.iter().map(|row| (row.category, row.items, row.repair_rate)).collect();
        let expected =
            [(Category::Knowledge, 5, 0.5), (Category::GenerationMiss, 2, 0.3), (Category::Tool, 1, 0.25)];
        assert_eq!(short, expected);
        assert_eq!((rows[0].share, rows[0].examples.as_slice()), (0.625, &[3, 5, 9][..]));
    }

    #[test]
    fn more_than_a_tenth_of_suspects_is_too_many() {
        let positions: Vec<u32> = (30..50).collect();
        let (few, probed) = suspects(&summary("kdkdkkkkkkkkkkkkkkkk"), &positions);
        assert_eq!((few.as_slice(), probed), (&[31, 33][..], 20));
        assert!(!are_too_many(few.len(), probed));
        let (many, probed) = suspects(&summary("dddkkkkkkkkkkkkkkkkk"), &positions);
        assert!(are_too_many(many.len(), probed));
        assert!(!are_too_many(0, 0));
    }

    #[test]
    fn lines_are_counted_from_one_and_long_lists_are_cut() {
        assert_eq!(lines(&[0, 4]), "1, 5");
        assert!(lines(&(0..30).collect::<Vec<_>>()).ends_with("19, 20, and 10 more"));
    }
}
