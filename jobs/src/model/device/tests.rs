//! The device path against the hand-written loops: on the processor, and on a GPU where the tests are built
//! with `--features cuda`.

use candle_core::Device;
use candle_core::quantized::GgmlDType;
use tempfile::TempDir;

use crate::model::adapter::{Adapter, AdapterBase};
use crate::model::generate::tests::{Collect, model, prompts};
use crate::model::tiny::TinyModel;
use crate::model::tiny_adapter::TinyAdapter;
use crate::model::{
    Candidates, DeviceChoice, Flow, Generated, GenerationOptions, KvCache, LoadOptions, LoadedModel,
    ModelError, ModelFiles, Precision, Sampling, ScoreOptions, Segment, TurnEnd, generate, load, load_with,
    score, stream,
};

const ALL: [&str; 7] = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
/// Largest difference of logits of some units that the order of sums explains.
const ROUNDING: f32 = 2e-4;

fn device() -> Device {
    if cfg!(feature = "cuda") {
        let opened = DeviceChoice::Cuda(0).open().unwrap();
        return opened.expect("a CUDA device: these tests are built for one");
    }
    Device::Cpu
}

fn onto(model: &LoadedModel) -> LoadedModel {
    model.clone().onto(&device()).unwrap()
}

fn loaded(tiny: &TinyModel) -> LoadedModel {
    let folder = TempDir::new().unwrap();
    load(&tiny.write_gguf(folder.path(), GgmlDType::F32)).unwrap()
}

/// Token ids without a pattern.
fn tokens(count: usize, seed: usize) -> Vec<u32> {
    (0..count).map(|i| ((i * 37 + seed * 101) % 256) as u32 + 3).collect()
}

/// Logits of passes over three sequences of different lengths, which go on from their caches.
fn logits(model: &LoadedModel, adapters: [Option<&Adapter>; 3]) -> Vec<f32> {
    let texts = [tokens(40, 1), tokens(40, 2), tokens(40, 3)];
    let mut caches = texts.clone().map(|text| KvCache::new(model.llama.config(), text.len()));
    let mut all = Vec::new();
    for lengths in [[7, 1, 19], [1, 1, 1], [1, 5, 2], [3, 1, 1]] {
        let mut segments = Vec::new();
        for (((text, cache), adapter), length) in texts.iter().zip(&mut caches).zip(adapters).zip(lengths) {
            let start = cache.len();
            segments.push(Segment { tokens: &text[start..start + length], cache, adapter });
        }
        let rows = model.llama.forward(&mut segments).unwrap();
        assert!(rows.device().is_cpu());
        all.extend(rows.flatten_all().unwrap().to_vec1::<f32>().unwrap());
    }
    all
}

fn assert_close(left: &[f32], right: &[f32], what: &str) {
    assert_eq!(left.len(), right.len(), "{what}");
    let distance = left.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(distance < ROUNDING, "{what}: {distance}");
}

fn compare(model: &LoadedModel, what: &str) {
    assert_close(&logits(&onto(model), [None; 3]), &logits(model, [None; 3]), what);
}

#[test]
fn logits_are_those_of_the_loops_for_tied_and_own_heads() {
    for seed in 0..3 {
        for tied in [true, false] {
            compare(&loaded(&TinyModel::new(seed, tied)), &format!("seed {seed}, tied {tied}"));
        }
    }
}

#[test]
fn stretched_positions_are_those_of_the_loops() {
    for factors in [vec![4.0; 8], vec![1.0, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0, 8.0]] {
        let plain = logits(&loaded(&TinyModel::new(9, true)), [None; 3]);
        let stretched = loaded(&TinyModel { rope_factors: Some(factors), ..TinyModel::new(9, true) });
        assert_ne!(logits(&stretched, [None; 3]), plain);
        compare(&stretched, "stretched");
    }
}

#[test]
fn weights_kept_in_eight_bits_are_widened() {
    for (dtype, weights) in [
        (GgmlDType::Q8_0, Precision::Q8_0),
        (GgmlDType::Q4_1, Precision::AsStored),
        (GgmlDType::F16, Precision::AsStored),
    ] {
        for tied in [true, false] {
            let folder = TempDir::new().unwrap();
            let file = TinyModel::new(3, tied).write_gguf(folder.path(), dtype);
            let files = ModelFiles { weights: file, ..ModelFiles::default() };
            let options = LoadOptions { weights, ..LoadOptions::default() };
            compare(&load_with(&files, options).unwrap(), &format!("{dtype:?}, tied {tied}"));
        }
    }
}

/// Adapters of all layers, and of two that leave columns of their products between them as they are.
fn adapters(tiny: &TinyModel) -> [Adapter; 3] {
    let sets: [&[&str]; 3] = [&ALL, &["q_proj", "v_proj", "down_proj"], &["k_proj", "up_proj"]];
    let mut seed = 0;
    sets.map(|targets| {
        seed += 1;
        let folder = TempDir::new().unwrap();
        let (config, weights) = TinyAdapter::new(seed, tiny, targets).write(folder.path(), tiny);
        Adapter::load(&config, &weights, AdapterBase { config: &tiny.config, name: "tiny" }).unwrap()
    })
}

#[test]
fn rows_have_their_own_adapters_as_in_the_loops() {
    let tiny = TinyModel::new(2, true);
    let model = loaded(&tiny);
    let on_device = onto(&model);
    let own = adapters(&tiny);
    let moved = [0, 1, 2].map(|i| own[i].onto(on_device.llama.device()).unwrap());
    let plain = logits(&model, [None; 3]);
    for choice in [[Some(0); 3], [Some(0), None, Some(1)], [None, Some(2), Some(2)], [Some(1), Some(2), None]]
    {
        let expected = logits(&model, choice.map(|place| place.map(|place: usize| &own[place])));
        let found = logits(&on_device, choice.map(|place| place.map(|place: usize| &moved[place])));
        assert_close(&found, &expected, &format!("{choice:?}"));
        assert_ne!(expected, plain);
    }
}

#[test]
fn wanted_positions_are_those_of_the_loops() {
    let tiny = TinyModel::new(2, false);
    let model = loaded(&tiny);
    let on_device = onto(&model);
    let own = adapters(&tiny);
    let moved = own[0].onto(on_device.llama.device()).unwrap();
    let run = |model: &LoadedModel, adapter: &Adapter, wanted: &[u32]| {
        let texts = [tokens(9, 4), tokens(9, 5), tokens(9, 6)];
        let mut caches = [9; 3].map(|room| KvCache::new(&tiny.config, room));
        let adapters = [Some(adapter), None, Some(adapter)];
        let segments = texts.iter().zip(&mut caches).zip(adapters);
        let mut segments: Vec<Segment<'_>> =
            segments.map(|((tokens, cache), adapter)| Segment { tokens, cache, adapter }).collect();
        let rows = model.llama.forward_at(&mut segments, wanted).unwrap();
        assert_eq!(rows.dims(), [wanted.len(), tiny.config.vocabulary]);
        assert!(segments.iter().all(|segment| segment.cache.len() == 9));
        rows.flatten_all().unwrap().to_vec1::<f32>().unwrap()
    };
    for wanted in [&[][..], &[8], &[0, 8, 9, 17, 26], &[26, 3, 3]] {
        assert_close(&run(&on_device, &moved, wanted), &run(&model, &own[0], wanted), &format!("{wanted:?}"));
    }
}

fn answers(model: &LoadedModel, prompts: &[Vec<u32>], options: &GenerationOptions<'_>) -> Vec<Generated> {
    let mut collect = Collect::new(prompts.len());
    assert_eq!(generate(model, prompts, options, &mut collect).unwrap(), Flow::Continue);
    collect.all()
}

#[test]
fn whole_batches_give_the_same_answers() {
    let model = model(11);
    let on_device = onto(&model);
    let prompts = prompts(&model);
    let texts = ["in the inn", "in", "the north"].map(str::to_owned);
    let (any, given): (&[String], &[String]) = (&[], &texts);
    let seeded = Sampling::Seeded { temperature: 0.8, top_p: 0.9, seed: 3 };
    for (batch, sampling, choices) in [
        (16, Sampling::Greedy, any),
        (1, Sampling::Greedy, any),
        (40, seeded, any),
        (16, Sampling::Greedy, given),
    ] {
        let options = GenerationOptions { max_tokens: 9, batch, sampling, choices, ..Default::default() };
        let expected = answers(&model, &prompts, &options);
        assert_eq!(answers(&on_device, &prompts, &options), expected, "{batch} {sampling:?}");
    }
}

#[test]
fn scores_are_those_of_the_loops() {
    let model = model(12);
    let texts = ["in the inn", "in", "the north", "in the key", "", "x"];
    let of = |prompt: Vec<u32>| {
        let tokens = |text: &&str| model.tokenizer.continuation(&prompt, text).unwrap();
        Candidates { continuations: texts.iter().map(tokens).collect(), prompt }
    };
    let candidates: Vec<Candidates> = prompts(&model).into_iter().take(12).map(of).collect();
    let scores = |model: &LoadedModel| {
        let mut collect = Collect::new(candidates.len());
        let options = ScoreOptions { batch: 5, end: TurnEnd::Scored };
        score(model, &candidates, &options, &mut collect).unwrap();
        let likelihoods = collect.all().into_iter().flatten();
        likelihoods
            .map(|likelihood| likelihood.log_probability_with_end.unwrap() as f32)
            .collect::<Vec<f32>>()
    };
    assert_close(&scores(&onto(&model)), &scores(&model), "scores");
}

#[test]
fn streams_give_the_same_pieces() {
    let model = model(13);
    let pieces = |model: &LoadedModel| {
        let mut pieces = Vec::new();
        let options = GenerationOptions { max_tokens: 12, ..Default::default() };
        let mut on_text = |piece: &str| {
            pieces.push(piece.to_owned());
            Flow::Continue
        };
        stream(model, &prompts(model)[0], &options, &mut on_text).unwrap();
        pieces
    };
    assert_eq!(pieces(&onto(&model)), pieces(&model));
}

fn last(model: &LoadedModel, cache: &mut KvCache, tokens: &[u32]) -> Vec<f32> {
    let segment = Segment { tokens, cache, adapter: None };
    model.llama.forward(&mut [segment]).unwrap().flatten_all().unwrap().to_vec1().unwrap()
}

#[test]
fn caches_are_forked_and_cut_without_a_trace() {
    let model = onto(&loaded(&TinyModel::new(5, true)));
    let config = model.llama.config();
    let text = tokens(30, 1);
    let expected = last(&model, &mut KvCache::new(config, 30), &text[..20]);
    let mut cache = KvCache::new(config, 16);
    last(&model, &mut cache, &text[..10]);
    let mut fork = cache.fork(config, 30);
    assert_eq!((fork.len(), fork.capacity()), (10, 32));
    last(&model, &mut fork, &tokens(7, 8));
    last(&model, &mut cache, &tokens(3, 9));
    fork.truncate(10);
    assert_close(&last(&model, &mut fork, &text[10..20]), &expected, "forked");
    cache.truncate(4);
    cache.extend_from(&fork, 16);
    assert_close(&last(&model, &mut cache.fork(config, 30), &text[16..20]), &expected, "extended");
}

#[test]
fn what_would_be_read_past_a_table_is_refused() {
    let model = onto(&loaded(&TinyModel::new(5, true)));
    let mut cache = KvCache::new(model.llama.config(), 8);
    let mut error = |tokens: &[u32], wanted: &[u32]| {
        let segment = Segment { tokens, cache: &mut cache, adapter: None };
        model.llama.forward_at(&mut [segment], wanted).unwrap_err()
    };
    let unknown = error(&[5, 263], &[0]);
    assert!(
        matches!(unknown, ModelError::UnknownToken { index: 0, token: 263, vocabulary: 263 }),
        "{unknown}"
    );
    let beyond = error(&[5, 6], &[1, 2]).to_string();
    assert!(beyond.starts_with("`wanted position` is 2"), "{beyond}");
    let long = error(&[5; 17], &[0]);
    assert!(matches!(long, ModelError::TooLong { .. }), "{long}");
}

#[test]
fn a_cache_of_the_other_network_is_refused() {
    let model = loaded(&TinyModel::new(5, true));
    let on_device = onto(&model);
    for (writer, reader) in [(&model, &on_device), (&on_device, &model)] {
        let mut cache = KvCache::new(model.llama.config(), 8);
        last(writer, &mut cache, &[5, 6]);
        let segment = Segment { tokens: &[7], cache: &mut cache, adapter: None };
        let error = reader.llama.forward(&mut [segment]).unwrap_err();
        assert!(matches!(error, ModelError::OtherMemory), "{error}");
        assert_eq!(cache.len(), 2);
    }
}

#[test]
fn a_network_is_moved_once() {
    let model = onto(&loaded(&TinyModel::new(5, true)));
    let error = model.onto(&device()).unwrap_err().to_string();
    assert!(error.contains("`network` is on a device already"), "{error}");
}
