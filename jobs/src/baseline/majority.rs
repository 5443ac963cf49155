//! The most frequent answer.

use std::collections::BTreeMap;

/// The text that is there most often, the first of equals. Nothing where there are no texts.
pub fn majority<'a>(texts: &[&'a str]) -> Option<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    texts.iter().for_each(|text| *counts.entry(text).or_default() += 1);
    let most = counts.values().copied().max()?;
    texts.iter().copied().find(|text| counts[text] == most)
}
