//! Labels and tools in answers, on a tiny random model.

use std::collections::BTreeMap;

use candle_core::quantized::GgmlDType;
use empiric_schema::version::{Demonstrations, LabelScoring, SystemVersion, Tool, ToolRouting, ToolUse};
use tempfile::TempDir;

use super::*;
use crate::model::tiny::TinyModel;
use crate::model::{Flow, Observer, Totals};
use crate::runner::fixture::{ITEMS, reference, version};

struct Loaded {
    _folder: TempDir,
    answerer: Answerer,
}

fn load(change: impl FnOnce(&mut SystemVersion)) -> Result<Loaded, AnswerError> {
    let folder = TempDir::new().unwrap();
    let weights = TinyModel::new(5, true).write_gguf(folder.path(), GgmlDType::F32);
    let items = folder.path().join("items.jsonl");
    std::fs::write(&items, ITEMS).unwrap();
    let mut version = version(reference(&weights), reference(&items));
    version.demonstrations = Demonstrations::Fixed { k: 1, pool: reference(&items) };
    change(&mut version);
    let inputs = BTreeMap::from([(reference(&weights).digest, weights), (reference(&items).digest, items)]);
    Ok(Loaded { _folder: folder, answerer: Answerer::load(version, &inputs)? })
}

fn labels(texts: &[&str], calibrate: bool) -> LabelScoring {
    LabelScoring { labels: texts.iter().map(|text| (*text).to_owned()).collect(), calibrate }
}

const LABELS: [&str; 4] = ["in", "the key", "the inn", "x"];
const QUESTIONS: [&str; 8] =
    ["Where?", "When is it?", "the key", "in the den", "x", "Who has the key to the inn?", "1 2 3", "the"];

struct Scores(Vec<Vec<f64>>);

impl Observer<TextScores> for Scores {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, index: usize, found: TextScores) -> Flow {
        self.0[index] = found.likelihoods.iter().map(|l| l.log_probability_with_end.unwrap()).collect();
        Flow::Continue
    }
}

fn scores(answerer: &Answerer, inputs: &[&str]) -> Vec<Vec<f64>> {
    let texts = LABELS.map(str::to_owned);
    let scored: Vec<ScoredQuestion<'_>> = inputs
        .iter()
        .map(|input| ScoredQuestion { question: Question::from(*input), texts: &texts })
        .collect();
    let mut found = Scores(vec![Vec::new(); inputs.len()]);
    answerer.score_each(&scored, 1, &mut found).unwrap();
    found.0
}

fn best(scores: &[f64]) -> &'static str {
    let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1)).unwrap();
    LABELS[best.0]
}

fn said(loaded: &Loaded) -> Vec<String> {
    let answers = loaded.answerer.answer_batch(&QUESTIONS).unwrap();
    answers.into_iter().map(|answer| answer.text).collect()
}

#[test]
fn the_likeliest_label_is_the_answer() {
    let loaded = load(|version| version.decoding.labels = Some(labels(&LABELS, false))).unwrap();
    let expected: Vec<&str> = scores(&loaded.answerer, &QUESTIONS).iter().map(|s| best(s)).collect();
    assert_eq!(said(&loaded), expected);
    let answer = &loaded.answerer.answer_batch(&["Where?"]).unwrap()[0];
    assert_eq!(answer.completion_tokens, 0);
    assert!(answer.prompt_tokens > 20);
}

#[test]
fn calibration_takes_off_what_a_label_has_without_an_input() {
    let loaded = load(|version| version.decoding.labels = Some(labels(&LABELS, true))).unwrap();
    // By the formula: probabilities among the labels, divided by their mean over inputs that say nothing.
    let shares = |scores: &[f64]| -> Vec<f64> {
        let total: f64 = scores.iter().map(|score| score.exp()).sum();
        scores.iter().map(|score| score.exp() / total).collect()
    };
    let free = scores(&loaded.answerer, &["N/A", "[MASK]", ""]);
    let prior = |label: usize| free.iter().map(|scores| shares(scores)[label]).sum::<f64>() / 3.0;
    let calibrated = |scores: &Vec<f64>| -> Vec<f64> {
        shares(scores).iter().enumerate().map(|(label, share)| share / prior(label)).collect()
    };
    let all = scores(&loaded.answerer, &QUESTIONS);
    let expected: Vec<&str> = all.iter().map(|scores| best(&calibrated(scores))).collect();
    assert_eq!(said(&loaded), expected);
    let plain: Vec<&str> = all.iter().map(|scores| best(scores)).collect();
    assert_ne!(expected, plain, "calibration changes some answers of this model");
}

#[test]
fn a_label_is_streamed_whole() {
    let loaded = load(|version| version.decoding.labels = Some(labels(&LABELS, true))).unwrap();
    let mut pieces = Vec::new();
    let mut receive = |piece: &str| {
        pieces.push(piece.to_owned());
        Flow::Continue
    };
    let answer = loaded.answerer.answer_stream(&Question::from("Where?"), &mut receive).unwrap().unwrap();
    assert_eq!(pieces, std::slice::from_ref(&answer.text));
    assert_eq!(said(&loaded)[0], answer.text);
}

#[test]
fn labels_must_be_a_choice() {
    let refused = |texts: &[&str]| {
        let loaded = load(|version| version.decoding.labels = Some(labels(texts, false)));
        loaded.err().unwrap().to_string()
    };
    assert!(refused(&[]).contains("different texts, two at least"));
    assert!(refused(&["a"]).contains("different texts, two at least"));
    assert!(refused(&["a", "b", "a"]).contains("different texts, two at least"));
}

fn calculator(version: &mut SystemVersion) {
    version.tools = Some(ToolUse { tools: vec![Tool::Calculator], routing: ToolRouting::Learned });
}

#[test]
fn a_version_with_tools_does_the_calls_of_its_answers() {
    // The tiny model writes no calls of itself: one that is chosen among labels stands for an answer.
    let loaded = load(|version| {
        calculator(version);
        version.decoding.labels = Some(labels(&["£<<2 * 1.50>>", "<<2 * 1.50>> pounds"], false));
    });
    let answer = loaded.unwrap().answerer.answer_batch(&["How much?"]).unwrap().remove(0);
    assert!(["£3.00", "3.00 pounds"].contains(&answer.text.as_str()), "{}", answer.text);
    assert_eq!(answer.calls.len(), 1);
    assert_eq!((answer.calls[0].call.as_str(), answer.calls[0].result.as_deref()), ("2 * 1.50", Ok("3.00")));
}

#[test]
fn demonstrations_show_calls_to_a_version_that_calculates() {
    let item = r#"{"id":"d","input":"6 crates?","expected":["£615"],"tags":["work: 6 * 102.50 = 615"]}"#;
    let shown = |change: fn(&mut SystemVersion)| {
        let folder = TempDir::new().unwrap();
        let weights = TinyModel::new(5, true).write_gguf(folder.path(), GgmlDType::F32);
        let pool = folder.path().join("pool.jsonl");
        std::fs::write(&pool, item).unwrap();
        let mut version = version(reference(&weights), reference(&pool));
        change(&mut version);
        let inputs = BTreeMap::from([(reference(&weights).digest, weights), (reference(&pool).digest, pool)]);
        let answerer = Answerer::load(version, &inputs).unwrap();
        answerer.messages(&Question::from("7 crates?")).unwrap()[2].content.clone()
    };
    assert_eq!(shown(calculator), "A:£<<6 * 102.50>>");
    assert_eq!(shown(|_| ()), "A:£615");
}
