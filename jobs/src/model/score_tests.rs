//! Scores against plain forward passes, whatever the batch.

use super::generate::tests::{Collect, model, prompts, shuffled};
use super::*;

const TEXTS: [&str; 7] =
    ["in the inn", "in", "the north", "in the key", "", "x", "A long answer, the longest of all."];

fn candidates(model: &LoadedModel) -> Vec<Candidates> {
    let tokens = |prompt: &Vec<u32>, text: &str| model.tokenizer.continuation(prompt, text).unwrap();
    let of = |(i, prompt): (usize, Vec<u32>)| {
        // Some have few texts, and in another order.
        let texts = TEXTS.iter().cycle().skip(i).take(1 + (i * 3) % TEXTS.len());
        let continuations = texts.map(|text| tokens(&prompt, text)).collect();
        Candidates { prompt, continuations }
    };
    prompts(model).into_iter().enumerate().map(of).collect()
}

fn scores(
    model: &LoadedModel,
    candidates: &[Candidates],
    batch: usize,
    end: TurnEnd,
) -> Vec<Vec<Likelihood>> {
    let mut collect = Collect::new(candidates.len());
    score(model, candidates, &ScoreOptions { batch, end }, &mut collect).unwrap();
    collect.all()
}

/// The logarithms of all probabilities after these tokens, by the formula, in 64 bits.
fn log_softmax(model: &LoadedModel, tokens: &[u32]) -> Vec<f64> {
    let mut cache = KvCache::new(model.llama.config(), tokens.len());
    let logits = model.llama.forward(&mut [Segment { tokens, cache: &mut cache, adapter: None }]).unwrap();
    let logits: Vec<f32> = logits.flatten_all().unwrap().to_vec1().unwrap();
    let total = logits.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
    logits.into_iter().map(|value| f64::from(value) - total).collect()
}

/// Token by token, each from a pass over the whole text before it.
fn plain(model: &LoadedModel, prompt: &[u32], continuation: &[u32]) -> (f64, f64) {
    let mut text = prompt.to_vec();
    let mut sum = 0.0;
    for token in continuation {
        sum += log_softmax(model, &text)[*token as usize];
        text.push(*token);
    }
    let last = log_softmax(model, &text);
    let end: f64 = model.tokenizer.ends().map(|end| last[end as usize].exp()).sum();
    (sum, sum + end.ln())
}

fn assert_close(left: &[Vec<Likelihood>], right: &[Vec<Likelihood>], tolerance: f64) {
    for (left, right) in left.iter().flatten().zip(right.iter().flatten()) {
        let ends = (left.log_probability_with_end, right.log_probability_with_end);
        let ends = ends.0.zip(ends.1).map_or(0.0, |(left, right)| left - right);
        assert_eq!(left.tokens, right.tokens);
        assert!((left.log_probability - right.log_probability).abs() < tolerance, "{left:?} {right:?}");
        assert!(ends.abs() < tolerance, "{left:?} {right:?}");
    }
}

#[test]
fn scores_are_those_of_plain_passes() {
    let model = model(21);
    let candidates = candidates(&model);
    let found = scores(&model, &candidates, 32, TurnEnd::Scored);
    for (candidates, found) in candidates.iter().zip(found).step_by(5) {
        for (tokens, found) in candidates.continuations.iter().zip(found) {
            let (expected, with_end) = plain(&model, &candidates.prompt, tokens);
            let found_end = found.log_probability_with_end.unwrap();
            assert!((found.log_probability - expected).abs() < 1e-4, "{found:?} {expected}");
            assert!((found_end - with_end).abs() < 1e-4, "{found:?} {with_end}");
        }
    }
}

#[test]
fn scores_depend_neither_on_the_batch_nor_on_the_order() {
    let model = model(22);
    let candidates = candidates(&model);
    let one = scores(&model, &candidates, 1, TurnEnd::Scored);
    assert_close(&scores(&model, &candidates, 32, TurnEnd::Scored), &one, 1e-5);
    assert_close(&scores(&model, &candidates, 3, TurnEnd::Scored), &one, 1e-5);
    let order = shuffled(candidates.len());
    let mixed: Vec<Candidates> = order.iter().map(|i| candidates[*i].clone()).collect();
    let expected: Vec<Vec<Likelihood>> = order.iter().map(|i| one[*i].clone()).collect();
    assert_close(&scores(&model, &mixed, 32, TurnEnd::Scored), &expected, 1e-5);
}

#[test]
fn without_the_end_the_other_numbers_are_the_same() {
    let model = model(23);
    let candidates = candidates(&model);
    let with = scores(&model, &candidates, 8, TurnEnd::Scored);
    let without = scores(&model, &candidates, 8, TurnEnd::Ignored);
    assert_close(&with, &without, 1e-5);
    assert!(without.iter().flatten().all(|score| score.log_probability_with_end.is_none()));
}

#[test]
fn labels_of_one_token_need_no_second_pass() {
    let model = model(24);
    let candidates: Vec<Candidates> = prompts(&model)[..4]
        .iter()
        .map(|prompt| Candidates {
            prompt: prompt.clone(),
            continuations: vec![vec![70], vec![71], vec![72]],
        })
        .collect();
    let passes = |end| {
        let mut collect = Collect::new(candidates.len());
        score(&model, &candidates, &ScoreOptions { batch: 4, end }, &mut collect).unwrap();
        usize::MAX - collect.passes
    };
    // One for the first prompt, whose beginning the others wait for, and one for those.
    assert_eq!(passes(TurnEnd::Ignored), 2);
    assert!(passes(TurnEnd::Scored) >= 4);
}

#[test]
fn all_tokens_count_as_read() {
    let model = model(25);
    let candidates = candidates(&model);
    let mut collect = Collect::new(candidates.len());
    score(&model, &candidates, &ScoreOptions { batch: 4, end: TurnEnd::Ignored }, &mut collect).unwrap();
    let of = |c: &Candidates| c.prompt.len() + c.continuations.iter().map(Vec::len).sum::<usize>();
    let read: usize = candidates.iter().map(of).sum();
    assert_eq!(collect.totals, Totals { prompt_tokens: read as u64, completion_tokens: 0 });
}

#[test]
fn what_does_not_fit_is_refused() {
    let model = model(1);
    let refused = |prompt: Vec<u32>, continuations: Vec<Vec<u32>>| {
        let candidates = [Candidates { prompt, continuations }];
        let options = ScoreOptions { batch: 1, end: TurnEnd::Scored };
        score(&model, &candidates, &options, &mut Collect::new(1)).unwrap_err()
    };
    assert!(matches!(
        refused(vec![5; 500], vec![vec![6; 13]]),
        ModelError::TooLong { tokens: 500, new: 13, .. }
    ));
    assert!(matches!(refused(vec![5], vec![vec![300]]), ModelError::UnknownToken { token: 300, .. }));
    assert!(matches!(refused(vec![], vec![vec![6]]), ModelError::TooLong { tokens: 0, .. }));
}
