//! Okapi BM25 (Robertson and Zaragoza 2009) over a few thousand short texts.

use std::collections::HashMap;

use super::ranking::{Scored, by_falling_score};

/// Saturation of a term's count.
const K1: f64 = 1.2;
/// Weight of the text's length.
const B: f64 = 0.75;

/// An index of texts by their words.
#[derive(Debug, Clone)]
pub struct Bm25 {
    /// For each word, the texts that have it and how often.
    postings: HashMap<String, Vec<(usize, f64)>>,
    lengths: Vec<f64>,
    mean_length: f64,
}

impl Bm25 {
    /// Indexes the texts; they are named by their place.
    pub fn new<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut postings: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        let mut lengths = Vec::new();
        for (place, text) in texts.into_iter().enumerate() {
            let mut counts: HashMap<String, f64> = HashMap::new();
            words(text.as_ref()).for_each(|word| *counts.entry(word).or_default() += 1.0);
            lengths.push(counts.values().sum());
            for (word, count) in counts {
                postings.entry(word).or_default().push((place, count));
            }
        }
        let mean_length = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
        Self { postings, lengths, mean_length }
    }

    /// All texts by falling score, equals in their order. A text without any word of the query scores 0.
    pub fn ranked(&self, query: &str) -> Vec<Scored> {
        let mut scores = vec![0.0; self.lengths.len()];
        // Sorted, because sums of floats depend on their order.
        let mut terms: Vec<String> = words(query).collect();
        terms.sort_unstable();
        for word in terms {
            let Some(postings) = self.postings.get(&word) else {
                continue;
            };
            let rarity = self.rarity(postings.len());
            for (place, count) in postings {
                scores[*place] += rarity * self.weight(*count, self.lengths[*place]);
            }
        }
        by_falling_score(scores)
    }

    fn rarity(&self, texts_with_word: usize) -> f64 {
        let (all, with) = (self.lengths.len() as f64, texts_with_word as f64);
        (1.0 + (all - with + 0.5) / (with + 0.5)).ln()
    }

    fn weight(&self, count: f64, length: f64) -> f64 {
        let norm = 1.0 - B + B * length / self.mean_length;
        count * (K1 + 1.0) / (count + K1 * norm)
    }
}

/// Lowercase runs of letters and digits.
pub(crate) fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let parts = text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    parts.map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(ranked: &[Scored]) -> Vec<usize> {
        ranked.iter().map(|scored| scored.place).collect()
    }

    #[test]
    fn the_text_with_the_rare_word_comes_first() {
        let index = Bm25::new(["where is the car park", "when is the pay day", "the the the is is is"]);
        assert_eq!(index.ranked("Is the CAR outside?")[0].place, 0);
        assert_eq!(index.ranked("which day?")[0].place, 1);
    }

    #[test]
    fn without_common_words_the_order_of_the_texts_stays() {
        let index = Bm25::new(["a b", "c d", "e f"]);
        let ranked = index.ranked("nothing");
        assert_eq!(places(&ranked), [0, 1, 2]);
        assert!(ranked.iter().all(|scored| scored.score == 0.0));
    }

    #[test]
    fn a_score_is_that_of_the_formula() {
        // Two texts of mean length 2; `x` is in one of them, once.
        let index = Bm25::new(["x y", "y z"]);
        let expected = (1.0f64 + 1.5 / 1.5).ln() * (1.0 * 2.2) / (1.0 + 1.2);
        assert!((index.ranked("x")[0].score - expected).abs() < 1e-12);
    }

    #[test]
    fn longer_texts_need_more_of_a_word() {
        let index = Bm25::new(["key and eight other words that say nothing at all", "key holder"]);
        let ranked = index.ranked("key");
        assert_eq!(places(&ranked), [1, 0]);
        // ln(1 + 0.5/2.5) * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2/6))
        assert!((ranked[0].score - 0.182_321_557 * 2.2 / 1.6).abs() < 1e-9, "{}", ranked[0].score);
    }
}
