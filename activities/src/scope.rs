//! Freezing what a run works on: data checked and stored, weights by digest, the first version.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::contract::{FreezeRequest, Frozen, FrozenSplit};
use empiric_schema::id::ModelId;
use empiric_schema::job::{EncoderFiles, Progress};
use empiric_schema::source::{Location, SourceRef};
use empiric_schema::spec::{ModelOrigin, ProjectSpec, PromptSource};
use empiric_schema::version::{
    AnsweringModel, Decoding, Demonstrations, EndpointBinding, ModelBinding, Prompt, SystemVersion,
};
use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use tokio::sync::watch;

use crate::adapters::artifact_store::ArtifactStore;
use crate::adapters::durable::blocking;
use crate::adapters::source::{NetworkMode, Resolved, SourceFile, SourceKind, SourceResolver, Transfer};
use crate::failure;

use corpus::Corpus;
use encoder::EncoderFolder;
pub(crate) use endpoint::is_listed;
pub use error::ScopeError;
use splits::{Split, Splits};

mod clusters;
mod corpus;
mod encoder;
mod endpoint;
mod error;
mod splits;

#[cfg(test)]
mod tests;

/// How often the server hears that a download goes on.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Larger prompts would make every message about a version too large for the workflow's history.
const PROMPT_LIMIT: u64 = 32 << 10;
const JSONL: &str = "application/jsonl";

/// Control activities of the scope stage.
#[derive(Debug, Clone)]
pub struct ScopeActivities {
    /// Where frozen bytes go.
    pub store: ArtifactStore,
    /// Where fetched sources are kept.
    pub cache_dir: PathBuf,
    /// Whether sources may be fetched.
    pub network: NetworkMode,
}

#[activities]
impl ScopeActivities {
    /// Resolves every source of the spec, checks the splits and stores the bytes.
    #[activity(definition = empiric_schema::contract::Freeze)]
    #[allow(missing_docs, reason = "of the constant that the macro makes, which carries over `allow` alone")]
    pub async fn freeze(
        self: Arc<Self>,
        context: ActivityContext,
        request: FreezeRequest,
    ) -> Result<Frozen, ActivityError> {
        let (progress, seen) = watch::channel(Progress::default());
        let frozen = tokio::select! {
            frozen = self.freeze_reporting(&request, progress) => frozen,
            () = context.cancelled() => return Err(ActivityError::cancelled()),
            never = heartbeats(&context, seen) => match never {},
        };
        frozen.map_err(failure::of_scope)
    }
}

impl ScopeActivities {
    /// Freezes and tells `progress` how far each fetch is.
    ///
    /// # Errors
    /// What is wrong with the data, by file and line, or which source could not be had.
    pub async fn freeze_reporting(
        &self,
        request: &FreezeRequest,
        progress: watch::Sender<Progress>,
    ) -> Result<Frozen, ScopeError> {
        let report = move |transfer: Transfer<'_>| {
            progress.send_replace(progress_of(transfer));
        };
        let resolver = SourceResolver::new(&request.project_dir, &self.cache_dir)
            .with_network(self.network)
            .with_progress(Arc::new(report));
        Freezing { store: &self.store, resolver, network: self.network, request }.run().await
    }
}

fn progress_of(transfer: Transfer<'_>) -> Progress {
    Progress {
        phase: format!("fetch {}", transfer.label),
        step: transfer.done,
        total: transfer.total.unwrap_or_default(),
        unit: "byte".to_owned(),
        ..Progress::default()
    }
}

async fn heartbeats(context: &ActivityContext, seen: watch::Receiver<Progress>) -> std::convert::Infallible {
    loop {
        let latest = seen.borrow().clone();
        if let Err(error) = context.record_heartbeat(latest).await {
            tracing::warn!(%error, "could not send a heartbeat");
        }
        tokio::time::sleep(HEARTBEAT).await;
    }
}

/// One freeze. Cheap and telling checks come before long downloads.
struct Freezing<'a> {
    store: &'a ArtifactStore,
    resolver: SourceResolver,
    network: NetworkMode,
    request: &'a FreezeRequest,
}

impl Freezing<'_> {
    fn spec(&self) -> &ProjectSpec {
        &self.request.spec
    }

    async fn run(self) -> Result<Frozen, ScopeError> {
        let mut splits = self.splits().await?;
        self.join(&mut splits).await?;
        splits.check()?;
        let prompt = self.prompt().await?;
        self.check_endpoint().await?;
        let corpus = self.corpus().await?;
        if corpus.count() > 0 {
            corpus.check(&splits)?;
        }
        let encoder = self.encoder().await?;
        let models = self.models().await?;
        let train = match &splits.train {
            Some(split) => Some(self.store_split(split).await?),
            None => None,
        };
        Ok(Frozen {
            train,
            dev: self.store_split(&splits.dev).await?,
            test: self.store_split(&splits.test).await?,
            documents: corpus.count(),
            corpus: self.store_corpus(corpus).await?,
            encoder,
            dev_clusters: clusters::clusters(&splits.dev.items, self.spec().gate.cluster_by),
            system: match &self.request.start {
                Some(start) => start.clone(),
                None => self.system(prompt, &models)?,
            },
            models,
        })
    }

    async fn splits(&self) -> Result<Splits, ScopeError> {
        let data = &self.spec().data;
        let train = match &data.train {
            Some(source) => Some(self.split("train", source).await?),
            None => None,
        };
        let dev = self.split("dev", &data.dev).await?;
        let test = self.split("test", &data.test).await?;
        Ok(Splits { train, dev, test })
    }

    /// Items from production come after those of the spec.
    async fn join(&self, splits: &mut Splits) -> Result<(), ScopeError> {
        for joined in &self.request.joined {
            let bytes = self.store.get_bytes(&joined.items).await?;
            let items = splits::read("production.jsonl", &bytes)?;
            splits.join(joined.split, items);
        }
        Ok(())
    }

    /// Several files of one source are one split, in the order of their names.
    async fn split(&self, name: &'static str, source: &SourceRef) -> Result<Split, ScopeError> {
        let resolved = self.resolver.resolve(source).await?;
        let mut split = Split { name, items: Vec::new() };
        for file in &resolved.files {
            let shown = shown_name(&resolved, file);
            split.items.extend(splits::read(&shown, &read(&file.path).await?)?);
        }
        Ok(split)
    }

    async fn store_split(&self, split: &Split) -> Result<FrozenSplit, ScopeError> {
        let bytes = empiric_schema::data::write_items(&split.items);
        let items = self.store.put_bytes(bytes, JSONL).await?;
        Ok(FrozenSplit { items, count: split.count() })
    }

    async fn prompt(&self) -> Result<String, ScopeError> {
        let source = match &self.spec().system.prompt {
            PromptSource::Inline(text) => return Ok(text.clone()),
            PromptSource::File(source) => source,
        };
        let resolved = self.one_file(source).await?;
        if resolved.size > PROMPT_LIMIT {
            return Err(ScopeError::LargePrompt {
                reference: source.clone(),
                size: resolved.size,
                limit: PROMPT_LIMIT,
            });
        }
        let bytes = read(&resolved.path).await?;
        let text = String::from_utf8(bytes).map_err(|error| ScopeError::PromptText {
            reference: source.clone(),
            cause: error.utf8_error(),
        })?;
        Ok(text.trim_end().to_owned())
    }

    async fn corpus(&self) -> Result<Corpus, ScopeError> {
        let mut corpus = Corpus::default();
        for source in &self.spec().data.documents {
            corpus.add(&self.resolver.resolve(source).await?)?;
        }
        Ok(corpus)
    }

    async fn store_corpus(&self, corpus: Corpus) -> Result<Option<ArtifactRef>, ScopeError> {
        if corpus.count() == 0 {
            return Ok(None);
        }
        let folder = &self.request.project_dir;
        let failed = |source| ScopeError::Read { path: folder.to_owned(), source };
        let archive = blocking(move || Ok(corpus.pack())).await.map_err(failed)??;
        Ok(Some(self.store.put_bytes(archive, corpus::TAR).await?))
    }

    async fn encoder(&self) -> Result<Option<EncoderFiles>, ScopeError> {
        let Some(spec) = &self.spec().embedder else {
            return Ok(None);
        };
        let resolved = self.resolver.resolve(&spec.source).await?;
        let folder = EncoderFolder { spec, resolved, store: self.store };
        folder.freeze().await.map(Some)
    }

    /// Only that of the system: nothing depends on the others.
    async fn check_endpoint(&self) -> Result<(), ScopeError> {
        let id = &self.spec().system.model;
        match self.spec().model(id).map(|model| &model.origin) {
            Some(ModelOrigin::Endpoint(found)) => endpoint::check(id, found, self.network).await,
            _ => Ok(()),
        }
    }

    async fn models(&self) -> Result<BTreeMap<ModelId, ArtifactRef>, ScopeError> {
        let mut models = BTreeMap::new();
        for model in &self.spec().models {
            if let Some(source) = model.source() {
                let resolved = self.one_file(source).await?;
                let media_type = media_type(&resolved.path);
                let weights = self.store.put_file(&resolved.path, media_type).await?;
                models.insert(model.id.clone(), weights);
            }
        }
        Ok(models)
    }

    async fn one_file(&self, source: &SourceRef) -> Result<Resolved, ScopeError> {
        let resolved = self.resolver.resolve(source).await?;
        match resolved.kind {
            SourceKind::File => Ok(resolved),
            _ => Err(ScopeError::NotOneFile { reference: source.clone() }),
        }
    }

    fn model(&self, models: &BTreeMap<ModelId, ArtifactRef>) -> Result<AnsweringModel, ScopeError> {
        let id = self.spec().system.model.clone();
        if let Some(ModelOrigin::Endpoint(found)) = self.spec().model(&id).map(|model| &model.origin) {
            let endpoint = endpoint::frozen(found, &self.request.project_dir);
            return Ok(EndpointBinding { id, endpoint }.into());
        }
        match models.get(&id).cloned() {
            Some(weights) => Ok(ModelBinding { id, weights, files: BTreeMap::new() }.into()),
            None => Err(ScopeError::UnknownModel { model: id }),
        }
    }

    fn system(
        &self,
        prompt: String,
        models: &BTreeMap<ModelId, ArtifactRef>,
    ) -> Result<SystemVersion, ScopeError> {
        let system = &self.spec().system;
        Ok(SystemVersion {
            model: self.model(models)?,
            adapter: None,
            prompt: Prompt { system: prompt, user: system.user.clone(), answer_cue: String::new() },
            demonstrations: Demonstrations::None,
            decoding: Decoding { max_tokens: system.max_tokens, stop: system.stop.clone(), labels: None },
            retrieval: None,
            tools: None,
        })
    }
}

/// The name that people know a data file by.
fn shown_name(resolved: &Resolved, file: &SourceFile) -> String {
    match (resolved.kind, &resolved.source.location) {
        (SourceKind::File, Location::File { pattern }) => pattern.clone(),
        (SourceKind::File, location) => location.to_string(),
        _ => file.name.clone(),
    }
}

fn media_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("gguf") => "application/x-gguf",
        Some("safetensors") => "application/x-safetensors",
        _ => "application/octet-stream",
    }
}

async fn read(path: &Path) -> Result<Vec<u8>, ScopeError> {
    let bytes = tokio::fs::read(path).await;
    bytes.map_err(|source| ScopeError::Read { path: path.to_owned(), source })
}
