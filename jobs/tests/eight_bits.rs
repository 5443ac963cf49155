//! SmolLM2-135M-Instruct with 8-bit weights: the same answers as with 32-bit ones, whole or in pieces.

use std::path::PathBuf;

use empiric_jobs::model::{
    Flow, Generated, GenerationOptions, LoadOptions, LoadedModel, Message, ModelFiles, Observer, Precision,
    Role, Totals, generate, load_with, stream,
};

const VARIABLE: &str = "EMPIRIC_TEST_MODEL";

const QUESTIONS: [&str; 8] = [
    "What is the capital of France?",
    "How much is 17 + 25?",
    "Name three colours.",
    "What do bees make?",
    "Where is the lost property office, please?",
    "Write one sentence about the sea.",
    "Où est la réception, s'il vous plaît?",
    "Why is the sky blue?",
];

fn model(weights: Precision) -> LoadedModel {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!(
            "{VARIABLE} is not set: it names the SmolLM2-135M-Instruct Q4_1 GGUF file; `make test` sets it"
        );
    };
    let files = ModelFiles { weights: path, ..ModelFiles::default() };
    load_with(&files, LoadOptions { weights, ..LoadOptions::default() })
        .unwrap_or_else(|error| panic!("{error}"))
}

fn prompts(model: &LoadedModel) -> Vec<Vec<u32>> {
    let prompt = |question: &&str| model.prompt(&[Message::new(Role::User, *question)], "").unwrap();
    QUESTIONS.iter().map(prompt).collect()
}

#[derive(Default)]
struct Collect(Vec<Option<Generated>>);

impl Observer for Collect {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, index: usize, answer: Generated) -> Flow {
        self.0[index] = Some(answer);
        Flow::Continue
    }
}

fn answers(model: &LoadedModel, batch: usize, max_tokens: usize) -> Vec<Generated> {
    let mut collect = Collect(vec![None; QUESTIONS.len()]);
    let options = GenerationOptions { max_tokens, batch, ..Default::default() };
    generate(model, &prompts(model), &options, &mut collect).unwrap();
    collect.0.into_iter().map(|answer| answer.unwrap()).collect()
}

#[test]
fn eight_bits_answer_as_thirty_two_do() {
    let expected = answers(&model(Precision::F32), 8, 16);
    // The file's own 4 bits are taken over, so that only the order of sums differs.
    assert_eq!(answers(&model(Precision::Q8_0), 8, 16), expected);
    assert_eq!(answers(&model(Precision::AsStored), 1, 16), expected);
}

#[test]
fn pieces_of_a_stream_are_the_answer_of_a_batch() {
    let model = model(Precision::Q8_0);
    let stop = ["\n".to_owned(), ". ".to_owned()];
    for (prompt, whole) in prompts(&model).iter().zip(answers(&model, 8, 24)) {
        for stop in [&stop[..], &[]] {
            let options = GenerationOptions { max_tokens: 24, stop, batch: 1, ..Default::default() };
            let mut pieces = Vec::new();
            let mut on_text = |piece: &str| {
                pieces.push(piece.to_owned());
                Flow::Continue
            };
            let answer = stream(&model, prompt, &options, &mut on_text).unwrap().unwrap();
            assert_eq!(pieces.concat(), answer.text);
            let ends = stop.iter().filter_map(|stop| whole.text.find(stop.as_str())).min();
            assert_eq!(answer.text, whole.text[..ends.unwrap_or(whole.text.len())]);
            assert!(pieces.len() > 1 || !stop.is_empty(), "{pieces:?}");
        }
    }
}
