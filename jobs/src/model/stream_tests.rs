//! Streamed answers of a tiny model, which often says bytes that are no text.

use candle_core::quantized::GgmlDType;
use tempfile::TempDir;

use super::tiny::TinyModel;
use super::*;

#[derive(Default)]
struct Last(Option<Generated>);

impl Observer for Last {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn finished(&mut self, _: usize, answer: Generated) -> Flow {
        self.0 = Some(answer);
        Flow::Continue
    }
}

fn model(seed: u64) -> LoadedModel {
    let folder = TempDir::new().unwrap();
    load(&TinyModel::new(seed, true).write_gguf(folder.path(), GgmlDType::F32)).unwrap()
}

fn prompt(model: &LoadedModel, question: &str) -> Vec<u32> {
    model.prompt(&[Message::new(Role::User, question)], "").unwrap()
}

fn whole(model: &LoadedModel, prompt: &[u32], options: &GenerationOptions<'_>) -> Generated {
    let mut last = Last::default();
    generate(model, &[prompt.to_vec()], options, &mut last).unwrap();
    last.0.unwrap()
}

/// The pieces, and the answer that came with them.
fn pieces(model: &LoadedModel, prompt: &[u32], options: &GenerationOptions<'_>) -> (Vec<String>, Generated) {
    let mut pieces = Vec::new();
    let mut on_text = |piece: &str| {
        pieces.push(piece.to_owned());
        Flow::Continue
    };
    let answer = stream(model, prompt, options, &mut on_text).unwrap().unwrap();
    (pieces, answer)
}

#[test]
fn the_pieces_are_the_whole_answer() {
    let mut count = 0;
    for seed in 0..6 {
        let model = model(seed);
        for question in ["When is pay day?", "the the", "Wo?"] {
            let prompt = prompt(&model, question);
            let free = GenerationOptions { max_tokens: 24, stop: &[], batch: 1, ..Default::default() };
            let text = whole(&model, &prompt, &free).text;
            let cut: String = text.chars().skip(4).take(2).collect();
            let cuts: [Vec<String>; 3] = [vec![], vec![cut.clone()], vec![cut + "\u{1}", "zz".to_owned()]];
            for stop in &cuts {
                let options = GenerationOptions { stop, ..free };
                let (pieces, answer) = pieces(&model, &prompt, &options);
                assert_eq!(answer, whole(&model, &prompt, &options));
                assert_eq!(pieces.concat(), answer.text);
                assert!(pieces.iter().all(|piece| !piece.is_empty()));
                count += pieces.len();
            }
        }
    }
    assert!(count > 200, "{count} pieces: text is held back for too long");
}

#[test]
fn the_receiver_can_stop_the_answer() {
    let model = model(1);
    let prompt = prompt(&model, "When is pay day?");
    let options = GenerationOptions { max_tokens: 24, stop: &[], batch: 1, ..Default::default() };
    let mut received = 0;
    let mut on_text = |_: &str| {
        received += 1;
        Flow::Stop
    };
    assert_eq!(stream(&model, &prompt, &options, &mut on_text).unwrap(), None);
    assert_eq!(received, 1);
}
