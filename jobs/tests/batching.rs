//! On the real model: neither the batch nor the order changes an answer or a score.

use std::path::PathBuf;

use empiric_jobs::model::{
    Candidates, Flow, Generated, GenerationOptions, KvCache, Likelihood, LoadedModel, Message, Observer,
    Role, Sampling, ScoreOptions, Segment, Totals, TurnEnd, generate, load, score,
};

const VARIABLE: &str = "EMPIRIC_TEST_MODEL";
const LABELS: [&str; 4] = ["parking", "a lost key", "pay", "payroll"];

fn model() -> LoadedModel {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!(
            "{VARIABLE} is not set: it names the SmolLM2-135M-Instruct Q4_1 GGUF file; `make test` sets it"
        );
    };
    load(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Thirty-two chats: one system message, four groups with a passage in common, all of different lengths.
fn prompts(model: &LoadedModel) -> Vec<Vec<u32>> {
    let subjects = ["parking", "leave", "uniforms", "allergies", "lost keys", "payroll", "drills", "tips"];
    let chat = |i: usize| {
        let passage = format!("Section {}. Rules for {} are posted at the desk. ", i % 4, subjects[i % 4]);
        let question = format!("{}What are the rules for {}?", "Please. ".repeat(i / 8), subjects[i / 4]);
        let system = Message::new(Role::System, "You answer questions of hotel staff in a few words.");
        model.prompt(&[system, Message::new(Role::User, passage.repeat(2) + &question)], "").unwrap()
    };
    (0..32).map(chat).collect()
}

/// A permutation of the places without a pattern.
fn order() -> Vec<usize> {
    (0..32).map(|i| (i * 11 + 5) % 32).collect()
}

struct Collect<T>(Vec<Option<T>>);

impl<T: Clone> Collect<T> {
    fn new(count: usize) -> Self {
        Self(vec![None; count])
    }

    fn all(self) -> Vec<T> {
        self.0.into_iter().map(|result| result.expect("a result for each prompt")).collect()
    }
}

impl<T> Observer<T> for Collect<T> {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, index: usize, result: T) -> Flow {
        self.0[index] = Some(result);
        Flow::Continue
    }
}

fn answers(model: &LoadedModel, prompts: &[Vec<u32>], options: &GenerationOptions<'_>) -> Vec<Vec<u32>> {
    let mut collect: Collect<Generated> = Collect::new(prompts.len());
    generate(model, prompts, options, &mut collect).unwrap();
    collect.all().into_iter().map(|answer| answer.tokens).collect()
}

fn scores(model: &LoadedModel, candidates: &[Candidates], batch: usize) -> Vec<Vec<Likelihood>> {
    let mut collect = Collect::new(candidates.len());
    let options = ScoreOptions { batch, end: TurnEnd::Scored };
    score(model, candidates, &options, &mut collect).unwrap();
    collect.all()
}

#[test]
fn greedy_and_seeded_answers_are_the_same_in_every_batch_and_order() {
    let model = model();
    let prompts = prompts(&model);
    let mixed: Vec<Vec<u32>> = order().into_iter().map(|i| prompts[i].clone()).collect();
    for sampling in [Sampling::Greedy, Sampling::Seeded { temperature: 0.7, top_p: 0.9, seed: 17 }] {
        let options = |batch| GenerationOptions { max_tokens: 6, batch, sampling, ..Default::default() };
        let one = answers(&model, &prompts, &options(1));
        assert_eq!(answers(&model, &prompts, &options(32)), one, "{sampling:?}");
        let expected: Vec<Vec<u32>> = order().into_iter().map(|i| one[i].clone()).collect();
        assert_eq!(answers(&model, &mixed, &options(32)), expected, "{sampling:?}, another order");
    }
}

fn candidates(model: &LoadedModel) -> Vec<Candidates> {
    let of = |prompt: Vec<u32>| {
        let tokens = |text: &&str| model.tokenizer.continuation(&prompt, text).unwrap();
        Candidates { continuations: LABELS.iter().map(tokens).collect(), prompt }
    };
    prompts(model).into_iter().map(of).collect()
}

/// The logarithm of the probability of each token after the first `prompt`, from one pass over everything.
fn plain(model: &LoadedModel, prompt: &[u32], continuation: &[u32]) -> f64 {
    let text = [prompt, continuation].concat();
    let mut cache = KvCache::new(model.llama.config(), text.len());
    let wanted: Vec<u32> = (prompt.len() as u32 - 1..text.len() as u32 - 1).collect();
    let logits = model
        .llama
        .forward_at(&mut [Segment { tokens: &text, cache: &mut cache, adapter: None }], &wanted)
        .unwrap();
    let rows: Vec<Vec<f32>> = logits.to_vec2().unwrap();
    let log_probability = |(row, token): (&Vec<f32>, &u32)| {
        let total = row.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
        f64::from(row[*token as usize]) - total
    };
    rows.iter().zip(continuation).map(log_probability).sum()
}

#[test]
fn scores_are_those_of_plain_passes_in_every_batch_and_order() {
    let model = model();
    let candidates = candidates(&model);
    let one = scores(&model, &candidates, 1);
    let many = scores(&model, &candidates, 32);
    let mixed: Vec<Candidates> = order().into_iter().map(|i| candidates[i].clone()).collect();
    let mixed = scores(&model, &mixed, 32);
    for (place, i) in order().into_iter().enumerate() {
        for (label, tokens) in candidates[i].continuations.iter().enumerate() {
            let likelihood = one[i][label];
            let end = likelihood.log_probability_with_end.unwrap();
            if place % 4 == 0 {
                let expected = plain(&model, &candidates[i].prompt, tokens);
                assert!((likelihood.log_probability - expected).abs() < 1e-4, "{likelihood:?} {expected}");
            }
            for other in [many[i][label], mixed[place][label]] {
                assert!((other.log_probability - likelihood.log_probability).abs() < 1e-4);
                assert!((other.log_probability_with_end.unwrap() - end).abs() < 1e-4);
            }
        }
    }
}
