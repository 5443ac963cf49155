//! Checkpoints: whole or not there, with a digest inside, the last two of them.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use empiric_schema::artifact::Digest;
use empiric_schema::job::TrainingStep;
use safetensors::SafeTensors;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::error::TrainError;
use super::tensor_file::{self, NamedValues};
use crate::durable_file::{self, WriteError};

/// Where a job writes its checkpoints, in its own folder.
pub const CHECKPOINT_FOLDER: &str = "checkpoints";
/// Checkpoints that are kept: if the newest is damaged, the one before it serves.
const KEPT: usize = 2;
const PREFIX: &str = "step-";
const SUFFIX: &str = ".safetensors";
const STATE: &str = "state";
const DIGEST: &str = "digest";

/// Everything of a training but its tensors. The place in the data follows from seed and step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct State {
    /// Digest of model, data, parameters and seed.
    pub(crate) identity: Digest,
    /// Optimiser steps that are done.
    pub(crate) step: u32,
    /// Tokens that were learned from.
    pub(crate) tokens: u64,
    pub(crate) history: Vec<TrainingStep>,
    pub(crate) best: Option<Best>,
    /// Looks at dev since the best one.
    pub(crate) looks_since_best: u32,
}

/// The best look at dev so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Best {
    pub(crate) step: u32,
    pub(crate) dev_loss: f64,
}

/// A checkpoint that was read.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) state: State,
    /// Values by name.
    pub(crate) values: BTreeMap<String, Vec<f32>>,
}

/// Writes the checkpoint of the state's step into `folder` and removes all but the last two.
pub(crate) fn write(folder: &Path, state: &State, tensors: &[NamedValues<'_>]) -> Result<(), WriteError> {
    std::fs::create_dir_all(folder).map_err(WriteError::at(folder))?;
    // The state holds nothing that JSON cannot say: what is not finite ends a training before.
    let text = serde_json::to_string(state).unwrap_or_default();
    let named = tensors.iter().map(|tensor| (tensor.name.as_str(), &*tensor.values));
    let digest = digest(&text, named).to_string();
    let path = folder.join(format!("{PREFIX}{:08}{SUFFIX}", state.step));
    durable_file::write_with(&path, |file| {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        tensor_file::write(&mut file, &[(STATE, &text), (DIGEST, &digest)], tensors)?;
        file.flush()
    })?;
    for (_, old) in list(folder).into_iter().skip(KEPT) {
        std::fs::remove_file(&old).map_err(WriteError::at(&old))?;
    }
    Ok(())
}

/// The newest checkpoint in `folder` that is whole; none where there is none.
///
/// # Errors
/// A whole checkpoint of another training.
pub(crate) fn newest(folder: &Path, identity: &Digest) -> Result<Option<Checkpoint>, TrainError> {
    for (_, path) in list(folder) {
        match read(&path) {
            Ok(checkpoint) if checkpoint.state.identity == *identity => return Ok(Some(checkpoint)),
            Ok(checkpoint) => {
                let (found, expected) = (checkpoint.state.identity.to_string(), identity.to_string());
                return Err(TrainError::OtherTraining { path, found, expected });
            }
            Err(reason) => {
                tracing::warn!(path = %path.display(), reason, "a checkpoint is damaged and is passed over");
            }
        }
    }
    Ok(None)
}

/// The checkpoints in a folder, newest first.
fn list(folder: &Path) -> Vec<(u32, PathBuf)> {
    let step = |path: &Path| -> Option<u32> {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?.parse().ok()
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<(u32, PathBuf)> = entries.filter_map(|path| Some((step(&path)?, path))).collect();
    found.sort_unstable_by(|left, right| right.cmp(left));
    found
}

/// Reads a checkpoint, or says what is wrong with it.
fn read(path: &Path) -> Result<Checkpoint, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|error| error.to_string())?;
    let tensors = SafeTensors::deserialize(&bytes).map_err(|error| error.to_string())?;
    let metadata = header.metadata().clone().unwrap_or_default();
    let [text, expected] = [STATE, DIGEST].map(|key| metadata.get(key).cloned().unwrap_or_default());
    let values: BTreeMap<String, Vec<f32>> =
        tensors.iter().map(|(name, view)| (name.to_owned(), tensor_file::values(view.data()))).collect();
    // In the order of the file, in which the digest was made.
    let names = header.offset_keys();
    let named = names.iter().filter_map(|name| Some((name.as_str(), values.get(name)?.as_slice())));
    let found = digest(&text, named).to_string();
    if found != expected {
        return Err(format!("its content has {found}, expected {expected}"));
    }
    let state = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    Ok(Checkpoint { state, values })
}

fn digest<'a>(state: &str, tensors: impl Iterator<Item = (&'a str, &'a [f32])>) -> Digest {
    let mut hasher = Sha256::new();
    hasher.update(state);
    for (name, values) in tensors {
        hasher.update(name);
        tensor_file::bytes(values, |piece| {
            hasher.update(piece);
            Ok::<(), std::convert::Infallible>(())
        })
        .unwrap_or_else(|never| match never {});
    }
    Digest::from_hash(&hasher.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(step: u32) -> State {
        let identity = Digest::of(b"one");
        State { identity, step, tokens: 7, history: Vec::new(), best: None, looks_since_best: 0 }
    }

    fn write_step(folder: &Path, step: u32) -> PathBuf {
        let tensor = |name: &str, value: f32| NamedValues {
            name: name.into(),
            shape: vec![3],
            values: vec![value, 2.0, 3.0].into(),
        };
        write(folder, &state(step), &[tensor("x", step as f32), tensor("a", 0.5)]).unwrap();
        folder.join(format!("step-{step:08}.safetensors"))
    }

    #[test]
    fn the_last_two_are_kept_and_the_newest_is_read() {
        let folder = tempfile::tempdir().unwrap();
        (1..=11).for_each(|step| drop(write_step(folder.path(), step)));
        let names: Vec<u32> = list(folder.path()).into_iter().map(|(step, _)| step).collect();
        assert_eq!(names, [11, 10]);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
        let newest = newest(folder.path(), &Digest::of(b"one")).unwrap().unwrap();
        assert_eq!(newest.state, state(11));
        assert_eq!(newest.values["x"], [11.0, 2.0, 3.0]);
    }

    #[test]
    fn a_damaged_checkpoint_gives_way_to_the_one_before() {
        let check = |damage: fn(&mut Vec<u8>)| {
            let folder = tempfile::tempdir().unwrap();
            write_step(folder.path(), 4);
            let path = write_step(folder.path(), 5);
            let mut bytes = std::fs::read(&path).unwrap();
            damage(&mut bytes);
            std::fs::write(&path, bytes).unwrap();
            let newest = newest(folder.path(), &Digest::of(b"one")).unwrap().unwrap();
            assert_eq!(newest.state.step, 4);
        };
        check(|bytes| *bytes.last_mut().unwrap() ^= 1);
        check(|bytes| bytes.truncate(bytes.len() - 4));
        check(|bytes| bytes.truncate(3));
        check(|bytes| bytes.clear());
        check(|bytes| {
            let at = bytes.windows(9).position(|window| window == b"tokens\\\":").unwrap();
            bytes[at + 9] = b'8';
        });
    }

    #[test]
    fn a_checkpoint_of_another_training_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write_step(folder.path(), 4);
        let error = newest(folder.path(), &Digest::of(b"two")).unwrap_err().to_string();
        assert!(error.contains("belongs to another training"), "{error}");
    }

    #[test]
    fn no_folder_has_no_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        assert!(newest(&folder.path().join("none"), &Digest::of(b"one")).unwrap().is_none());
    }
}
