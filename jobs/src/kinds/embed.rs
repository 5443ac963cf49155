//! The job kind `embed`: texts become vectors.

use empiric_schema::job::{EmbedParams, TextLine, VECTORS_FILE};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, TensorView};

use super::context::{Context, Done};
use crate::embed::{EmbedObserver, SentenceEncoder, VECTORS_TENSOR, Vectors};
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
    let load = || Ok::<_, JobError>(SentenceEncoder::load(&context.encoder(&params.encoder)?)?);
    let encoder = context.models.get_or_load(&params.encoder.artifacts(), load)?;
    let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
    let mut run = Run::new(context, &mut progress, lines.len());
    let vectors = encoder.embed_watched(&texts, &mut run)?;
    run.finish(vectors)
}

/// The state of a job while passes go on.
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

    fn finish(mut self, vectors: Option<Vectors>) -> Result<Done, JobError> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        let Some(vectors) = vectors else {
            return Err(JobError::Panic("embedding ended before all texts had vectors".to_owned()));
        };
        self.report(self.texts)?;
        let message = format!("{} texts, {} numbers each", self.texts, vectors.dimensions);
        let mut done = Done { message, ..Done::default() };
        let bytes = serialise(&vectors)
            .map_err(|error| JobError::Panic(format!("the vectors cannot be serialised: {error}")))?;
        self.context.leave(&mut done, VECTORS_FILE, &bytes, "application/x-safetensors")?;
        Ok(done)
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

/// The bytes of [`VECTORS_FILE`].
fn serialise(vectors: &Vectors) -> Result<Vec<u8>, SafeTensorError> {
    let bytes: Vec<u8> = vectors.values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let shape = vec![vectors.rows().len(), vectors.dimensions];
    let view = TensorView::new(Dtype::F32, shape, &bytes)?;
    safetensors::serialize([(VECTORS_TENSOR, view)], None)
}
