//! What of the answers is compared: their length, how many read like refusals, which labels they name.

use empiric_schema::job::{AnswerShift, AnswerTrait};

use super::permutation::Pooled;
use crate::grade::{named_choice, reads_like_refusal};

/// Answers of production and of dev. None of both is empty.
pub(crate) struct Answers<'a> {
    pub(crate) here: &'a [&'a str],
    pub(crate) before: &'a [&'a str],
    /// The labels of a classification task; empty otherwise.
    pub(crate) labels: &'a [String],
}

/// How the answers differ: labels where the task has some, else length and refusals.
pub(crate) fn shifts(answers: &Answers<'_>, seed: u64) -> Vec<AnswerShift> {
    match answers.labels.is_empty() {
        true => vec![length(answers, seed), refusals(answers, seed)],
        false => vec![labels(answers, seed), refusals(answers, seed)],
    }
}

fn length(answers: &Answers<'_>, seed: u64) -> AnswerShift {
    let lengths = |answers: &[&str]| -> Vec<f64> {
        answers.iter().map(|answer| answer.trim().chars().count() as f64).collect()
    };
    let (here, before) = (lengths(answers.here), lengths(answers.before));
    let p = Pooled::of(&here, &before).p_value(Pooled::kolmogorov_smirnov, seed);
    AnswerShift { of: AnswerTrait::Length, here: median(here), before: median(before), p, label: None }
}

fn refusals(answers: &Answers<'_>, seed: u64) -> AnswerShift {
    let refused = |answers: &[&str]| -> Vec<f64> {
        answers.iter().map(|answer| f64::from(u8::from(reads_like_refusal(answer)))).collect()
    };
    let (here, before) = (refused(answers.here), refused(answers.before));
    let p = Pooled::of(&here, &before).p_value(Pooled::chi_square, seed);
    AnswerShift {
        of: AnswerTrait::Refusals,
        here: share(&here, 1.0),
        before: share(&before, 1.0),
        p,
        label: None,
    }
}

/// An answer that names none of the labels, or several, is a kind of its own.
fn labels(answers: &Answers<'_>, seed: u64) -> AnswerShift {
    let kind = |answer: &&str| named_choice(answer, answers.labels).map_or(-1.0, |place| place as f64);
    let kinds = |answers: &[&str]| -> Vec<f64> { answers.iter().map(kind).collect() };
    let (here, before) = (kinds(answers.here), kinds(answers.before));
    let p = Pooled::of(&here, &before).p_value(Pooled::chi_square, seed);
    let all = (0..answers.labels.len()).map(|place| place as f64).chain([-1.0]);
    let changed = |kind: &f64| (share(&here, *kind) - share(&before, *kind)).abs();
    // Of equal changes that of the first label.
    let most = all.rev().max_by(|one, other| changed(one).total_cmp(&changed(other))).unwrap_or(-1.0);
    let label = answers.labels.get(most as usize).filter(|_| most >= 0.0).cloned();
    let label = Some(label.unwrap_or_else(|| "none of the labels".to_owned()));
    AnswerShift { of: AnswerTrait::Labels, here: share(&here, most), before: share(&before, most), p, label }
}

fn share(values: &[f64], wanted: f64) -> f64 {
    values.iter().filter(|value| **value == wanted).count() as f64 / values.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(here: &[&str], before: &[&str], labels: &[&str]) -> Vec<AnswerShift> {
        let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
        shifts(&Answers { here, before, labels: &labels }, 3)
    }

    #[test]
    fn longer_answers_and_refusals_are_found() {
        let before = ["From 7 to 22.", "Behind it.", "25 days", "In the yard."].repeat(15);
        let same = found(&before[..40], &before, &[]);
        assert!(same.iter().all(|shift| shift.p > 0.5), "{same:?}");
        let refused = [["I don't know."; 20].as_slice(), &before[..20]].concat();
        let shifted = found(&refused, &before, &[]);
        assert_eq!(shifted[1].of, AnswerTrait::Refusals);
        assert_eq!((shifted[1].here, shifted[1].before), (0.5, 0.0));
        assert!(shifted[1].p < 0.001, "{shifted:?}");
        let long = ["It opens, as far as I can tell, from seven until ten in the evening."; 40];
        let shifted = found(&long, &before, &[]);
        assert!(shifted[0].p < 0.001 && shifted[0].here > shifted[0].before, "{shifted:?}");
    }

    #[test]
    fn another_mix_of_labels_is_found_with_the_label() {
        let before = ["spam", "ham", "ham", "ham"].repeat(15);
        let here = ["spam", "spam", "spam", "It is ham."].repeat(12);
        let shifted = &found(&here, &before, &["spam", "ham"])[0];
        assert_eq!((shifted.of, shifted.here, shifted.before), (AnswerTrait::Labels, 0.75, 0.25));
        assert!(shifted.p < 0.001 && shifted.label.is_some(), "{shifted:?}");
        assert!(found(&before[..32], &before, &["spam", "ham"])[0].p > 0.5);
    }
}
