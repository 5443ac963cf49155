//! The part of the books that says why the incumbent fails.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::{JobOutcome, LifecycleInput};
use empiric_schema::decision::Decision;
use empiric_schema::job::{CHUNKS_FILE, CLUSTERS_FILE, ClusterParams, JobKind, PROBES_FILE, ProbeParams};

use super::Books;
use crate::diagnosis::{rows, suspects, to_probe};
use crate::dispatch::Halt;
use crate::loop_step::{Step, loop_step};
use crate::technique::{diagnosis_index, models_to_probe};

/// Answers sampled for an item that nothing cheaper repaired.
const SAMPLES: u32 = 4;
/// Warm enough for answers to differ, as in the pass@k of Chen et al. 2021.
const TEMPERATURE: f64 = 0.8;

impl Books {
    /// Whether the next step depends on failures that nobody has looked at.
    pub(in crate::lifecycle) fn needs_diagnosis(&self, input: &LifecycleInput) -> bool {
        let is_unknown = self.incumbent.as_ref().is_some_and(|incumbent| !incumbent.is_diagnosed);
        input.options.diagnose
            && is_unknown
            && matches!(loop_step(&self.loop_state(input)).step, Step::Improve(_))
    }

    /// The job that cuts the documents for gold passages; none where there are none, or chunks already.
    pub(in crate::lifecycle) fn chunking(&self) -> Option<JobKind> {
        if self.chunks.is_some() {
            return None;
        }
        Some(diagnosis_index(&self.setting()?)?.kind)
    }

    pub(in crate::lifecycle) fn take_chunks(&mut self, outcome: &JobOutcome) {
        self.chunks = outcome.outputs.get(CHUNKS_FILE).cloned();
    }

    /// The probes of the incumbent's failures, and their positions; none when nothing failed.
    pub(in crate::lifecycle) fn probing(&self, input: &LifecycleInput) -> Option<(JobKind, Vec<u32>)> {
        let (incumbent, frozen) = (self.incumbent.as_ref()?, self.frozen.as_ref()?);
        let positions = to_probe(&incumbent.dev.passed, self.spec.improve.seed);
        let shown = incumbent.version.retrieval.as_ref().map(|retrieval| retrieval.index.chunks.clone());
        let params = ProbeParams {
            version: incumbent.version.clone(),
            items: frozen.dev.items.clone(),
            positions: positions.clone(),
            results: incumbent.results.clone(),
            assertions: self.spec.evaluate.assertions.clone(),
            labels: self.spec.scope.task.labels().to_vec(),
            chunks: shown.or_else(|| self.chunks.clone()),
            samples: SAMPLES,
            temperature: TEMPERATURE,
            models: models_to_probe(&self.setting()?),
            batch: input.options.batch,
        };
        (!positions.is_empty()).then(|| (JobKind::Probe(Box::new(params)), positions))
    }

    /// The clustering of what was probed, where the spec names an embedder.
    pub(in crate::lifecycle) fn clustering(&self, probed: &JobOutcome) -> Option<JobKind> {
        let frozen = self.frozen.as_ref()?;
        let params = ClusterParams {
            items: frozen.dev.items.clone(),
            probes: probed.outputs.get(PROBES_FILE)?.clone(),
            encoder: frozen.encoder.clone()?,
            previous: self.clusters.clone(),
        };
        Some(JobKind::Cluster(Box::new(params)))
    }

    /// Writes down why the incumbent fails.
    pub(in crate::lifecycle) fn diagnose(
        &mut self,
        positions: &[u32],
        probed: Option<&JobOutcome>,
        clustered: Option<&JobOutcome>,
    ) -> Result<(), Halt> {
        let clusters: Option<ArtifactRef> =
            clustered.and_then(|outcome| outcome.outputs.get(CLUSTERS_FILE)).cloned();
        self.clusters = clusters.clone().or(self.clusters.take());
        let none = || Halt::Problem("nothing was measured yet".to_owned());
        let incumbent = self.incumbent.as_mut().ok_or_else(none)?;
        incumbent.is_diagnosed = true;
        let Some(outcome) = probed else { return Ok(()) };
        let summary = outcome.findings.diagnosis.clone().unwrap_or_default();
        let rows = rows(&summary, positions);
        incumbent.diagnosis = rows.clone();
        (self.suspects, self.probed) = suspects(&summary, positions);
        let (version, failures) = (incumbent.version.digest(), failing(&incumbent.dev.passed));
        let why = match rows.first() {
            Some(row) => format!("most of what fails is put down to: {}", row.category.words()),
            None => "the probes came to no result".to_owned(),
        };
        let decision = Decision::Diagnose {
            version,
            failures,
            probed: positions.len() as u32,
            rows,
            probes: summary.probes,
            items: outcome.outputs.get(PROBES_FILE).cloned(),
            clusters,
        };
        self.decide(decision, why);
        Ok(())
    }
}

fn failing(passed: &str) -> u32 {
    passed.bytes().filter(|grade| *grade != b'1').count() as u32
}
