//! How well passages were found, held against the documents that items name.

use std::collections::BTreeSet;

use empiric_schema::job::RetrievalSummary;

/// Ranks that are looked at.
const DEPTH: usize = 10;
/// The ranks up to which recall is told.
const RECALL_RANKS: [usize; 4] = [1, 3, 5, DEPTH];

/// Sums over items, each with the documents that hold its answer.
#[derive(Debug, Clone, Default)]
pub struct RetrievalMeasure {
    sums: RetrievalSummary,
}

impl RetrievalMeasure {
    /// Adds an item by the documents of its passages, the best first; only the first ten count. An item that
    /// names no documents is left out.
    pub fn add(&mut self, relevant: &[String], ranked: &[&str]) {
        let relevant: BTreeSet<&str> = relevant.iter().map(String::as_str).collect();
        if relevant.is_empty() {
            return;
        }
        let ranks = first_ranks(&relevant, ranked);
        self.sums.items += 1;
        if let Some(first) = ranks.first() {
            for (sum, up_to) in self.sums.recall.iter_mut().zip(RECALL_RANKS) {
                *sum += f64::from(u8::from(*first <= up_to));
            }
            self.sums.mrr += 1.0 / *first as f64;
        }
        self.sums.ndcg += gain(ranks.iter().copied()) / gain(1..=relevant.len().min(DEPTH));
    }

    /// The means; nothing where no item names its documents.
    pub fn summary(&self) -> Option<RetrievalSummary> {
        let RetrievalSummary { items, recall, mrr, ndcg } = self.sums;
        let mean = |sum: f64| sum / f64::from(items);
        (items > 0).then(|| RetrievalSummary {
            items,
            recall: recall.map(mean),
            mrr: mean(mrr),
            ndcg: mean(ndcg),
        })
    }
}

/// The rank, from 1, at which each relevant document comes first. Further chunks of it say nothing new.
fn first_ranks(relevant: &BTreeSet<&str>, ranked: &[&str]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let ranks = ranked.iter().take(DEPTH).zip(1..);
    ranks
        .filter(|(document, _)| relevant.contains(**document) && seen.insert(**document))
        .map(|(_, rank)| rank)
        .collect()
}

/// Discounted cumulative gain of relevant documents at these ranks (Järvelin and Kekäläinen 2002).
fn gain(ranks: impl Iterator<Item = usize>) -> f64 {
    ranks.map(|rank| 1.0 / (rank as f64 + 1.0).log2()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(items: &[(&[&str], &[&str])]) -> Option<RetrievalSummary> {
        let mut measure = RetrievalMeasure::default();
        for (relevant, ranked) in items {
            let relevant: Vec<String> = relevant.iter().map(|name| (*name).to_owned()).collect();
            measure.add(&relevant, ranked);
        }
        measure.summary()
    }

    #[test]
    fn a_document_counts_at_its_first_chunk() {
        let summary = measure(&[(&["a", "b"], &["x", "a", "a", "x", "b"])]).unwrap();
        assert_eq!(summary.recall, [0.0, 1.0, 1.0, 1.0]);
        assert_eq!(summary.mrr, 0.5);
        // (1/log2(3) + 1/log2(6)) / (1/log2(2) + 1/log2(3))
        assert!((summary.ndcg - 1.017_782 / 1.630_930).abs() < 1e-5, "{}", summary.ndcg);
    }

    #[test]
    fn means_are_over_items_that_name_documents() {
        let late: &[&str] = &["x", "x", "x", "x", "x", "x", "x", "x", "x", "a"];
        let summary = measure(&[(&["a"], &["a"]), (&["a"], late), (&[], &["a"]), (&["z"], &["a"])]).unwrap();
        assert_eq!(summary.items, 3);
        assert_eq!(summary.recall, [1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 2.0 / 3.0]);
        assert!((summary.mrr - 1.1 / 3.0).abs() < 1e-12);
        assert!((summary.ndcg - (1.0 + 1.0 / 11f64.log2()) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_comes_after_the_tenth_rank_does_not_count() {
        let mut ranked = vec!["x"; 10];
        ranked.push("a");
        let summary = measure(&[(&["a"], &ranked)]).unwrap();
        assert_eq!((summary.recall, summary.mrr, summary.ndcg), ([0.0; 4], 0.0, 0.0));
    }

    #[test]
    fn without_named_documents_nothing_is_measured() {
        assert_eq!(measure(&[(&[], &["a"])]), None);
    }
}
