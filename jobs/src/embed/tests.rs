//! The whole encoder on a tiny random BERT: equalities that must hold, and files that must be refused.

use std::path::Path;

use tempfile::TempDir;

use super::tiny::{MAX_TOKENS, TinyBert};
use super::*;

/// Texts of the tiny vocabulary, with their tokens: marks 2 and 3 around, `the` 4, `key` 5, `park` 6,
/// `##ing` 7, `pay` 8, `day` 9, then letters, letters inside a word, and digits from 62.
const TEXTS: [(&str, &[u32]); 5] = [
    ("", &[2, 3]),
    ("The  key", &[2, 4, 5, 3]),
    ("parking; pay day", &[2, 6, 7, 1, 8, 9, 3]),
    ("Pay-day 7", &[2, 8, 1, 9, 69, 3]),
    ("ab the key parking the key parking 0", &[2, 10, 37, 4, 5, 6, 7, 4, 5, 6, 7, 62, 3]),
];

fn written(tiny: &TinyBert) -> TempDir {
    let folder = TempDir::new().unwrap();
    tiny.write(folder.path());
    folder
}

fn loaded(tiny: &TinyBert) -> SentenceEncoder {
    SentenceEncoder::load_folder(written(tiny).path()).unwrap()
}

fn texts() -> Vec<&'static str> {
    TEXTS.iter().map(|(text, _)| *text).collect()
}

fn assert_close(left: &[f32], right: &[f32]) {
    assert_eq!(left.len(), right.len());
    for (a, b) in left.iter().zip(right) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn vectors_agree_with_the_formula() {
    for seed in 0..4 {
        let tiny = TinyBert::new(seed);
        let vectors = loaded(&tiny).embed(&texts()).unwrap();
        assert_eq!(vectors.tokens, TEXTS.iter().map(|(_, tokens)| tokens.len() as u64).sum::<u64>());
        for ((text, tokens), found) in TEXTS.iter().zip(vectors.rows()) {
            for (found, expected) in found.iter().zip(tiny.formula(tokens)) {
                assert!((f64::from(*found) - expected).abs() < 1e-5, "{seed} `{text}`: {found} {expected}");
            }
        }
    }
}

#[test]
fn vectors_do_not_depend_on_order_or_company() {
    let encoder = loaded(&TinyBert::new(1));
    let texts: Vec<String> = (0..200).map(|i| "the key 4 parking ".repeat(i % 7) + texts()[i % 5]).collect();
    let together = encoder.embed(&texts).unwrap();
    let reversed: Vec<&String> = texts.iter().rev().collect();
    let backwards = encoder.embed(&reversed).unwrap();
    for (forth, back) in together.rows().zip(backwards.rows().rev()) {
        assert_close(forth, back);
    }
    for (text, row) in texts.iter().zip(together.rows()) {
        assert_close(&encoder.embed(&[text]).unwrap().values, row);
    }
}

#[test]
fn long_texts_are_cut_to_the_settings_or_to_the_trained_positions() {
    let tiny = TinyBert::new(2);
    let folder = written(&tiny);
    let long = "the ".repeat(100);
    let tokens = |encoder: &SentenceEncoder| encoder.embed(&[&long]).unwrap().tokens as usize;
    let encoder = SentenceEncoder::load_folder(folder.path()).unwrap();
    assert_eq!(tokens(&encoder), MAX_TOKENS);
    let exact = "the ".repeat(MAX_TOKENS - 2);
    assert_close(&encoder.embed(&[&long]).unwrap().values, &encoder.embed(&[&exact]).unwrap().values);
    std::fs::remove_file(folder.path().join("sentence_bert_config.json")).unwrap();
    assert_eq!(tokens(&SentenceEncoder::load_folder(folder.path()).unwrap()), tiny.config.positions);
}

#[test]
fn no_texts_give_no_vectors() {
    let vectors = loaded(&TinyBert::new(3)).embed::<&str>(&[]).unwrap();
    assert_eq!((vectors.values.len(), vectors.tokens), (0, 0));
}

#[test]
fn an_encoder_inside_a_larger_model_is_found() {
    let mut tiny = TinyBert::new(4);
    let plain = loaded(&tiny).embed(&texts()).unwrap();
    tiny.tensors = tiny.tensors.into_iter().map(|(name, tensor)| (format!("bert.{name}"), tensor)).collect();
    assert_eq!(loaded(&tiny).embed(&texts()).unwrap(), plain);
}

#[test]
fn wrong_weights_are_refused_by_name() {
    let check = |change: fn(&mut TinyBert), expected: &str| {
        let mut tiny = TinyBert::new(5);
        change(&mut tiny);
        let error = SentenceEncoder::load_folder(written(&tiny).path()).unwrap_err().to_string();
        assert_eq!(error, expected);
    };
    check(
        |tiny| drop(tiny.tensors.remove("encoder.layer.1.attention.self.key.bias")),
        "tensor `encoder.layer.1.attention.self.key.bias` is missing",
    );
    check(
        |tiny| tiny.tensors.get_mut("encoder.layer.0.output.dense.weight").unwrap().0 = vec![40, 48],
        "tensor `encoder.layer.0.output.dense.weight` has shape [40, 48]; expected [48, 40]",
    );
    check(
        |tiny| tiny.tensors.get_mut("embeddings.word_embeddings.weight").unwrap().1[70] = f32::NAN,
        "tensor `embeddings.word_embeddings.weight` has a value that is not finite",
    );
    check(
        |tiny| tiny.config.vocabulary = 71,
        "`vocab_size` is 71; expected over 71, the tokenizer's last token",
    );
}

#[test]
fn other_folders_are_not_taken_for_encoders() {
    let folder = written(&TinyBert::new(6));
    let check = |file: &str, contents: &str, expected: &str| {
        let path = folder.path().join(file);
        let before = std::fs::read(&path).ok();
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, contents).unwrap();
        let error = SentenceEncoder::load_folder(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        match before {
            Some(before) => std::fs::write(&path, before).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
    };
    check("config.json", r#"{"model_type":"mpnet"}"#, "`model_type` is `mpnet`; expected `bert`");
    check("model.safetensors", "PK\x03\x04 a pickle in a zip", "the safetensors header is malformed");
    check("tokenizer.json", "{}", "tokenizer: ");
    let pooling = r#"{"pooling_mode_cls_token":true,"pooling_mode_mean_tokens":false}"#;
    check("1_Pooling/config.json", pooling, "`pooling_mode_mean_tokens` is false");
    std::fs::remove_file(folder.path().join("tokenizer.json")).unwrap();
    let error = SentenceEncoder::load_folder(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read") && error.ends_with("tokenizer.json`"), "{error}");
}

#[test]
fn damaged_weights_never_panic() {
    let folder = written(&TinyBert::new(7));
    let path = folder.path().join("model.safetensors");
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(997) {
        std::fs::write(&path, &whole[..length]).unwrap();
        refused(folder.path());
    }
    for at in (0..3_000).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(&path, &damaged).unwrap();
        SentenceEncoder::load_folder(folder.path()).ok();
    }
}

fn refused(folder: &Path) {
    SentenceEncoder::load_folder(folder).expect_err("a cut file");
}

#[test]
fn numbers_that_overflow_are_reported_with_the_text() {
    let mut tiny = TinyBert::new(8);
    // The word `the`, token 4, and only it, is too large to be squared.
    let width = tiny.config.hidden;
    let words = &mut tiny.tensors.get_mut("embeddings.word_embeddings.weight").unwrap().1;
    words[4 * width..5 * width].iter_mut().enumerate().for_each(|(i, v)| *v = 3e38 * (i as f32).sin());
    let encoder = loaded(&tiny);
    assert!(encoder.embed(&["key", "pay"]).is_ok());
    let error = encoder.embed(&["key", "pay the day", "day"]).unwrap_err();
    assert!(matches!(error, EmbedError::Diverged { index: 1 }), "{error}");
}

struct StopAt(usize);

impl EmbedObserver for StopAt {
    fn before_pass(&mut self, done: usize, _: crate::model::Totals) -> crate::model::Flow {
        match done < self.0 {
            true => crate::model::Flow::Continue,
            false => crate::model::Flow::Stop,
        }
    }
}

#[test]
fn an_observer_stops_work_between_passes() {
    let encoder = loaded(&TinyBert::new(9));
    let texts = vec!["the key parking the key parking"; 300];
    assert!(encoder.embed_watched(&texts, &mut StopAt(1)).unwrap().is_none());
    assert!(encoder.embed_watched(&texts, &mut StopAt(300)).unwrap().is_some());
}
