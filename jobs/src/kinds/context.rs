//! What every kind of job is given, and what it leaves.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::data::Item;
use empiric_schema::job::{
    EvaluationSummary, Findings, ItemResult, JobFile, OUTPUT_FOLDER, OutputFile, Progress, RESULTS_FILE,
};

use crate::durable_file::{self, WriteError};
use crate::error::{DOLLARS, JobError};
use crate::meter::Meter;
use crate::model::Totals;
use crate::model_cache::ModelCache;

/// What a finished job leaves.
#[derive(Debug, Default)]
pub(crate) struct Done {
    /// One sentence for people.
    pub(crate) message: String,
    /// The output files by name.
    pub(crate) outputs: BTreeMap<String, OutputFile>,
    /// What was found.
    pub(crate) findings: Findings,
}

/// A job's folder, its file, its clock, and the weights that the process has loaded already.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) folder: &'a Path,
    pub(crate) file: &'a JobFile,
    pub(crate) meter: &'a Meter,
    pub(crate) models: &'a ModelCache,
}

impl Context<'_> {
    /// Refuses to begin where the job asks for files that its kind does not leave.
    pub(crate) fn check_outputs(&self) -> Result<(), JobError> {
        let kind = &self.file.spec.kind;
        let left = kind.outputs();
        match self.file.outputs.iter().find(|name| !left.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(JobError::Parameters(format!(
                "the job `{}` leaves `{}`, but `{name}` was asked for",
                kind.name(),
                left.join("`, `")
            ))),
        }
    }

    /// Where an input lies.
    pub(crate) fn input(&self, artifact: &ArtifactRef) -> Result<&PathBuf, JobError> {
        let digest = &artifact.digest;
        self.file.inputs.get(digest).ok_or_else(|| JobError::MissingInput(digest.clone()))
    }

    /// Writes an output file whole.
    pub(crate) fn leave(
        &self,
        done: &mut Done,
        name: &str,
        bytes: &[u8],
        media_type: &str,
    ) -> Result<(), JobError> {
        let output = self.folder.join(OUTPUT_FOLDER);
        std::fs::create_dir_all(&output).map_err(WriteError::at(&output))?;
        durable_file::write(&output.join(name), bytes)?;
        let file = OutputFile {
            digest: Digest::of(bytes),
            size: bytes.len() as u64,
            media_type: media_type.to_owned(),
        };
        done.outputs.insert(name.to_owned(), file);
        Ok(())
    }

    /// A line of progress with nothing measured yet.
    pub(crate) fn progress(&self, phase: &str, step: u64, total: u64, unit: &str) -> Progress {
        Progress {
            phase: phase.to_owned(),
            step,
            total,
            unit: unit.to_owned(),
            metrics: BTreeMap::new(),
            usage: self.meter.usage(),
        }
    }

    /// The budget that work up to these totals would exceed.
    pub(crate) fn exceeded(&self, totals: Totals, done: usize, total: usize) -> Option<JobError> {
        let reserve = &self.file.spec.reserve;
        let all = self.meter.with_earlier(totals);
        let tokens = (all.prompt_tokens + all.completion_tokens) as f64;
        let limits = [
            ("tokens", tokens, reserve.tokens as f64),
            ("device seconds", self.meter.seconds(), reserve.device_seconds),
            (DOLLARS, self.meter.dollars(totals), reserve.usd),
        ];
        let over = limits.into_iter().find(|(_, used, limit)| *limit > 0.0 && used > limit)?;
        let (resource, used, limit) = over;
        Some(JobError::Budget { resource, used, limit, done, total })
    }
}

/// Values as JSON lines.
pub(crate) fn json_lines<T: serde::Serialize>(values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        // What jobs write holds nothing that JSON cannot say.
        bytes.extend(serde_json::to_vec(value).unwrap_or_default());
        bytes.push(b'\n');
    }
    bytes
}

/// The items at these positions, in the positions' order.
pub(crate) fn select<'a>(items: &'a [Item], positions: &[u32]) -> Result<Vec<&'a Item>, JobError> {
    if positions.is_empty() {
        return Err(JobError::Parameters("there are no positions to answer".to_owned()));
    }
    let outside = |position: u32| {
        let reason = format!("position {position} is outside the data: the file has {} items", items.len());
        JobError::Parameters(reason)
    };
    let find = |position: &u32| items.get(*position as usize).ok_or_else(|| outside(*position));
    positions.iter().map(find).collect()
}

/// The grades of all items, one character each.
pub(crate) fn summarise(results: &[ItemResult]) -> EvaluationSummary {
    let mark = |is: fn(&ItemResult) -> bool| results.iter().map(|r| if is(r) { '1' } else { '0' }).collect();
    EvaluationSummary {
        passed: mark(|result| result.passed),
        harmful: mark(|result| result.harmful),
        results: RESULTS_FILE.to_owned(),
        ..EvaluationSummary::default()
    }
}
