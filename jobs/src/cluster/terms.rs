//! Names for groups of texts: class-based TF-IDF (Grootendorst 2022).

use std::collections::BTreeMap;

use crate::retrieve::words;

/// Terms of a name.
const TERMS: usize = 4;

/// Words that say nothing about what is asked.
const EMPTY: &str = " a about after all am an and any are as at be been before by can could did do does for from \
    get had has have how i if in into is it its just me much many may my need no not of off on one or our out \
    own per please should so some than that the their them there they this to up us was we were what when where \
    which who whose why will with would you your im ive id s t m ll re ve d dont cant isnt ";

/// The terms of each group that set it apart, the best first. A term's weight is its count in the group times
/// `ln(1 + A / f)`: `f` is its count in all groups, `A` the mean count of terms of a group.
pub(crate) fn top_terms(groups: &[Vec<&str>]) -> Vec<Vec<String>> {
    let counts: Vec<BTreeMap<String, f64>> = groups.iter().map(|texts| count(texts)).collect();
    let mut everywhere: BTreeMap<&str, f64> = BTreeMap::new();
    for (term, count) in counts.iter().flatten() {
        *everywhere.entry(term).or_default() += count;
    }
    let mean = everywhere.values().sum::<f64>() / groups.len().max(1) as f64;
    let top = |group: &BTreeMap<String, f64>| {
        let weight = |(term, count): (&String, &f64)| {
            let weight = count * (1.0 + mean / everywhere[term.as_str()]).ln();
            (weight, term.clone())
        };
        let mut weighted: Vec<(f64, String)> = group.iter().map(weight).collect();
        weighted.sort_by(|one, other| other.0.total_cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
        weighted.into_iter().take(TERMS).map(|(_, term)| term).collect()
    };
    counts.iter().map(top).collect()
}

fn count(texts: &[&str]) -> BTreeMap<String, f64> {
    let mut counts = BTreeMap::new();
    for word in texts.iter().flat_map(|text| words(text)) {
        let is_number = word.chars().all(|c| c.is_numeric());
        if !is_number && word.chars().count() > 1 && !EMPTY.contains(&format!(" {word} ")) {
            *counts.entry(word).or_default() += 1.0;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terms_that_set_a_group_apart_come_first() {
        let parking = vec!["Where is the staff parking?", "Is parking free for staff on 7 days?"];
        let leave = vec!["How much leave do staff get?", "Can I carry leave over?"];
        assert_eq!(
            top_terms(&[parking, leave, vec!["the of 12"]]),
            [vec!["parking", "staff", "days", "free"], vec!["leave", "carry", "over", "staff"], vec![]]
        );
    }

    #[test]
    fn the_weight_is_that_of_the_formula() {
        // A = 6 / 2. In the first group `b` weighs 1 * ln(1 + 3/1) and `a` 2 * ln(1 + 3/4).
        assert!(1.0 * 4.0_f64.ln() > 2.0 * 1.75_f64.ln());
        assert_eq!(top_terms(&[vec!["aa aa bb"], vec!["aa aa cc"]])[0], ["bb", "aa"]);
    }
}
