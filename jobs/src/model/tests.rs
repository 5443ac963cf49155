//! The whole runtime on a tiny random model: equalities that must hold, and files that must be refused.

use std::path::Path;

use candle_core::quantized::GgmlDType;
use candle_core::quantized::gguf_file::Value;
use tempfile::TempDir;

use super::tiny::TinyModel;
use super::weights::Part;
use super::*;

#[derive(Default)]
struct Collect {
    answers: Vec<(usize, Generated)>,
    totals: Totals,
}

impl Observer for Collect {
    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.totals = totals;
        Flow::Continue
    }

    fn finished(&mut self, index: usize, answer: Generated) -> Flow {
        self.answers.push((index, answer));
        Flow::Continue
    }
}

fn answers(model: &LoadedModel, prompts: &[Vec<u32>], batch: usize, stop: &[String]) -> Vec<Generated> {
    let options = GenerationOptions { max_tokens: 12, stop, batch, ..Default::default() };
    let mut collect = Collect::default();
    assert_eq!(generate(model, prompts, &options, &mut collect).unwrap(), Flow::Continue);
    collect.answers.sort_by_key(|(index, _)| *index);
    assert_eq!(collect.answers.len(), prompts.len());
    collect.answers.into_iter().map(|(_, answer)| answer).collect()
}

fn prompts(model: &LoadedModel) -> Vec<Vec<u32>> {
    let questions =
        ["When is pay day?", "Where?", "Is there parking for employees at night, in 2024?", "the the"];
    let chat = |question: &&str| {
        let messages = [Message::new(Role::System, "Be brief."), Message::new(Role::User, *question)];
        model.prompt(&messages, "").unwrap()
    };
    questions.iter().map(chat).collect()
}

fn gguf(seed: u64) -> LoadedModel {
    let folder = TempDir::new().unwrap();
    load(&TinyModel::new(seed, true).write_gguf(folder.path(), GgmlDType::F32)).unwrap()
}

#[test]
fn answers_do_not_depend_on_the_batch_size_or_on_sharing() {
    for seed in 0..4 {
        let model = gguf(seed);
        let prompts = prompts(&model);
        let together = answers(&model, &prompts, 8, &[]);
        assert_eq!(together, answers(&model, &prompts, 1, &[]), "batch of one, seed {seed}");
        assert_eq!(together, answers(&model, &prompts, 3, &[]), "batch of three, seed {seed}");
        let alone: Vec<Generated> =
            prompts.iter().flat_map(|prompt| answers(&model, std::slice::from_ref(prompt), 1, &[])).collect();
        assert_eq!(together, alone, "without a shared beginning, seed {seed}");
        let backwards: Vec<Vec<u32>> = prompts.iter().rev().cloned().collect();
        let mut reversed = answers(&model, &backwards, 2, &[]);
        reversed.reverse();
        assert_eq!(together, reversed, "another order, seed {seed}");
    }
}

#[test]
fn tokens_are_counted_as_a_user_would() {
    let model = gguf(1);
    let prompts = prompts(&model);
    let mut collect = Collect::default();
    let options = GenerationOptions { max_tokens: 1, stop: &[], batch: 8, ..Default::default() };
    generate(&model, &prompts, &options, &mut collect).unwrap();
    let read: usize = prompts.iter().map(Vec::len).sum();
    assert_eq!(
        collect.totals,
        Totals { prompt_tokens: read as u64, completion_tokens: prompts.len() as u64 }
    );
}

#[test]
fn a_stop_text_ends_the_answer_and_is_cut() {
    let model = gguf(2);
    let prompts = prompts(&model);
    let free = answers(&model, &prompts, 4, &[]);
    let (index, stop) = free
        .iter()
        .enumerate()
        .find_map(|(i, answer)| answer.text.chars().nth(3).map(|c| (i, c.to_string())))
        .expect("an answer of four characters");
    let stopped = answers(&model, &prompts, 4, std::slice::from_ref(&stop));
    assert!(free[index].text.starts_with(&stopped[index].text));
    assert!(!stopped[index].text.contains(&stop));
    assert_eq!(stopped[index].finish, Finish::Stop);
}

#[test]
fn gguf_and_safetensors_of_one_model_agree() {
    for tied in [true, false] {
        let folder = TempDir::new().unwrap();
        let tiny = TinyModel::new(7, tied);
        let from_gguf = load(&tiny.write_gguf(folder.path(), GgmlDType::F32)).unwrap();
        tiny.write_folder(folder.path());
        for path in [folder.path().to_owned(), folder.path().join("model.safetensors")] {
            let from_folder = load(&path).unwrap();
            let prompts = prompts(&from_gguf);
            assert_eq!(prompts, self::prompts(&from_folder));
            assert_eq!(last_logits(&from_gguf, &prompts[0]), last_logits(&from_folder, &prompts[0]));
        }
    }
}

fn last_logits(model: &LoadedModel, prompt: &[u32]) -> Vec<f32> {
    let mut cache = KvCache::new(model.llama.config(), prompt.len());
    let logits =
        model.llama.forward(&mut [Segment { tokens: prompt, cache: &mut cache, adapter: None }]).unwrap();
    logits.flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn quantized_files_load_and_stay_near_the_exact_one() {
    let folder = TempDir::new().unwrap();
    let tiny = TinyModel::new(3, true);
    let exact = load(&tiny.write_gguf(folder.path(), GgmlDType::F32)).unwrap();
    let prompt = &prompts(&exact)[0];
    let expected = last_logits(&exact, prompt);
    let size = expected.iter().map(|x| x * x).sum::<f32>().sqrt();
    for (dtype, tolerance) in
        [(GgmlDType::F16, 0.01), (GgmlDType::Q8_0, 0.05), (GgmlDType::Q4_1, 0.9), (GgmlDType::Q4_0, 0.9)]
    {
        let model = load(&tiny.write_gguf(folder.path(), dtype)).unwrap();
        let found = last_logits(&model, prompt);
        let distance = expected.iter().zip(&found).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
        assert!(distance / size < tolerance, "{dtype:?}: {}", distance / size);
    }
}

#[test]
fn prompts_over_the_context_are_refused() {
    let model = gguf(1);
    let options = GenerationOptions { max_tokens: 10, stop: &[], batch: 1, ..Default::default() };
    let error = generate(&model, &[vec![5; 503]], &options, &mut Collect::default()).unwrap_err();
    assert!(matches!(error, ModelError::TooLong { index: 0, tokens: 503, new: 10, context: 512 }), "{error}");
}

#[test]
fn infinite_logits_are_a_divergence() {
    let folder = TempDir::new().unwrap();
    let mut tiny = TinyModel::new(1, true);
    (0..64).for_each(|i| tiny.set(Part::Norm, i, f32::MAX));
    let model = load(&tiny.write_gguf(folder.path(), GgmlDType::F32)).unwrap();
    let options = GenerationOptions { max_tokens: 4, stop: &[], batch: 2, ..Default::default() };
    let error = generate(&model, &prompts(&model), &options, &mut Collect::default()).unwrap_err();
    assert!(matches!(error, ModelError::Diverged), "{error}");
}

#[test]
fn wrong_weights_are_refused_in_words() {
    let folder = TempDir::new().unwrap();
    let check = |tiny: &TinyModel, change: fn(&mut Vec<(&'static str, Value)>), expected: &str| {
        let error = load(&tiny.write_gguf_with(folder.path(), GgmlDType::F32, change)).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    let tiny = TinyModel::new(1, true);
    check(&tiny, |m| m[0].1 = text("qwen2"), "the architecture is `qwen2`; expected `llama`");
    check(&tiny, |m| m[1].1 = Value::U32(3), "tensor `blk.2.attn_norm.weight` is missing");
    check(
        &tiny,
        |m| m[4].1 = Value::U32(128),
        "tensor `blk.0.ffn_gate.weight` has shape [96, 64]; expected [128, 64]",
    );
    check(
        &tiny,
        |m| m[5].1 = text("four"),
        "`llama.attention.head_count` is no number; expected a number that is not negative",
    );
    check(&tiny, |m| drop(m.remove(3)), "`llama.embedding_length` is missing; expected a number");
    check(
        &tiny,
        |m| m[10].1 = text("deepseek"),
        "`tokenizer.ggml.pre` is deepseek; expected smollm, gpt-2, llama-bpe or qwen2",
    );
    check(
        &tiny,
        |m| m.push(("llama.rope.scaling.type", text("yarn"))),
        "`llama.rope.scaling.type` is yarn; expected none or linear",
    );
    let mut broken = TinyModel::new(1, true);
    broken.set(Part::Value(1), 17, f32::NAN);
    check(&broken, |_| {}, "tensor `blk.1.attn_v.weight` has a value that is not finite");
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

#[test]
fn files_that_were_cut_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = TinyModel::new(1, true).write_gguf(folder.path(), GgmlDType::Q8_0);
    let whole = std::fs::read(&path).unwrap();
    for length in (0..whole.len() - 64).step_by(997) {
        std::fs::write(&path, &whole[..length]).unwrap();
        load(&path).expect_err("a cut file");
    }
    std::fs::write(&path, &whole[..whole.len() - 64]).unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(error.ends_with("it is truncated"), "{error}");
}

#[test]
fn damaged_headers_never_panic() {
    let folder = TempDir::new().unwrap();
    let tiny = TinyModel::new(1, true);
    let gguf = tiny.write_gguf(folder.path(), GgmlDType::Q8_0);
    flip_bits(&gguf, 8_000);
    tiny.write_folder(folder.path());
    flip_bits(&folder.path().join("model.safetensors"), 2_200);
}

/// Flips one bit after another in the first bytes of the file; loading must return, one way or the other.
fn flip_bits(path: &Path, header: usize) {
    let whole = std::fs::read(path).unwrap();
    for at in (0..header.min(whole.len())).step_by(7) {
        let mut damaged = whole.clone();
        damaged[at] ^= 1 << (at % 8);
        std::fs::write(path, &damaged).unwrap();
        load(path).ok();
    }
    std::fs::write(path, whole).unwrap();
}

#[test]
fn lying_sizes_are_refused_before_memory_is_reserved() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("lie.gguf");
    let check = |tensors: u64, entries: u64, rest: &[u8]| {
        let header =
            [b"GGUF".as_slice(), &3u32.to_le_bytes(), &tensors.to_le_bytes(), &entries.to_le_bytes(), rest];
        std::fs::write(&path, header.concat()).unwrap();
        let error = load(&path).unwrap_err();
        assert!(matches!(error, ModelError::Header { format: "GGUF", .. }), "{error}");
    };
    check(u64::MAX, 0, &[]);
    check(0, u64::MAX, &[]);
    check(1, 1, &u64::MAX.to_le_bytes());
    let alignment = b"general.alignment";
    let entry =
        [&17u64.to_le_bytes(), alignment.as_slice(), &4u32.to_le_bytes(), &0u32.to_le_bytes()].concat();
    check(0, 1, &entry);
}

#[test]
fn other_files_are_not_taken_for_weights() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("weights");
    std::fs::write(&path, b"PK\x03\x04 a pickle in a zip").unwrap();
    let error = load(&path).unwrap_err().to_string();
    assert!(error.contains("neither GGUF nor safetensors"), "{error}");
    let error = load(&folder.path().join("nothing")).unwrap_err().to_string();
    assert!(error.starts_with("cannot read"), "{error}");
}
