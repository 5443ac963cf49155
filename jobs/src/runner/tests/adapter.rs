//! Evaluations of versions with an adapter, and of models whose files lie apart.

use std::collections::BTreeMap;

use empiric_schema::id::ModelId;
use empiric_schema::version::{AdapterBinding, ModelBinding};
use tempfile::TempDir;

use super::*;
use crate::model::tiny::TinyModel;
use crate::model::tiny_adapter::TinyAdapter;

const TARGETS: [&str; 3] = ["q_proj", "v_proj", "down_proj"];

/// The evaluation of [`evaluation`] with an adapter of its model.
fn adapted(change: impl FnOnce(&mut TinyAdapter)) -> Job {
    let mut job = evaluation();
    let model = TinyModel::new(5, true);
    let mut adapter = TinyAdapter::new(9, &model, &TARGETS);
    change(&mut adapter);
    let (config, weights) = adapter.write(&job.path(""), &model);
    let binding = AdapterBinding { config: reference(&config), weights: reference(&weights) };
    job.file.inputs.insert(binding.config.digest.clone(), config);
    job.file.inputs.insert(binding.weights.digest.clone(), weights);
    params(&mut job).version.adapter = Some(binding);
    job
}

fn answers(job: &Job) -> Vec<String> {
    let exit = job.run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    let results: Vec<ItemResult> = lines(&job.path("out/results.jsonl"));
    results.into_iter().map(|result| result.answer).collect()
}

#[test]
fn an_adapter_changes_the_answers() {
    let found = answers(&adapted(|_| {}));
    assert_ne!(found, answers(&evaluation()));
    assert_eq!(found, answers(&adapted(|_| {})));
    let without_effect = adapted(|adapter| {
        adapter.values.iter_mut().for_each(|(_, _, b)| b.iter_mut().for_each(|b| *b = 0.0))
    });
    assert_eq!(answers(&without_effect), answers(&evaluation()));
}

#[test]
fn adapters_that_do_not_fit_are_refused_in_words() {
    adapted(|adapter| adapter.config["use_dora"] = true.into())
        .fails(ExitClass::InvalidInput, "onto the model: `use_dora` is true; expected nothing");
    adapted(|adapter| adapter.config["base_model_name_or_path"] = "org/Large".into())
        .fails(ExitClass::InvalidInput, "the adapter was trained on `org/Large`, but the model is `tiny`");
    adapted(|adapter| adapter.values[0].1[0] = f32::NAN)
        .fails(ExitClass::InvalidInput, "lora_A.weight` has a value that is not finite");
    let job = adapted(|_| {});
    std::fs::write(job.path("adapter_model.safetensors"), b"cut").unwrap();
    job.fails(ExitClass::ArtifactCorrupt, "adapter_model.safetensors` is damaged");
}

#[test]
fn a_model_whose_files_lie_apart_answers_as_the_same_one_in_a_folder() {
    let evaluate = |apart: bool| {
        let mut job = evaluation();
        let folder = TempDir::new().unwrap();
        TinyModel::new(5, true).write_folder(folder.path());
        let weights = folder.path().join("model.safetensors");
        let mut model =
            ModelBinding { id: ModelId::new("tiny"), weights: reference(&weights), files: BTreeMap::new() };
        job.file.inputs.insert(model.weights.digest.clone(), weights.clone());
        for name in ["config.json", "tokenizer.json", "tokenizer_config.json"].into_iter().filter(|_| apart) {
            let path = job.path(&format!("{}.bin", name.len()));
            std::fs::rename(folder.path().join(name), &path).unwrap();
            model.files.insert(name.to_owned(), reference(&path));
            job.file.inputs.insert(reference(&path).digest, path);
        }
        params(&mut job).version.model = model.into();
        answers(&job)
    };
    assert_eq!(evaluate(true), evaluate(false));
}
