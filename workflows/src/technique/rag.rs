//! Retrieval: passages of the documents are looked up and shown before the question.
//!
//! What races: how documents are cut, how chunks are ranked, how many are shown and in which words. Which of
//! them is best depends on the documents, so none is a given.

use empiric_schema::job::{CHUNKS_FILE, Chunking, IndexParams, JobKind, VECTORS_FILE};
use empiric_schema::version::{
    CONTEXT_PLACE, DenseIndex, IndexBinding, PassageOrder, Ranking, Retrieval, SystemVersion,
};

use super::{Build, Built, Candidate, Plan, Setting, fresh};

/// Most words of a chunk: a paragraph, or a section. On the staff handbook small chunks are found more often, and
/// large ones tell more; sizes between them led on no measure.
pub(super) const SIZES: [u32; 2] = [60, 200];
/// Passages shown: the extremes first, so that few candidates cover them.
const COUNTS: [u32; 3] = [1, 3, 2];

/// Why retrieval cannot be used here.
pub(super) fn missing(setting: &Setting<'_>) -> Option<String> {
    let has_none = setting.frozen.corpus.is_none();
    has_none.then(|| "the spec names no documents (`data.documents`)".to_owned())
}

/// An index for each size, then the race.
pub(super) fn plan(setting: &Setting<'_>, built: &Built) -> Plan {
    let builds: Vec<Build> = SIZES
        .into_iter()
        .filter(|size| !built.contains_key(&name(*size)))
        .filter_map(|size| index(size, setting))
        .collect();
    if builds.is_empty() { Plan::Race(propose(setting, built)) } else { Plan::Build(builds) }
}

fn name(size: u32) -> String {
    format!("index-{size}")
}

/// The job that cuts the documents into chunks of at most `max_words` words and embeds them.
pub(super) fn index(max_words: u32, setting: &Setting<'_>) -> Option<Build> {
    let params = IndexParams {
        corpus: setting.frozen.corpus.clone()?,
        chunking: Chunking { max_words, overlap: 0 },
        encoder: setting.frozen.encoder.clone(),
    };
    Some(Build {
        name: name(max_words),
        label: format!("index of chunks up to {max_words} words"),
        kind: JobKind::Index(Box::new(params)),
    })
}

fn propose(setting: &Setting<'_>, built: &Built) -> Vec<Candidate> {
    let mut candidates = Vec::new();
    for k in COUNTS {
        for size in SIZES {
            let Some(index) = binding(size, setting, built) else { continue };
            for ranking in rankings(&index) {
                candidates.extend(
                    wordings(setting).map(|words| candidate(setting, &index, size, ranking, k, words)),
                );
            }
        }
    }
    // Cheap ones first, so that a tie falls to the shorter context; every prefix has all rankings.
    fresh(candidates, setting)
}

/// The artifacts of an index job.
pub(super) fn binding(size: u32, setting: &Setting<'_>, built: &Built) -> Option<IndexBinding> {
    let outputs = &built.get(&name(size))?.outputs;
    let vectors = outputs.get(VECTORS_FILE).cloned();
    let dense = vectors.zip(setting.frozen.encoder.clone());
    let dense = dense.map(|(vectors, encoder)| DenseIndex { vectors, encoder });
    Some(IndexBinding { chunks: outputs.get(CHUNKS_FILE)?.clone(), dense })
}

fn rankings(index: &IndexBinding) -> Vec<Ranking> {
    match index.dense {
        Some(_) => vec![Ranking::Lexical, Ranking::Hybrid],
        None => vec![Ranking::Lexical],
    }
}

/// How passages and question are put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wording {
    /// As the incumbent has it.
    Kept,
    /// Passages, then the question and how to answer.
    Extractive,
}

/// A version that learned one wording keeps it.
fn wordings(setting: &Setting<'_>) -> impl Iterator<Item = Wording> + use<> {
    let learned = setting.incumbent.adapter.is_some() || setting.incumbent.retrieval.is_some();
    std::iter::once(if learned { Wording::Kept } else { Wording::Extractive })
}

fn user_text(wording: Wording, written: &str) -> String {
    match wording {
        Wording::Kept => written.to_owned(),
        Wording::Extractive => {
            format!("{CONTEXT_PLACE}\n\nQuestion: {written}\nAnswer with a few words from the text above.")
        }
    }
}

fn candidate(
    setting: &Setting<'_>,
    index: &IndexBinding,
    size: u32,
    ranking: Ranking,
    k: u32,
    wording: Wording,
) -> Candidate {
    let mut prompt = setting.incumbent.prompt.clone();
    prompt.user = user_text(wording, &prompt.user);
    let index = match ranking {
        Ranking::Lexical => IndexBinding { dense: None, ..index.clone() },
        Ranking::Dense | Ranking::Hybrid => index.clone(),
    };
    let retrieval = Retrieval { index, ranking, k, order: PassageOrder::BestFirst, abstain: None };
    Candidate {
        version: SystemVersion { prompt, retrieval: Some(retrieval), ..setting.incumbent.clone() },
        change: describe(size, ranking, k),
    }
}

fn describe(size: u32, ranking: Ranking, k: u32) -> String {
    let ranking = match ranking {
        Ranking::Lexical => "by words",
        Ranking::Dense => "by meaning",
        Ranking::Hybrid => "by words and meaning",
    };
    let passages = if k == 1 { "1 passage".to_owned() } else { format!("{k} passages") };
    format!("{passages} of up to {size} words, found {ranking}")
}
