//! How well the staff handbook's passages are found for its dev questions, by every ranking.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use empiric_jobs::embed::{EncoderPaths, SentenceEncoder};
use empiric_jobs::items::read_items;
use empiric_jobs::model_cache::ModelCache;
use empiric_jobs::retrieve::{RetrievalMeasure, Retriever, chunk, read_corpus};
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::data::Item;
use empiric_schema::document::Chunk;
use empiric_schema::job::{Chunking, EncoderFiles, RetrievalSummary};
use empiric_schema::version::{DenseIndex, IndexBinding, Ranking};
use tempfile::TempDir;

const VARIABLE: &str = "EMPIRIC_TEST_ENCODER";
const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/staff-handbook");
const SIZES: [u32; 3] = [60, 120, 200];

/// The handbook as one archive.
fn corpus() -> (Vec<u8>, usize) {
    let mut archive = tar::Builder::new(Vec::new());
    let folder = Path::new(EXAMPLE).join("handbook");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in &files {
        let name = Path::new("handbook").join(path.file_name().unwrap());
        archive.append_path_with_name(path, name).unwrap();
    }
    (archive.into_inner().unwrap(), files.len())
}

fn chunks(max_words: u32) -> Vec<Chunk> {
    let documents = read_corpus(corpus().0.as_slice()).unwrap();
    let chunking = Chunking { max_words, overlap: 0 };
    documents.iter().flat_map(|document| chunk(document, &chunking).unwrap()).collect()
}

/// An index on disk, opened for one ranking after another.
struct Index {
    folder: TempDir,
    inputs: BTreeMap<Digest, PathBuf>,
    models: ModelCache,
    binding: IndexBinding,
}

impl Index {
    fn lexical(chunks: &[Chunk]) -> Self {
        let lines: Vec<String> = chunks.iter().map(|chunk| serde_json::to_string(chunk).unwrap()).collect();
        let nothing = ArtifactRef { digest: Digest::of(b""), size: 0, media_type: "test".to_owned() };
        let mut index = Self {
            folder: TempDir::new().unwrap(),
            inputs: BTreeMap::new(),
            models: ModelCache::default(),
            binding: IndexBinding { chunks: nothing, dense: None },
        };
        index.binding.chunks = index.add("chunks", lines.join("\n").as_bytes());
        index
    }

    fn dense(chunks: &[Chunk], paths: &EncoderPaths, encoder: &SentenceEncoder) -> Self {
        let mut index = Self::lexical(chunks);
        let passages: Vec<String> = chunks.iter().map(Chunk::passage).collect();
        let vectors = encoder.embed(&passages).unwrap().to_safetensors().unwrap();
        let encoder = EncoderFiles {
            weights: index.link(&paths.weights),
            config: index.link(&paths.config),
            tokenizer: index.link(&paths.tokenizer),
            settings: paths.settings.as_deref().map(|path| index.link(path)),
        };
        index.binding.dense = Some(DenseIndex { vectors: index.add("vectors", &vectors), encoder });
        index
    }

    fn add(&mut self, name: &str, bytes: &[u8]) -> ArtifactRef {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        self.link(&path)
    }

    /// Names a file by its path: nothing here checks digests.
    fn link(&mut self, path: &Path) -> ArtifactRef {
        let digest = Digest::of(path.as_os_str().as_encoded_bytes());
        self.inputs.insert(digest.clone(), path.to_owned());
        ArtifactRef { digest, size: 0, media_type: "test".to_owned() }
    }

    fn measure(&self, ranking: Ranking, items: &[Item]) -> RetrievalSummary {
        let retriever = Retriever::open(&self.binding, ranking, &self.inputs, &self.models).unwrap();
        let questions: Vec<&str> = items.iter().map(|item| item.input.as_str()).collect();
        let mut measure = RetrievalMeasure::default();
        for (item, found) in items.iter().zip(retriever.find(&questions, 10).unwrap()) {
            let documents: Vec<&str> =
                found.passages.iter().map(|passage| passage.chunk.document.as_str()).collect();
            measure.add(&item.documents, &documents);
        }
        let summary = measure.summary().unwrap();
        let chunks = retriever.chunks().len();
        println!(
            "{ranking:?} over {chunks} chunks, {} items: recall@1/3/5/10 {:.3?}, MRR {:.3}, nDCG@10 {:.3}",
            summary.items, summary.recall, summary.mrr, summary.ndcg
        );
        summary
    }
}

fn dev() -> Vec<Item> {
    read_items(&Path::new(EXAMPLE).join("data/dev.jsonl")).unwrap()
}

#[test]
fn every_document_of_the_handbook_is_read() {
    let (archive, count) = corpus();
    let documents = read_corpus(archive.as_slice()).unwrap();
    assert!(documents.len() == count && count > 50, "{count}");
    for document in &documents {
        assert!(document.sections.iter().all(|section| !section.headings.is_empty()), "{}", document.name);
    }
    let sizes = SIZES.map(|max_words| chunks(max_words).len());
    assert!(sizes.is_sorted_by(|more, fewer| more > fewer) && sizes[2] >= count, "{sizes:?}");
}

#[test]
fn words_find_the_right_document_for_most_questions() {
    for max_words in SIZES {
        println!("at most {max_words} words");
        let summary = Index::lexical(&chunks(max_words)).measure(Ranking::Lexical, &dev());
        assert!(summary.items > 80 && summary.recall[1] > 0.6, "{summary:?}");
    }
}

#[test]
fn vectors_and_words_together_find_more_than_words() {
    let Some(folder) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        panic!(
            "{VARIABLE} is not set: it names the folder of all-MiniLM-L6-v2; `make test` fetches it and sets it"
        );
    };
    let paths = EncoderPaths::in_folder(&folder);
    let encoder = SentenceEncoder::load(&paths).unwrap();
    for max_words in SIZES {
        println!("at most {max_words} words");
        let index = Index::dense(&chunks(max_words), &paths, &encoder);
        let [lexical, dense, hybrid] =
            [Ranking::Lexical, Ranking::Dense, Ranking::Hybrid].map(|ranking| index.measure(ranking, &dev()));
        assert!(dense.recall[1] > 0.6, "{dense:?}");
        assert!(hybrid.recall[1] >= lexical.recall[1], "{hybrid:?} {lexical:?}");
    }
}
