//! Whole jobs of kind `index`, and versions that answer from what they leave, on tiny random models.

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::document::Chunk;
use empiric_schema::grade::Assertion;
use empiric_schema::job::*;
use empiric_schema::version::{
    Abstain, DenseIndex, IndexBinding, PassageOrder, Ranking, Retrieval, SystemVersion,
};

use super::fixture::{self, Job, lines};
use crate::answer::{Answerer, Question};
use crate::model::Role;
use crate::retrieve::tar_of;

const DOCUMENTS: [(&str, &[u8]); 3] = [
    ("book/pay.md", b"# Pay\n\nPay day is the 28th.\n\n## Bands\n\nA band is told in private."),
    ("book/parking.md", b"# Parking\n\nWe park on Level B2."),
    ("book/keys.txt", b"Security has the key."),
];

const ITEMS: &str = r#"{"id":"a","input":"When is pay day?","expected":"28th","documents":["book/pay.md"]}
{"id":"b","input":"Where do I park?","expected":"B2","documents":["book/parking.md"]}
{"id":"c","input":"Zzz?","expected":"never said"}
"#;

/// An index of the documents, as its job left it, in a job that may read it.
struct Indexed {
    job: Job,
    binding: IndexBinding,
    items: ArtifactRef,
}

fn params(job: &mut Job, max_words: u32) -> IndexParams {
    IndexParams {
        corpus: job.add("corpus.tar", &tar_of(&DOCUMENTS)),
        chunking: Chunking { max_words, overlap: 0 },
        encoder: None,
    }
}

impl Indexed {
    fn new() -> Self {
        let mut job = fixture::evaluation();
        let encoder = job.add_encoder();
        let params = IndexParams { encoder: Some(encoder.clone()), ..params(&mut job, 8) };
        job.become_kind(JobKind::Index(Box::new(params)));
        let exit = job.run();
        assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
        let read = |name| std::fs::read(job.path(OUTPUT_FOLDER).join(name)).unwrap();
        let (chunks, vectors) = (read(CHUNKS_FILE), read(VECTORS_FILE));
        // The folder is used again.
        std::fs::remove_dir_all(job.path(OUTPUT_FOLDER)).unwrap();
        let vectors = job.add("vectors", &vectors);
        let binding =
            IndexBinding { chunks: job.add("chunks", &chunks), dense: Some(DenseIndex { vectors, encoder }) };
        let items = job.add("questions", ITEMS.as_bytes());
        Self { job, binding, items }
    }

    fn retrieval(&self, ranking: Ranking) -> Retrieval {
        let order = PassageOrder::BestFirst;
        Retrieval { index: self.binding.clone(), ranking, k: 2, order, abstain: None }
    }

    fn version(&self, retrieval: Retrieval) -> SystemVersion {
        let JobKind::Evaluate(params) = fixture::evaluation().file.spec.kind else { unreachable!() };
        SystemVersion { retrieval: Some(retrieval), ..params.version }
    }

    fn evaluate(&mut self, retrieval: Retrieval) -> (EvaluationSummary, Vec<ItemResult>) {
        let params = EvaluateParams {
            version: self.version(retrieval),
            items: self.items.clone(),
            positions: vec![2, 0, 1],
            assertions: vec![Assertion::Regex { value: ".*".into() }],
            labels: Vec::new(),
            batch: 2,
        };
        self.job.become_kind(JobKind::Evaluate(Box::new(params)));
        let exit = self.job.run();
        assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
        let results = lines(&self.job.path(OUTPUT_FOLDER).join(RESULTS_FILE));
        (exit.findings.evaluation.unwrap(), results)
    }

    fn answerer(&self, version: SystemVersion) -> Answerer {
        Answerer::load(version, &self.job.file.inputs).unwrap()
    }
}

/// The user message with the question "Where do I park?".
fn asked(answerer: &Answerer, passages: Option<&[Chunk]>) -> String {
    let question = Question { passages, ..Question::from("Where do I park?") };
    let messages = answerer.messages(&question).unwrap();
    let last = messages.last().unwrap();
    assert_eq!(last.role, Role::User);
    last.content.clone()
}

#[test]
fn an_index_has_the_chunks_and_counts_them() {
    let mut job = fixture::evaluation();
    let params = params(&mut job, 8);
    job.become_kind(JobKind::Index(Box::new(params)));
    let exit = job.run();
    assert_eq!((exit.class, exit.message.as_str()), (ExitClass::Success, "4 chunks of 3 documents"));
    assert_eq!(exit.findings.figures, [("chunks".into(), 4.0), ("documents".into(), 3.0)].into());
    let chunks: Vec<Chunk> = lines(&job.path(OUTPUT_FOLDER).join(CHUNKS_FILE));
    let passages: Vec<String> = chunks.iter().map(Chunk::passage).collect();
    assert_eq!(
        passages,
        [
            "Pay\nPay day is the 28th.",
            "Pay > Bands\nA band is told in private.",
            "Parking\nWe park on Level B2.",
            "keys\nSecurity has the key.",
        ]
    );
    assert_eq!(chunks[1].document, "book/pay.md");
    assert_eq!(exit.outputs.len(), 1, "there is no encoder");
}

#[test]
fn documents_that_cannot_be_read_and_odd_sizes_are_invalid_input() {
    let mut job = fixture::evaluation();
    let corpus = job.add("other.tar", &tar_of(&[("a.docx", b"PK")]));
    let whole = params(&mut job, 8);
    job.become_kind(JobKind::Index(Box::new(IndexParams { corpus, ..whole.clone() })));
    job.fails(ExitClass::InvalidInput, "the documents cannot be indexed: `a.docx` is of a kind");
    let chunking = Chunking { max_words: 3, overlap: 3 };
    job.become_kind(JobKind::Index(Box::new(IndexParams { chunking, ..whole })));
    job.fails(ExitClass::InvalidInput, "`overlap` must be less than `max_words`");
}

#[test]
fn an_evaluation_shows_passages_and_measures_how_well_they_were_found() {
    let mut indexed = Indexed::new();
    for ranking in [Ranking::Lexical, Ranking::Dense, Ranking::Hybrid] {
        let (summary, results) = indexed.evaluate(indexed.retrieval(ranking));
        let measured = summary.retrieval.unwrap();
        assert_eq!(measured.items, 2, "one item names no documents");
        assert_eq!(measured.recall[3], 1.0, "there are four chunks");
        for result in &results {
            let scores: Vec<f64> = result.passages.iter().map(|passage| passage.score).collect();
            assert!(scores.len() == 2 && scores[0] >= scores[1], "{ranking:?}: {scores:?}");
        }
        if ranking == Ranking::Lexical {
            assert_eq!(measured.recall[0], 1.0);
            assert_eq!((results[1].passages[0].chunk, results[2].passages[0].chunk), (0, 2));
            assert_eq!(results[2].passages[0].document, "book/parking.md");
        }
    }
}

#[test]
fn dense_scores_are_cosines_and_do_not_depend_on_company() {
    let indexed = Indexed::new();
    let answerer = indexed.answerer(indexed.version(indexed.retrieval(Ranking::Dense)));
    let questions = ["Where do I park?", "When is pay day?", "Zzz?"].map(Question::from);
    let together = answerer.passages(&questions, 4).unwrap();
    for (question, passages) in questions.iter().zip(&together) {
        assert!(passages.iter().all(|passage| passage.score.abs() < 1.0001));
        let alone = answerer.passages(&[*question], 4).unwrap().remove(0);
        for (one, other) in alone.iter().zip(passages) {
            assert!((one.score - other.score).abs() < 1e-5);
        }
    }
    // A chunk is nearest to itself.
    let passage = answerer.chunks()[2].passage();
    let found = answerer.passages(&[Question::from(passage.as_str())], 1).unwrap();
    assert!(found[0][0].place == 2 && found[0][0].score > 0.9999, "{found:?}");
}

#[test]
fn passages_stand_before_the_question_in_the_order_of_the_version() {
    let indexed = Indexed::new();
    let best_first = indexed.retrieval(Ranking::Lexical);
    let best_last = Retrieval { order: PassageOrder::BestLast, ..best_first.clone() };
    let answerer = indexed.answerer(indexed.version(best_first));
    let first = "Parking\nWe park on Level B2.";
    let shown = asked(&answerer, None);
    let (passages, question) = shown.rsplit_once("\n\n").unwrap();
    assert!(passages.starts_with(&format!("{first}\n\n")) && question == "Q: Where do I park?", "{shown}");
    let answerer = answerer.with_version(indexed.version(best_last), &indexed.job.file.inputs).unwrap();
    assert!(asked(&answerer, None).ends_with(&format!("\n\n{first}\n\nQ: Where do I park?")));
}

#[test]
fn given_passages_stand_in_place_of_those_looked_up() {
    let indexed = Indexed::new();
    let answerer = indexed.answerer(indexed.version(indexed.retrieval(Ranking::Lexical)));
    let chunks = answerer.chunks()[..1].to_vec();
    assert_eq!(asked(&answerer, Some(&chunks)), "Pay\nPay day is the 28th.\n\nQ: Where do I park?");
    assert_eq!(asked(&answerer, Some(&[])), "Q: Where do I park?");
    let plain = SystemVersion { retrieval: None, ..answerer.version().clone() };
    let plain = answerer.with_version(plain, &indexed.job.file.inputs).unwrap();
    assert_eq!(asked(&plain, Some(&chunks)), "Pay\nPay day is the 28th.\n\nQ: Where do I park?");
    assert_eq!(asked(&plain, None), "Q: Where do I park?");
}

#[test]
fn where_nothing_fits_the_model_is_not_asked() {
    let mut indexed = Indexed::new();
    let abstain = Some(Abstain { below: 0.1, say: "I do not know.".to_owned() });
    let retrieval = Retrieval { abstain, ..indexed.retrieval(Ranking::Lexical) };
    let (summary, results) = indexed.evaluate(retrieval.clone());
    let unasked: Vec<bool> = results.iter().map(|result| result.prompt_tokens == 0).collect();
    assert_eq!(unasked, [true, false, false], "no document has a word of the first question");
    assert_eq!(results[0].answer, "I do not know.");
    assert!(results[0].passages.is_empty() && results[1].passages.len() == 2);
    assert_eq!(summary.retrieval.unwrap().items, 2);
    let never = Abstain { below: 1e9, say: "No.".to_owned() };
    let (_, results) = indexed.evaluate(Retrieval { abstain: Some(never), ..retrieval });
    assert!(results.iter().all(|result| result.answer == "No."));
}

#[test]
fn indexes_that_do_not_fit_are_refused() {
    let mut indexed = Indexed::new();
    let mut refuse = |retrieval: Retrieval, reason: &str| {
        let JobKind::Evaluate(mut params) = fixture::evaluation().file.spec.kind else { unreachable!() };
        params.items = indexed.items.clone();
        params.version = indexed.version(retrieval);
        indexed.job.become_kind(JobKind::Evaluate(params));
        indexed.job.fails(ExitClass::InvalidInput, reason);
    };
    let whole = Indexed::new().retrieval(Ranking::Dense);
    let lexical = IndexBinding { dense: None, ..whole.index.clone() };
    refuse(Retrieval { index: lexical, ..whole.clone() }, "the ranking needs vectors");
    refuse(Retrieval { k: 0, ..whole }, "`k` is 0");
    let mut other = Indexed::new();
    let fewer = br#"{"document":"a","title":"","text":"b"}"#;
    other.binding.chunks = other.job.add("fewer", fewer);
    let (binding, job) = (other.binding.clone(), &mut other.job);
    let JobKind::Evaluate(mut params) = fixture::evaluation().file.spec.kind else { unreachable!() };
    params.items = other.items.clone();
    params.version.retrieval = Some(Retrieval { index: binding, ..indexed.retrieval(Ranking::Hybrid) });
    job.become_kind(JobKind::Evaluate(params));
    job.fails(ExitClass::InvalidInput, "the chunks and the encoder need F32 of shape [1, 48]");
}
