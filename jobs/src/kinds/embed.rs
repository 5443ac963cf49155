//! The job kind `embed`: texts become vectors.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::job::{EmbedParams, EncoderFiles, TextLine, VECTORS_FILE};

use super::context::{Context, Done};
use crate::embed::{EmbedObserver, EncoderPaths, SentenceEncoder, Vectors};
use crate::error::JobError;
use crate::items::read_lines;
use crate::model::{Flow, Totals};
use crate::progress::ProgressFile;

/// Loads the encoder, embeds all texts and leaves [`VECTORS_FILE`].
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "embed", skip_all, fields(texts = tracing::field::Empty))]
pub(crate) fn run(context: Context<'_>, params: &EmbedParams) -> Result<Done, JobError> {
    let lines: Vec<TextLine> =
        read_lines(context.input(&params.texts)?, "{\"id\", \"text\"}", |_: &TextLine| Ok(()))?;
    tracing::Span::current().record("texts", lines.len());
    if lines.is_empty() {
        return Err(JobError::Parameters("there are no texts to embed".to_owned()));
    }
    let mut progress = ProgressFile::open(context.folder)?;
    progress.write(&context.progress("load", 0, lines.len() as u64, "text"))?;
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let vectors = embed(context, &params.encoder, &mut progress, &texts)?;
    let message = format!("{} texts, {} numbers each", texts.len(), vectors.dimensions);
    let mut done = Done { message, ..Done::default() };
    leave_vectors(context, &mut done, &vectors)?;
    Ok(done)
}

/// Embeds texts within the job's budget, and says how far it is.
pub(super) fn embed(
    context: Context<'_>,
    encoder: &EncoderFiles,
    progress: &mut ProgressFile,
    texts: &[&str],
) -> Result<Vectors, JobError> {
    let load = || Ok::<_, JobError>(SentenceEncoder::load(&paths(context, encoder)?)?);
    let encoder = context.models.get_or_load(&encoder.artifacts(), load)?;
    let mut run = Run::new(context, progress, texts.len());
    let vectors = encoder.embed_watched(texts, &mut run)?;
    run.finish(vectors)
}

/// Writes [`VECTORS_FILE`].
pub(super) fn leave_vectors(
    context: Context<'_>,
    done: &mut Done,
    vectors: &Vectors,
) -> Result<(), JobError> {
    let bytes = vectors
        .to_safetensors()
        .map_err(|error| JobError::Panic(format!("the vectors cannot be serialised: {error}")))?;
    context.leave(done, VECTORS_FILE, &bytes, "application/x-safetensors")
}

fn paths(context: Context<'_>, files: &EncoderFiles) -> Result<EncoderPaths, JobError> {
    let input = |artifact: &ArtifactRef| context.input(artifact).cloned();
    Ok(EncoderPaths {
        weights: input(&files.weights)?,
        config: input(&files.config)?,
        tokenizer: input(&files.tokenizer)?,
        settings: files.settings.as_ref().map(input).transpose()?,
    })
}

/// The state of embedding while passes go on.
struct Run<'a> {
    context: Context<'a>,
    progress: &'a mut ProgressFile,
    /// When embedding began, on the meter's clock.
    began: f64,
    texts: usize,
    failure: Option<JobError>,
}

impl<'a> Run<'a> {
    fn new(context: Context<'a>, progress: &'a mut ProgressFile, texts: usize) -> Self {
        Self { context, progress, began: context.meter.seconds(), texts, failure: None }
    }

    fn report(&mut self, done: usize) -> Result<(), JobError> {
        let mut line = self.context.progress("embed", done as u64, self.texts as u64, "text");
        let seconds = (self.context.meter.seconds() - self.began).max(1e-9);
        line.metrics.insert("tokens_per_second".to_owned(), line.usage.prompt_tokens as f64 / seconds);
        Ok(self.progress.write(&line)?)
    }

    fn begin_pass(&mut self, done: usize, totals: Totals) -> Result<(), JobError> {
        if let Some(over) = self.context.exceeded(totals, done, self.texts) {
            return Err(over);
        }
        if self.progress.is_due() {
            self.report(done)?;
        }
        self.context.meter.set_tokens(totals);
        Ok(())
    }

    fn finish(mut self, vectors: Option<Vectors>) -> Result<Vectors, JobError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let ended = || JobError::Panic("embedding ended before all texts had vectors".to_owned());
        let vectors = vectors.ok_or_else(ended)?;
        self.report(self.texts)?;
        Ok(vectors)
    }
}

impl EmbedObserver for Run<'_> {
    fn before_pass(&mut self, done: usize, totals: Totals) -> Flow {
        match self.begin_pass(done, totals) {
            Ok(()) => Flow::Continue,
            Err(error) => {
                self.failure = Some(error);
                Flow::Stop
            }
        }
    }
}
