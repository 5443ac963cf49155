//! What the splits could show, and what more would help. The figures are those of `empiric plan`.

use std::collections::BTreeMap;

use empiric_schema::evidence::Alpha;
use empiric_schema::spec::{Criterion, ProjectSpec};
use empiric_workflows::evidence::power::passing_count;
use empiric_workflows::gate::threshold;
use empiric_workflows::plan::{Plan, Sizes, detectable_gain, plan};

use super::draft::Arrangement;
use super::found::Found;
use super::group::Bond;
use super::guess::{self, Guess};
use super::project::LEAST_EXAMPLES;
use super::split::targets;
use crate::report::words::{percent, plural};

/// A gain that is worth seeing: smaller ones take data that few people have.
const GOOD_GAIN: f64 = 0.10;
/// Most items that are thought of.
const MOST: u32 = 20_000;

/// What could be seen with this data.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook {
    /// Smallest gain that is found 8 times in 10, as a share of the items; `None` if none is.
    pub detectable_gain: Option<f64>,
    /// Further items with which a gain of ten points would be found; 0 if it is already.
    pub more_items: Option<u32>,
    /// What is missing or doubtful, in words.
    pub missing: Vec<String>,
}

impl Outlook {
    /// Asks the plan, and looks at the items.
    pub(super) fn of(spec: &ProjectSpec, found: &Found, guess: &Guess, arrangement: &Arrangement) -> Self {
        let [train, dev, test] = arrangement.sizes().map(as_u32);
        let plan = plan(spec, Sizes { train, dev, test });
        let more_items = more_items(spec, &plan, as_u32(found.items.len()));
        let mut missing = gains(&plan, more_items);
        missing.extend(promises(spec, &plan, test));
        missing.extend(examples(train));
        missing.extend(doubts(found, guess, arrangement));
        Self { detectable_gain: plan.detectable_gain, more_items, missing }
    }
}

fn as_u32(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The fewest further items that show a good gain, split as these are.
fn more_items(spec: &ProjectSpec, plan: &Plan, items: u32) -> Option<u32> {
    if plan.detectable_gain.is_some_and(|gain| gain <= GOOD_GAIN) {
        return Some(0);
    }
    let alpha = Alpha::new(spec.gate.alpha).unwrap_or(Alpha::FIVE_PERCENT);
    let confirming = least(1, |items| detectable_gain(items, alpha).is_some_and(|gain| gain <= GOOD_GAIN))?;
    let confirmed = |total: u32| {
        let dev = targets(total as usize)[1] as f64;
        dev - (dev * spec.gate.race_share).round()
    };
    let total = least(items, |total| confirmed(total) >= f64::from(confirming))?;
    Some(total - items)
}

/// The least number from `start` on for which a monotone condition holds.
fn least(start: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
    let (mut bad, mut good) = (start.saturating_sub(1), start.max(1));
    while !holds(good) {
        if good >= MOST {
            return None;
        }
        (bad, good) = (good, good.saturating_mul(2).min(MOST));
    }
    while good - bad > 1 {
        let middle = u32::midpoint(bad, good);
        if holds(middle) { good = middle } else { bad = middle }
    }
    Some(good)
}

fn gains(plan: &Plan, more: Option<u32>) -> Vec<String> {
    match (plan.detectable_gain, more) {
        (Some(_), Some(0)) => Vec::new(),
        (_, Some(more)) => {
            vec![format!("about {more} more items would show a gain of {}", percent(GOOD_GAIN))]
        }
        (_, None) => vec![format!("a gain of {} would need more than {MOST} items", percent(GOOD_GAIN))],
    }
}

/// Criteria that not even a perfect system could be shown to keep.
fn promises(spec: &ProjectSpec, plan: &Plan, test: u32) -> Vec<String> {
    let alpha = Alpha::new(spec.gate.alpha).unwrap_or(Alpha::FIVE_PERCENT);
    let looks = std::num::NonZeroU32::new(spec.gate.test_looks).unwrap_or(std::num::NonZeroU32::MIN);
    let pairs = spec.scope.success.iter().zip(&plan.promise).filter(|(_, planned)| planned.needed.is_none());
    let needed = |criterion: &Criterion| {
        let shown =
            |items: u32| passing_count(u64::from(items), threshold(criterion), alpha.share(looks)).is_some();
        least(test + 1, shown)
    };
    let words = |items: Option<u32>| match items {
        Some(items) => format!("{items} would be the least"),
        None => "no number would do".to_owned(),
    };
    let one = |(criterion, _): (&Criterion, _)| {
        format!("{criterion} cannot be shown with {test} test items: {}", words(needed(criterion)))
    };
    pairs.map(one).collect()
}

fn examples(train: u32) -> Option<String> {
    let least = as_u32(LEAST_EXAMPLES);
    let lacking = least.checked_sub(train).filter(|lacking| *lacking > 0)?;
    Some(format!("fine-tuning wants at least {least} train items: {lacking} more in train"))
}

fn doubts(found: &Found, guess: &Guess, arrangement: &Arrangement) -> Vec<String> {
    let mut doubts = Vec::new();
    let has_family = found
        .items
        .iter()
        .any(|item| !item.documents.is_empty() || item.tags.iter().any(|tag| tag.starts_with("family:")));
    if has_family && arrangement.bond == Bond::NearCopies {
        doubts.push(
            "items of one document or family are in several splits: they are too few groups to be kept \
             together, so that a score on test may be too good"
                .to_owned(),
        );
    }
    if !found.documents.is_empty() && found.items.iter().all(|item| item.documents.is_empty()) {
        doubts
            .push("no item names its documents: whether retrieval finds them cannot be measured".to_owned());
    }
    if found.documents.is_empty() && found.items.iter().any(|item| !item.documents.is_empty()) {
        doubts
            .push("items name documents that are not here: `--from FOLDER` takes documents over".to_owned());
    }
    match guess::long_answers(&found.items) {
        0 => {}
        long => doubts.push(format!(
            "{} too long to be found word by word in an answer: a short fact grades better",
            if long == 1 {
                "1 expected answer is".to_owned()
            } else {
                format!("{long} expected answers are")
            }
        )),
    }
    doubts.extend(contradictions(found));
    doubts.extend(rare_labels(found, &guess.labels));
    doubts
}

fn contradictions(found: &Found) -> Option<String> {
    let mut answers: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for item in &found.items {
        let known = answers.entry(item.input.trim()).or_default();
        if !known.contains(&item.expected.shown()) {
            known.push(item.expected.shown());
        }
    }
    let count = answers.values().filter(|known| known.len() > 1).count() as u64;
    (count > 0).then(|| format!("{} with different answers", plural(count, "input")))
}

fn rare_labels(found: &Found, labels: &[String]) -> Vec<String> {
    const ENOUGH: usize = 20;
    let count = |label: &&String| found.items.iter().filter(|item| item.expected.shown() == **label).count();
    let rare = labels.iter().map(|label| (label, count(&label))).filter(|(_, count)| *count < ENOUGH);
    let mut words: Vec<String> =
        rare.map(|(label, count)| format!("label `{label}` has {count} items alone")).collect();
    let same = |a: &String, b: &String| a != b && a.to_lowercase() == b.to_lowercase();
    if labels.iter().any(|a| labels.iter().any(|b| same(a, b))) {
        words.push("some labels differ in their case alone: make them one in the file".to_owned());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_number_is_found_or_there_is_none() {
        assert_eq!(least(1, |n| n >= 137), Some(137));
        assert_eq!(least(200, |n| n >= 137), Some(200));
        assert_eq!(least(1, |n| n > MOST), None);
    }
}
