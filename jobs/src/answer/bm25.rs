//! Okapi BM25 (Robertson and Zaragoza 2009) over a few thousand short texts.

use std::collections::HashMap;

/// Saturation of a term's count.
const K1: f64 = 1.2;
/// Weight of the text's length.
const B: f64 = 0.75;

/// An index of texts by their words.
#[derive(Debug, Clone)]
pub(crate) struct Bm25 {
    /// For each word, the texts that have it and how often.
    postings: HashMap<String, Vec<(usize, f64)>>,
    lengths: Vec<f64>,
    mean_length: f64,
}

impl Bm25 {
    /// Indexes the texts; they are named by their place.
    pub(crate) fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut postings: HashMap<String, Vec<(usize, f64)>> = HashMap::new();
        let mut lengths = Vec::new();
        for (place, text) in texts.into_iter().enumerate() {
            let mut counts: HashMap<String, f64> = HashMap::new();
            words(text).for_each(|word| *counts.entry(word).or_default() += 1.0);
            lengths.push(counts.values().sum());
            for (word, count) in counts {
                postings.entry(word).or_default().push((place, count));
            }
        }
        let mean_length = lengths.iter().sum::<f64>() / lengths.len().max(1) as f64;
        Self { postings, lengths, mean_length }
    }

    /// All texts by falling score, equals in their order: the places alone.
    pub(crate) fn ranked(&self, query: &str) -> Vec<usize> {
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
        let mut places: Vec<usize> = (0..scores.len()).collect();
        places.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(a.cmp(b)));
        places
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

    #[test]
    fn the_text_with_the_rare_word_comes_first() {
        let index = Bm25::new(["where is the car park", "when is the pay day", "the the the is is is"]);
        assert_eq!(index.ranked("Is the CAR outside?")[0], 0);
        assert_eq!(index.ranked("which day?")[0], 1);
    }

    #[test]
    fn without_common_words_the_order_of_the_pool_stays() {
        let index = Bm25::new(["a b", "c d", "e f"]);
        assert_eq!(index.ranked("nothing"), [0, 1, 2]);
    }

    #[test]
    fn a_score_is_that_of_the_formula() {
        let index = Bm25::new(["x y", "y z"]);
        let expected = (1.0f64 + 1.5 / 1.5).ln() * (1.0 * 2.2) / (1.0 + 1.2);
        assert!((index.rarity(1) * index.weight(1.0, 2.0) - expected).abs() < 1e-12);
    }
}
