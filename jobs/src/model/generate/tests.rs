//! Equalities that must hold whatever the batch, and answers among given texts.

use candle_core::quantized::GgmlDType;

use crate::model::tiny::TinyModel;
use crate::model::{
    Candidates, Finish, Flow, Generated, GenerationOptions, Likelihood, LoadedModel, Message, ModelError,
    Observer, Role, Sampling, ScoreOptions, Totals, TurnEnd, generate, load, score,
};

pub(crate) fn model(seed: u64) -> LoadedModel {
    let folder = tempfile::tempdir().unwrap();
    load(&TinyModel::new(seed, true).write_gguf(folder.path(), GgmlDType::F32)).unwrap()
}

/// Keeps results by index, and the totals.
pub(crate) struct Collect<T> {
    pub(crate) results: Vec<Option<T>>,
    pub(crate) totals: Totals,
    /// Passes that may begin.
    pub(crate) passes: usize,
}

impl<T: Clone> Collect<T> {
    pub(crate) fn new(count: usize) -> Self {
        Self { results: vec![None; count], totals: Totals::default(), passes: usize::MAX }
    }

    pub(crate) fn all(self) -> Vec<T> {
        self.results.into_iter().map(|result| result.expect("a result for each prompt")).collect()
    }
}

impl<T> Observer<T> for Collect<T> {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        if self.passes == 0 {
            return Flow::Stop;
        }
        self.passes -= 1;
        self.totals = totals;
        Flow::Continue
    }

    fn finished(&mut self, index: usize, result: T) -> Flow {
        assert!(self.results[index].replace(result).is_none(), "{index} finishes once");
        Flow::Continue
    }
}

/// Prompts of many lengths, together more than one pass reads: all begin alike, groups share more, some are
/// equal.
pub(crate) fn prompts(model: &LoadedModel) -> Vec<Vec<u32>> {
    let chat = |i: usize| {
        let shown = Message::new(Role::User, format!("Passage {} of the handbook. ", i % 4).repeat(i % 4));
        let question = Message::new(Role::User, "Where is the inn, and when? ".repeat(1 + i % 7));
        let messages = [Message::new(Role::System, "Be brief, the guest is waiting."), shown, question];
        model.prompt(&messages, "").unwrap()
    };
    (0..40).map(chat).collect()
}

fn answers(model: &LoadedModel, prompts: &[Vec<u32>], options: &GenerationOptions<'_>) -> Vec<Generated> {
    let mut collect = Collect::new(prompts.len());
    assert_eq!(generate(model, prompts, options, &mut collect).unwrap(), Flow::Continue);
    collect.all()
}

/// A permutation without a pattern.
pub(crate) fn shuffled(count: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|i| (i * 2_654_435_761) % 4_294_967_291 % 1009);
    order
}

const SEEDED: Sampling = Sampling::Seeded { temperature: 0.8, top_p: 0.9, seed: 3 };

#[test]
fn answers_depend_neither_on_the_batch_nor_on_the_order() {
    let model = model(11);
    let prompts = prompts(&model);
    let order = shuffled(prompts.len());
    let mixed: Vec<Vec<u32>> = order.iter().map(|i| prompts[*i].clone()).collect();
    for sampling in [Sampling::Greedy, SEEDED] {
        let options = |batch| GenerationOptions { max_tokens: 10, batch, sampling, ..Default::default() };
        let one = answers(&model, &prompts, &options(1));
        for batch in [3, 32, 100] {
            assert_eq!(answers(&model, &prompts, &options(batch)), one, "{sampling:?}, batch {batch}");
        }
        let again = answers(&model, &mixed, &options(32));
        // Equal prompts are answered in the order in which they stand, so their answers are compared as a bag.
        let sorted = |prompts: &[Vec<u32>], answers: &[Generated]| {
            let mut pairs: Vec<_> =
                prompts.iter().cloned().zip(answers.iter().map(|a| a.tokens.clone())).collect();
            pairs.sort();
            pairs
        };
        assert_eq!(sorted(&mixed, &again), sorted(&prompts, &one), "{sampling:?}, shuffled");
    }
}

#[test]
fn other_seeds_give_other_answers_and_equal_prompts_differ() {
    let model = model(12);
    let prompts = vec![prompts(&model)[0].clone(); 4];
    let tokens = |seed| -> Vec<Vec<u32>> {
        let sampling = Sampling::Seeded { temperature: 1.0, top_p: 1.0, seed };
        let options = GenerationOptions { max_tokens: 10, batch: 4, sampling, ..Default::default() };
        answers(&model, &prompts, &options).into_iter().map(|answer| answer.tokens).collect()
    };
    let (one, two) = (tokens(1), tokens(2));
    assert_ne!(one, two);
    assert!(one.iter().skip(1).all(|other| *other != one[0]), "{one:?}");
    assert_eq!(one, tokens(1));
}

#[test]
fn a_cold_temperature_picks_as_greedy_does() {
    let model = model(13);
    let prompts = prompts(&model);
    let tokens = |sampling| {
        let options = GenerationOptions { max_tokens: 6, batch: 8, sampling, ..Default::default() };
        answers(&model, &prompts[..8], &options)
    };
    let cold = Sampling::Seeded { temperature: 1e-4, top_p: 1.0, seed: 5 };
    assert_eq!(tokens(cold), tokens(Sampling::Greedy));
}

#[test]
fn impossible_sampling_is_refused() {
    let model = model(1);
    let sampling = Sampling::Seeded { temperature: -1.0, top_p: 1.0, seed: 5 };
    let options = GenerationOptions { max_tokens: 6, batch: 8, sampling, ..Default::default() };
    let error = generate(&model, &[vec![5]], &options, &mut Collect::new(1)).unwrap_err();
    assert_eq!(error.to_string(), "`temperature` is -1; expected a number above 0");
}

#[test]
fn tokens_that_the_weights_do_not_know_are_refused() {
    let model = model(1);
    let options = GenerationOptions { max_tokens: 6, batch: 8, ..Default::default() };
    let error = generate(&model, &[vec![5], vec![4, 9999]], &options, &mut Collect::new(2)).unwrap_err();
    assert!(matches!(error, ModelError::UnknownToken { index: 1, token: 9999, vocabulary: 263 }), "{error}");
}

#[test]
fn work_stops_where_the_observer_says() {
    let model = model(14);
    let prompts = prompts(&model);
    let options = GenerationOptions { max_tokens: 10, batch: 4, ..Default::default() };
    let mut collect = Collect { passes: 15, ..Collect::new(prompts.len()) };
    assert_eq!(generate(&model, &prompts, &options, &mut collect).unwrap(), Flow::Stop);
    let finished = collect.results.iter().flatten().count();
    assert!(finished > 0 && finished < prompts.len(), "{finished}");
}

#[test]
fn all_tokens_are_counted_though_beginnings_are_read_once() {
    let model = model(15);
    let prompts = prompts(&model);
    let options = GenerationOptions { max_tokens: 3, batch: 8, ..Default::default() };
    let mut collect = Collect::new(prompts.len());
    generate(&model, &prompts, &options, &mut collect).unwrap();
    let read: usize = prompts.iter().map(Vec::len).sum();
    assert_eq!(collect.totals.prompt_tokens, read as u64);
    let ended = |answer: &Generated| usize::from(answer.finish == Finish::End);
    let written: usize =
        collect.results.iter().flatten().map(|answer| answer.tokens.len() + ended(answer)).sum();
    assert_eq!(collect.totals.completion_tokens, written as u64);
}

fn choices() -> Vec<String> {
    ["in the inn", "in", "the", "north", "north wing", "", "zz"].map(String::from).to_vec()
}

#[test]
fn a_choice_is_one_of_the_texts_whatever_the_batch() {
    let model = model(16);
    let prompts = prompts(&model);
    let choices = choices();
    let mut seen = std::collections::BTreeSet::new();
    for sampling in [Sampling::Greedy, SEEDED] {
        let options = |batch| GenerationOptions { batch, sampling, choices: &choices, ..Default::default() };
        let one = answers(&model, &prompts, &options(1));
        assert_eq!(one, answers(&model, &prompts, &options(32)));
        for (prompt, answer) in prompts.iter().zip(one) {
            assert!(choices.contains(&answer.text), "{}", answer.text);
            assert_eq!(answer.tokens, model.tokenizer.continuation(prompt, &answer.text).unwrap());
            assert_eq!(answer.finish, Finish::Choice);
            seen.insert(answer.text);
        }
    }
    assert!(seen.len() > 1, "{seen:?}");
}

#[test]
fn the_greedy_choice_follows_the_likeliest_token() {
    let model = model(17);
    let prompts = prompts(&model)[..6].to_vec();
    let texts = ["a", "b", "c", "d"].map(String::from);
    let options = GenerationOptions { batch: 6, choices: &texts, ..Default::default() };
    let chosen = answers(&model, &prompts, &options);
    let candidates: Vec<Candidates> = prompts
        .iter()
        .map(|prompt| {
            let tokens = |text: &String| model.tokenizer.continuation(prompt, text).unwrap();
            Candidates { prompt: prompt.clone(), continuations: texts.iter().map(tokens).collect() }
        })
        .collect();
    let mut collect = Collect::new(candidates.len());
    let options = ScoreOptions { batch: 6, end: TurnEnd::Ignored };
    score(&model, &candidates, &options, &mut collect).unwrap();
    for (scores, chosen) in collect.all().into_iter().zip(chosen) {
        let best = |scores: &[Likelihood]| {
            let compare =
                |a: &usize, b: &usize| scores[*a].log_probability.total_cmp(&scores[*b].log_probability);
            (0..scores.len()).max_by(compare).unwrap()
        };
        assert_eq!(chosen.text, texts[best(&scores)]);
    }
}

#[test]
fn the_only_choice_needs_no_tokens_of_the_model() {
    let model = model(18);
    let only = ["the north wing".to_owned()];
    let options = GenerationOptions { batch: 1, choices: &only, ..Default::default() };
    let answer = &answers(&model, &prompts(&model)[..1], &options)[0];
    assert_eq!((answer.text.as_str(), answer.finish), ("the north wing", Finish::Choice));
}
