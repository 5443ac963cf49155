//! From questions to passages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::document::Chunk;
use empiric_schema::job::{EncoderFiles, ShownPassage};
use empiric_schema::version::{IndexBinding, Ranking};

use super::dense::Dense;
use super::error::RetrieveError;
use super::fuse::fuse;
use super::lexical::Bm25;
use super::ranking::Scored;
use crate::embed::{EncoderPaths, SentenceEncoder};
use crate::items::read_lines;
use crate::model_cache::ModelCache;

/// A chunk that was found for a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Passage<'a> {
    /// Its place in the chunks file, from 0.
    pub place: u32,
    /// What is shown.
    pub chunk: &'a Chunk,
    /// BM25, cosine, or the sum of reciprocal ranks, as the ranking says.
    pub score: f64,
}

impl Passage<'_> {
    /// What results keep of it.
    pub fn shown(&self) -> ShownPassage {
        ShownPassage { chunk: self.place, document: self.chunk.document.clone(), score: self.score }
    }
}

/// What was found for one question.
#[derive(Debug, Clone, PartialEq)]
pub struct Found<'a> {
    /// The best first.
    pub passages: Vec<Passage<'a>>,
    /// How well the best fits: BM25 for lexical ranking, the greatest cosine for dense and hybrid.
    pub confidence: f64,
}

/// An index that is ready to be asked. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Retriever {
    chunks: Arc<Vec<Chunk>>,
    ranker: Ranker,
}

#[derive(Debug, Clone)]
enum Ranker {
    Lexical(Arc<Bm25>),
    Dense(Arc<Dense>),
    Hybrid(Arc<Bm25>, Arc<Dense>),
}

impl Retriever {
    /// Opens an index for one way of ranking, from the paths of its artifacts.
    ///
    /// # Errors
    /// An artifact without a path, damaged files, or a ranking that needs vectors where there are none.
    pub fn open(
        index: &IndexBinding,
        ranking: Ranking,
        inputs: &BTreeMap<Digest, PathBuf>,
        models: &ModelCache,
    ) -> Result<Self, RetrieveError> {
        let chunks = read_chunks(path(inputs, "the chunks", &index.chunks)?)?;
        let lexical = || Arc::new(Bm25::new(chunks.iter().map(Chunk::passage)));
        let dense = || open_dense(index, chunks.len(), inputs, models).map(Arc::new);
        let ranker = match ranking {
            Ranking::Lexical => Ranker::Lexical(lexical()),
            Ranking::Dense => Ranker::Dense(dense()?),
            Ranking::Hybrid => Ranker::Hybrid(lexical(), dense()?),
        };
        Ok(Self { chunks: Arc::new(chunks), ranker })
    }

    /// All chunks of the index.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// The best `k` chunks for each question, or all where there are fewer. Questions are embedded together.
    ///
    /// # Errors
    /// A question that the encoder cannot embed.
    pub fn find(&self, questions: &[&str], k: usize) -> Result<Vec<Found<'_>>, RetrieveError> {
        let found = match &self.ranker {
            Ranker::Lexical(index) => {
                questions.iter().map(|question| self.found(&index.ranked(question), k, None)).collect()
            }
            Ranker::Dense(index) => {
                index.ranked(questions)?.iter().map(|ranked| self.found(ranked, k, None)).collect()
            }
            Ranker::Hybrid(lexical, dense) => {
                let ranked = questions.iter().zip(dense.ranked(questions)?);
                ranked.map(|(question, dense)| self.fused(&lexical.ranked(question), &dense, k)).collect()
            }
        };
        Ok(found)
    }

    /// Only chunks with a word of the question take part lexically: the order of the others means nothing.
    fn fused(&self, lexical: &[Scored], dense: &[Scored], k: usize) -> Found<'_> {
        let matching = lexical.partition_point(|scored| scored.score > 0.0);
        let fused = fuse(self.chunks.len(), &[&lexical[..matching], dense]);
        self.found(&fused, k, dense.first())
    }

    /// The first `k`. Confidence is the score of `best`, or else of the first.
    fn found(&self, ranked: &[Scored], k: usize, best: Option<&Scored>) -> Found<'_> {
        let passage = |scored: &Scored| Passage {
            place: scored.place as u32,
            chunk: &self.chunks[scored.place],
            score: scored.score,
        };
        let confidence = best.or(ranked.first()).map_or(0.0, |scored| scored.score);
        Found { passages: ranked.iter().take(k).map(passage).collect(), confidence }
    }
}

/// The chunks of an index, in the order of its file.
///
/// # Errors
/// The file cannot be read, has a line that is no chunk, or has none.
pub fn read_chunks(path: &Path) -> Result<Vec<Chunk>, RetrieveError> {
    let chunks = read_lines(path, "{\"document\", \"title\", \"text\"}", |_: &Chunk| Ok(()))
        .map_err(RetrieveError::Chunks)?;
    match chunks.is_empty() {
        true => Err(RetrieveError::Empty { path: path.to_owned() }),
        false => Ok(chunks),
    }
}

fn open_dense(
    index: &IndexBinding,
    chunks: usize,
    inputs: &BTreeMap<Digest, PathBuf>,
    models: &ModelCache,
) -> Result<Dense, RetrieveError> {
    let index = index.dense.as_ref().ok_or(RetrieveError::NoVectors)?;
    let vectors = path(inputs, "the vectors", &index.vectors)?;
    let load = || Ok::<_, RetrieveError>(SentenceEncoder::load(&encoder_paths(&index.encoder, inputs)?)?);
    let encoder = models.get_or_load(&index.encoder.artifacts(), load)?;
    Dense::open(vectors, chunks, encoder)
}

fn encoder_paths(
    files: &EncoderFiles,
    inputs: &BTreeMap<Digest, PathBuf>,
) -> Result<EncoderPaths, RetrieveError> {
    let input = |artifact: &ArtifactRef| path(inputs, "a file of the encoder", artifact).cloned();
    Ok(EncoderPaths {
        weights: input(&files.weights)?,
        config: input(&files.config)?,
        tokenizer: input(&files.tokenizer)?,
        settings: files.settings.as_ref().map(input).transpose()?,
    })
}

fn path<'a>(
    inputs: &'a BTreeMap<Digest, PathBuf>,
    what: &'static str,
    artifact: &ArtifactRef,
) -> Result<&'a PathBuf, RetrieveError> {
    let missing = || RetrieveError::MissingInput { what, digest: artifact.digest.clone() };
    inputs.get(&artifact.digest).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(text: &str) -> Chunk {
        Chunk { document: "a.md".to_owned(), title: String::new(), text: text.to_owned() }
    }

    fn lexical(texts: &[&str]) -> Retriever {
        let chunks: Vec<Chunk> = texts.iter().map(|text| chunk(text)).collect();
        let ranker = Ranker::Lexical(Arc::new(Bm25::new(chunks.iter().map(Chunk::passage))));
        Retriever { chunks: Arc::new(chunks), ranker }
    }

    #[test]
    fn the_best_come_first_and_no_more_than_asked_for() {
        let retriever = lexical(&["pay day", "car park", "park the bicycle"]);
        let found = retriever.find(&["the park", "nothing"], 2).unwrap();
        let places: Vec<u32> = found[0].passages.iter().map(|passage| passage.place).collect();
        assert_eq!(places, [2, 1]);
        assert_eq!(found[0].confidence, found[0].passages[0].score);
        assert_eq!((found[1].confidence, found[1].passages.len()), (0.0, 2));
    }

    #[test]
    fn fused_rankings_are_as_sure_as_the_nearest_vector() {
        let retriever = lexical(&["a", "b", "c"]);
        let scored = |place, score| Scored { place, score };
        let words = [scored(1, 2.5), scored(0, 0.0), scored(2, 0.0)];
        let vectors = [scored(2, 0.9), scored(1, 0.5), scored(0, 0.1)];
        let found = retriever.fused(&words, &vectors, 3);
        let found_places: Vec<u32> = found.passages.iter().map(|passage| passage.place).collect();
        assert_eq!(found_places, [1, 2, 0], "a place among texts without the words says nothing");
        assert_eq!(found.passages[0].score, 1.0 / 61.0 + 1.0 / 62.0);
        assert_eq!(found.confidence, 0.9);
    }

    #[test]
    fn chunks_that_are_none_are_named_by_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chunks.jsonl");
        std::fs::write(&path, "\n").unwrap();
        assert!(matches!(read_chunks(&path), Err(RetrieveError::Empty { .. })));
        std::fs::write(&path, "{\"document\":\"a\"}\n").unwrap();
        let Err(RetrieveError::Chunks(error)) = read_chunks(&path) else { panic!("it is no chunk") };
        assert!(error.to_string().contains("chunks.jsonl:1: missing field `title`"), "{error}");
    }
}
