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
    let found: Vec<(u32, Category)> = positions
        .iter()
        .zip(summary.categories.chars())
        .filter_map(|(&position, letter)| Some((position, Category::of_letter(letter)?)))
        .collect();
    let mut rows: Vec<DiagnosisRow> =
        Category::ALL.into_iter().filter_map(|category| row(category, &found, &summary.probes)).collect();
    rows.sort_by_key(|row| Reverse(row.items));
    rows
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

/// A problem for a person, where too many failures are the data's or the grader's own.
pub fn defects(rows: &[DiagnosisRow]) -> Option<String> {
    let row = rows.iter().find(|row| row.category == Category::EvaluationDefect)?;
    (row.share > MOST_DEFECTS).then(|| {
        format!(
            "{} of the probed failures ({:.0} %) look like defects of the data or of the grader, not of the system \
             (dev lines {}): mend those items or the assertions, then `empiric run` again",
            row.items,
            row.share * 100.0,
            lines(&row.examples)
        )
    })
}

/// Positions as line numbers of the file, for people.
fn lines(positions: &[u32]) -> String {
    let lines: Vec<String> = positions.iter().map(|position| (position + 1).to_string()).collect();
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
    fn many_defects_need_a_person_and_few_do_not() {
        let positions: Vec<u32> = (0..20).collect();
        assert_eq!(defects(&rows(&summary("ddkkkkkkkkkkkkkkkkkk"), &positions)), None);
        let told = defects(&rows(&summary("dddkkkkkkkkkkkkkkkkk"), &positions)).unwrap();
        assert!(
            told.starts_with("3 of the probed failures (15 %)") && told.contains("lines 1, 2, 3"),
            "{told}"
        );
    }
}
