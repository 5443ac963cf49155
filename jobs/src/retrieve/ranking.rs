//! Places of texts with their scores.

/// A text with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Its place among the indexed texts, from 0.
    pub place: usize,
    /// How well it fits; what the number means is for the ranking to say.
    pub score: f64,
}

/// All places by falling score, equals in their order.
pub(super) fn by_falling_score(scores: Vec<f64>) -> Vec<Scored> {
    let scored = |(place, score)| Scored { place, score };
    let mut ranked: Vec<Scored> = scores.into_iter().enumerate().map(scored).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
    ranked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_keep_their_order() {
        let places: Vec<usize> =
            by_falling_score(vec![0.5, 2.0, -1.0, 2.0]).iter().map(|scored| scored.place).collect();
        assert_eq!(places, [1, 3, 0, 2]);
    }
}
