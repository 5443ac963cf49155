//! Answers that are not written: the likeliest label.
//!
//! A label counts as a whole answer, with the end of the turn after it. So the sum of its tokens'
//! log-probabilities is comparable between short and long labels: a label that merely begins another one must
//! end where that one goes on. A mean over tokens would favour labels whose later tokens follow from the first.

use empiric_schema::version::LabelScoring;

use super::answerer::Answerer;
use super::error::AnswerError;
use super::question::{Answer, AnswerObserver, Question};
use super::score::TextScores;
use crate::model::{Finish, Flow, Message, Observer, Totals};

/// Inputs that say nothing (Zhao et al. 2021).
const CONTENT_FREE: [&str; 3] = ["N/A", "[MASK]", ""];

impl Answerer {
    /// Answers each chat with its likeliest label, and gives what was used.
    pub(super) fn label_chats(
        &self,
        scoring: &LabelScoring,
        chats: &[Vec<Message>],
        batch: usize,
        observer: &mut dyn AnswerObserver,
    ) -> Result<(Flow, Totals), AnswerError> {
        let mut forward = Forward {
            labels: &scoring.labels,
            priors: vec![0.0; scoring.labels.len()],
            before: Totals::default(),
            totals: Totals::default(),
            observer,
        };
        if scoring.calibrate && self.calibrate(batch, &mut forward)? == Flow::Stop {
            return Ok((Flow::Stop, forward.totals));
        }
        let scored: Vec<_> = chats.iter().map(|chat| (chat.clone(), scoring.labels.as_slice())).collect();
        let flow = self.score_chats(&scored, batch, &mut forward)?;
        Ok((flow, forward.totals))
    }

    /// Finds how likely each label is when nothing is asked and no passages are shown.
    fn calibrate(&self, batch: usize, forward: &mut Forward<'_>) -> Result<Flow, AnswerError> {
        let scored = CONTENT_FREE.map(|input| (self.chat(&Question::from(input), &[]), forward.labels));
        let mut found = Vec::new();
        let mut free = ContentFree { found: &mut found, forward };
        let flow = self.score_chats(&scored, batch, &mut free)?;
        forward.priors = priors(&found);
        forward.before = forward.totals;
        Ok(flow)
    }
}

/// The logarithm of each label's probability, those of all labels being one, in the mean over the inputs.
fn priors(found: &[Vec<f64>]) -> Vec<f64> {
    let shares: Vec<Vec<f64>> = found.iter().map(|scores| shares(scores)).collect();
    let labels = shares.first().map_or(0, Vec::len);
    let mean = |label: usize| shares.iter().map(|shares| shares[label]).sum::<f64>() / shares.len() as f64;
    // A share that is too small for a number must not make its label win everything.
    (0..labels).map(|label| mean(label).max(f64::MIN_POSITIVE).ln()).collect()
}

/// Probabilities among the labels alone.
fn shares(scores: &[f64]) -> Vec<f64> {
    let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

/// The place of the greatest number, the first of equals.
fn likeliest(scores: impl Iterator<Item = f64>) -> usize {
    let better = |best: (usize, f64), next: (usize, f64)| if next.1 > best.1 { next } else { best };
    scores.enumerate().fold((0, f64::NEG_INFINITY), better).0
}

/// The labels' log-probabilities as whole answers.
fn whole(found: &TextScores) -> Vec<f64> {
    let with_end = found.likelihoods.iter().map(|likelihood| likelihood.log_probability_with_end);
    // Both ways of scoring texts score the end.
    with_end.map(|score| score.unwrap_or(f64::NEG_INFINITY)).collect()
}

/// Turns scores into answers.
struct Forward<'a> {
    labels: &'a [String],
    /// Taken off each label's score.
    priors: Vec<f64>,
    /// Used by the calibration.
    before: Totals,
    totals: Totals,
    observer: &'a mut dyn AnswerObserver,
}

impl Observer<TextScores> for Forward<'_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.totals = Totals { prompt_tokens: self.before.prompt_tokens + totals.prompt_tokens, ..totals };
        self.observer.before_pass(self.totals)
    }

    fn finished(&mut self, index: usize, found: TextScores) -> Flow {
        let calibrated = whole(&found).into_iter().zip(&self.priors).map(|(score, prior)| score - prior);
        let answer = Answer {
            text: self.labels[likeliest(calibrated)].clone(),
            calls: Vec::new(),
            prompt_tokens: found.prompt_tokens,
            completion_tokens: 0,
            finish: Finish::End,
            passages: Vec::new(),
        };
        self.observer.answered(index, answer)
    }
}

/// Keeps the scores of inputs that say nothing.
struct ContentFree<'a, 'b> {
    found: &'a mut Vec<Vec<f64>>,
    forward: &'a mut Forward<'b>,
}

impl Observer<TextScores> for ContentFree<'_, '_> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.forward.before_pass(totals)
    }

    fn finished(&mut self, _: usize, found: TextScores) -> Flow {
        self.found.push(whole(&found));
        Flow::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prior_is_the_mean_share_of_a_label() {
        let found = [vec![0.9f64.ln(), 0.1f64.ln()], vec![0.25f64.ln(), 0.25f64.ln()]];
        let priors = priors(&found);
        assert!((priors[0] - 0.7f64.ln()).abs() < 1e-12 && (priors[1] - 0.3f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn shares_that_vanish_stay_numbers() {
        let priors = priors(&[vec![0.0, -1e6]]);
        assert_eq!(priors[0], 0.0);
        assert!(priors[1].is_finite());
    }

    #[test]
    fn the_first_of_equals_is_the_likeliest() {
        assert_eq!(likeliest([-2.0, -1.0, -1.0].into_iter()), 1);
        assert_eq!(likeliest([f64::NEG_INFINITY; 2].into_iter()), 0);
    }
}
