//! Examples as tokens, and several of them packed one after another without padding.

/// One chat as tokens, with those that the model learns to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Names the example in messages.
    pub id: String,
    /// All tokens up to the last one that is learned.
    pub tokens: Vec<u32>,
    /// For each token whether it is learned: the assistant's words and the end of its turn. The first token
    /// never is, because nothing comes before it.
    pub learned: Vec<bool>,
}

impl Sample {
    /// Tokens that a pass reads: the last one is only written.
    pub fn read(&self) -> usize {
        self.tokens.len().saturating_sub(1)
    }

    /// Tokens that are learned.
    pub fn targets(&self) -> usize {
        self.learned.iter().skip(1).filter(|learned| **learned).count()
    }
}

/// The rows of several samples.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Tokens that are read, one a row.
    pub(crate) tokens: Vec<u32>,
    /// Rows of each sample.
    pub(crate) lengths: Vec<usize>,
    /// Rows after which a token is learned.
    pub(crate) rows: Vec<u32>,
    /// The learned tokens, in the order of `rows`.
    pub(crate) targets: Vec<u32>,
}

impl Batch {
    /// Packs samples in their order.
    pub(crate) fn new<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Self {
        let mut batch = Self::default();
        for sample in samples {
            batch.push(sample);
        }
        batch
    }

    /// Cuts samples, in their order, into batches of at most `most` samples and `rows` rows. A sample with
    /// more rows stands alone.
    pub(crate) fn cut<'a>(
        samples: impl IntoIterator<Item = &'a Sample>,
        most: usize,
        rows: usize,
    ) -> Vec<Self> {
        let mut batches: Vec<Self> = Vec::new();
        for sample in samples {
            let fits =
                |batch: &&mut Self| batch.lengths.len() < most && batch.tokens.len() + sample.read() <= rows;
            match batches.last_mut().filter(fits) {
                Some(batch) => batch.push(sample),
                None => batches.push(Self::new([sample])),
            }
        }
        batches
    }

    fn push(&mut self, sample: &Sample) {
        let first = self.tokens.len();
        let learned = sample.tokens.iter().zip(&sample.learned).enumerate().skip(1);
        for (index, (token, _)) in learned.filter(|(_, (_, learned))| **learned) {
            self.rows.push((first + index - 1) as u32);
            self.targets.push(*token);
        }
        self.tokens.extend(&sample.tokens[..sample.read()]);
        self.lengths.push(sample.read());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_both_limits_and_the_order() {
        let sample = |count: u32| Sample {
            id: String::new(),
            tokens: (0..count).collect(),
            learned: vec![true; count as usize],
        };
        let samples = [3, 3, 3, 9, 2, 5, 2].map(sample);
        let lengths: Vec<Vec<usize>> = Batch::cut(&samples, 2, 5).into_iter().map(|b| b.lengths).collect();
        assert_eq!(lengths, [vec![2, 2], vec![2], vec![8], vec![1, 4], vec![1]]);
    }

    #[test]
    fn the_row_before_a_learned_token_predicts_it() {
        let sample = |tokens: &[u32], learned: &[bool]| Sample {
            id: String::new(),
            tokens: tokens.to_vec(),
            learned: learned.to_vec(),
        };
        let first = sample(&[5, 6, 7], &[true, false, true]);
        let second = sample(&[8, 9, 10, 11], &[false, true, true, true]);
        let batch = Batch::new([&first, &second]);
        assert_eq!(batch.tokens, [5, 6, 8, 9, 10]);
        assert_eq!(batch.lengths, [2, 3]);
        assert_eq!((batch.rows, batch.targets), (vec![1, 2, 3, 4], vec![7, 9, 10, 11]));
        assert_eq!((first.targets(), second.targets()), (1, 3));
    }
}
