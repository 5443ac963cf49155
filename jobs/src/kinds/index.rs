//! The job kind `index`: documents become chunks, and chunks vectors.

use std::fs::File;
use std::io::BufReader;

use empiric_schema::document::Chunk;
use empiric_schema::job::{CHUNKS_FILE, Findings, IndexParams};

use super::context::{Context, Done, json_lines};
use super::embed::{embed, leave_vectors};
use crate::error::JobError;
use crate::progress::ProgressFile;
use crate::retrieve::ingest::Document;
use crate::retrieve::{chunk, read_corpus};

/// Reads, cuts and, with an encoder, embeds; leaves [`CHUNKS_FILE`] and the vectors.
///
/// # Errors
/// Everything of [`JobError`], the end of its own budget too: nothing is written then.
#[tracing::instrument(name = "index", skip_all, fields(documents = tracing::field::Empty))]
pub(crate) fn run(context: Context<'_>, params: &IndexParams) -> Result<Done, JobError> {
    let mut progress = ProgressFile::open(context.folder)?;
    progress.write(&context.progress("read", 0, 0, "document"))?;
    let documents = documents(context, params)?;
    tracing::Span::current().record("documents", documents.len());
    let chunks = chunks(&documents, params)?;
    progress.write(&context.progress("embed", 0, chunks.len() as u64, "text"))?;
    let mut done = done(documents.len(), chunks.len());
    if let Some(encoder) = &params.encoder {
        let passages: Vec<String> = chunks.iter().map(Chunk::passage).collect();
        let passages: Vec<&str> = passages.iter().map(String::as_str).collect();
        let vectors = embed(context, encoder, &mut progress, &passages)?;
        leave_vectors(context, &mut done, &vectors)?;
    }
    context.leave(&mut done, CHUNKS_FILE, &json_lines(&chunks), "application/jsonl")?;
    Ok(done)
}

fn documents(context: Context<'_>, params: &IndexParams) -> Result<Vec<Document>, JobError> {
    let path = context.input(&params.corpus)?;
    let file = File::open(path).map_err(|source| JobError::ReadInput { path: path.clone(), source })?;
    Ok(read_corpus(BufReader::new(file))?)
}

fn chunks(documents: &[Document], params: &IndexParams) -> Result<Vec<Chunk>, JobError> {
    let mut chunks = Vec::new();
    for document in documents {
        let cut = chunk(document, &params.chunking);
        chunks.extend(cut.map_err(|error| JobError::Parameters(error.to_string()))?);
    }
    Ok(chunks)
}

fn done(documents: usize, chunks: usize) -> Done {
    let figures = [("documents", documents), ("chunks", chunks)];
    Done {
        message: format!("{chunks} chunks of {documents} documents"),
        findings: Findings {
            figures: figures.map(|(name, count)| (name.to_owned(), count as f64)).into(),
            ..Findings::default()
        },
        ..Done::default()
    }
}
