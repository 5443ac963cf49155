//! Leaks between splits: items that are the same, or nearly, on both sides.
//!
//! Pure text comparison, exact and complete: every pair at or above the threshold is found.
//! Paraphrases that share few words are left to embeddings.
//!
//! Near-copies are found by the Jaccard similarity of shingle sets (Broder 1997). An inverted
//! index over the rarest shingles of each text keeps it fast: two sets of similarity `t` share at
//! least one of their `size - ceil(t * size) + 1` rarest members (prefix filtering: Chaudhuri,
//! Ganti and Kaushik 2006; Bayardo, Ma and Srikant 2007).

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{Overlap, OverlapKind};

/// Length of a character shingle.
const SHINGLE: usize = 5;

/// An item to compare.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextItem<'a> {
    /// Its id, for the report.
    pub id: &'a str,
    /// The text that must not be on both sides, such as the question.
    pub text: &'a str,
}

/// What two texts must share to be near-copies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimilarityMeasure {
    /// Runs of five characters. Tells "after five years" from "after ten years" better than words.
    Characters,
    /// Words in any order.
    Words,
}

/// When two items are too much alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearCopyRule {
    /// Jaccard similarity at or above which a pair is reported, in `(0, 1]`.
    pub threshold: f64,
    /// What is compared.
    pub measure: SimilarityMeasure,
}

impl Default for NearCopyRule {
    /// Four fifths of the five-character runs.
    fn default() -> Self {
        Self { threshold: 0.8, measure: SimilarityMeasure::Characters }
    }
}

/// Lower case, punctuation dropped, white space single. Apostrophes join ("don't" is "dont"),
/// other punctuation separates. A text of symbols alone stays itself, only trimmed and lowered,
/// since otherwise all of them would be equal.
pub fn normalise(text: &str) -> String {
    let lowered = text.to_lowercase();
    let kept: String = lowered
        .chars()
        .filter(|c| !matches!(c, '\'' | '\u{2019}'))
        .map(|c| if c.is_alphanumeric() { c } else { ' ' })
        .collect();
    let words: Vec<&str> = kept.split_whitespace().collect();
    if words.is_empty() {
        return lowered.trim().to_owned();
    }
    words.join(" ")
}

/// Jaccard similarity of two texts after normalisation, in `[0, 1]`.
pub fn similarity(left: &str, right: &str, measure: SimilarityMeasure) -> f64 {
    let (left, right) = (normalise(left), normalise(right));
    let (left, right) = (shingles(&left, measure), shingles(&right, measure));
    jaccard(left.intersection(&right).count(), left.len(), right.len())
}

fn jaccard(shared: usize, left: usize, right: usize) -> f64 {
    shared as f64 / (left + right - shared) as f64
}

/// The set that a normalised text is compared by. A text shorter than a shingle is its own, so
/// the set is never empty.
fn shingles(text: &str, measure: SimilarityMeasure) -> BTreeSet<&str> {
    match measure {
        SimilarityMeasure::Words => text.split(' ').collect(),
        SimilarityMeasure::Characters if text.is_empty() => BTreeSet::from([text]),
        SimilarityMeasure::Characters => {
            let starts: Vec<usize> = text.char_indices().map(|(start, _)| start).collect();
            let end_of = |i: usize| starts.get(i + SHINGLE).copied().unwrap_or(text.len());
            let count = starts.len().saturating_sub(SHINGLE - 1).max(1);
            let runs = starts.iter().take(count).enumerate();
            runs.map(|(i, &start)| &text[start..end_of(i)]).collect()
        }
    }
}

/// Every pair of a left and a right item that are duplicates or near-copies, most alike first,
/// then by ids.
pub fn find_overlaps(left: &[TextItem<'_>], right: &[TextItem<'_>], rule: &NearCopyRule) -> Vec<Overlap> {
    let texts =
        |items: &[TextItem<'_>]| -> Vec<String> { items.iter().map(|item| normalise(item.text)).collect() };
    let (left_texts, right_texts) = (texts(left), texts(right));
    let corpus = RankedCorpus::new(&left_texts, &right_texts, rule.measure);
    let index = corpus.prefix_index(rule.threshold);
    let mut overlaps = Vec::new();
    for (i, set) in corpus.left.iter().enumerate() {
        for j in candidates(&index, set, rule.threshold) {
            let similarity = sorted_jaccard(set, &corpus.right[j]);
            let same_text = left_texts[i] == right_texts[j];
            if let Some(kind) = kind(same_text, similarity, rule.threshold) {
                overlaps.push(Overlap {
                    left: left[i].id.to_owned(),
                    right: right[j].id.to_owned(),
                    similarity,
                    kind,
                });
            }
        }
    }
    overlaps.sort_by(most_alike_first);
    overlaps
}

fn kind(same_text: bool, similarity: f64, threshold: f64) -> Option<OverlapKind> {
    if same_text {
        Some(OverlapKind::Duplicate)
    } else {
        (similarity >= threshold).then_some(OverlapKind::NearCopy)
    }
}

fn most_alike_first(a: &Overlap, b: &Overlap) -> std::cmp::Ordering {
    let by_ids = (a.kind, &a.left, &a.right).cmp(&(b.kind, &b.left, &b.right));
    b.similarity.total_cmp(&a.similarity).then(by_ids)
}

/// Both splits with shingles replaced by their rank, rarest first, each set sorted.
struct RankedCorpus {
    left: Vec<Vec<u32>>,
    right: Vec<Vec<u32>>,
}

/// For each shingle, the right items that have it among their rarest.
type PrefixIndex = BTreeMap<u32, Vec<usize>>;

impl RankedCorpus {
    fn new(left: &[String], right: &[String], measure: SimilarityMeasure) -> Self {
        let sets = |texts: &'_ [String]| -> Vec<BTreeSet<String>> {
            let owned = |text: &String| shingles(text, measure).into_iter().map(str::to_owned).collect();
            texts.iter().map(owned).collect()
        };
        let (left, right) = (sets(left), sets(right));
        let ranks = ranks_by_rarity(left.iter().chain(&right));
        let ranked = |sets: &[BTreeSet<String>]| sets.iter().map(|set| ranked(set, &ranks)).collect();
        Self { left: ranked(&left), right: ranked(&right) }
    }

    fn prefix_index(&self, threshold: f64) -> PrefixIndex {
        let mut index = PrefixIndex::new();
        for (j, set) in self.right.iter().enumerate() {
            for &shingle in prefix(set, threshold) {
                index.entry(shingle).or_default().push(j);
            }
        }
        index
    }
}

fn ranks_by_rarity<'a>(sets: impl Iterator<Item = &'a BTreeSet<String>>) -> BTreeMap<&'a str, u32> {
    let mut occurrences: BTreeMap<&str, u32> = BTreeMap::new();
    for shingle in sets.flatten() {
        *occurrences.entry(shingle).or_default() += 1;
    }
    let mut by_rarity: Vec<(u32, &str)> = occurrences.iter().map(|(s, n)| (*n, *s)).collect();
    by_rarity.sort_unstable();
    (0..).zip(by_rarity).map(|(rank, (_, shingle))| (shingle, rank)).collect()
}

fn ranked(set: &BTreeSet<String>, ranks: &BTreeMap<&str, u32>) -> Vec<u32> {
    let mut numbers: Vec<u32> = set.iter().filter_map(|s| ranks.get(s.as_str()).copied()).collect();
    numbers.sort_unstable();
    numbers
}

/// The rarest members, of which any set similar enough must share one.
fn prefix(set: &[u32], threshold: f64) -> &[u32] {
    // A hair lower than the threshold, so that rounding never drops a pair exactly on it.
    let must_share = ((threshold - 1e-9) * set.len() as f64).ceil().max(1.0) as usize;
    let length = (set.len() + 1).saturating_sub(must_share);
    &set[..length.min(set.len())]
}

fn candidates(index: &PrefixIndex, set: &[u32], threshold: f64) -> BTreeSet<usize> {
    let shared = prefix(set, threshold).iter().filter_map(|shingle| index.get(shingle));
    shared.flatten().copied().collect()
}

/// Jaccard similarity of two sorted sets.
fn sorted_jaccard(left: &[u32], right: &[u32]) -> f64 {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while i < left.len() && j < right.len() {
        match left[i].cmp(&right[j]) {
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
            std::cmp::Ordering::Equal => {
                (i, j, shared) = (i + 1, j + 1, shared + 1);
            }
        }
    }
    jaccard(shared, left.len(), right.len())
}

#[cfg(test)]
mod tests;
