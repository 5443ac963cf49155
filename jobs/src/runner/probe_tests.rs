//! Whole jobs of the kind `probe` on a tiny random model.

use std::path::PathBuf;

use empiric_schema::artifact::ArtifactRef;
use empiric_schema::budget::Spend;
use empiric_schema::diagnosis::{Category, ItemDiagnosis, Probe, ProbeCount};
use empiric_schema::grade::Assertion;
use empiric_schema::id::ModelId;
use empiric_schema::job::*;
use empiric_schema::version::*;
use tempfile::TempDir;

use super::fixture::{Job, lines, reference};

const ITEMS: &str = r#"{"id":"a","input":"The code?","expected":"cannot say","documents":["d.md"],"forbidden":["4711"]}
{"id":"b","input":"How much leave?","expected":"25 days","documents":["d.md"]}
{"id":"c","input":"Who is paid 3 hours?","expected":"36","documents":["d.md"]}
{"id":"d","input":"Who has the key?","expected":"never said"}
"#;

const CHUNKS: &str = r#"{"document":"d.md","title":"Pay","text":"An hour is 12 pounds."}
{"document":"d.md","title":"Leave","text":"Leave is 25 days."}
"#;

const RESULTS: &str = r#"{"id":"a","position":0,"answer":"4711","passed":false,"harmful":true,"prompt_tokens":9,"completion_tokens":1}
{"id":"b","position":1,"answer":"","passed":false,"harmful":false,"passages":[{"chunk":0,"document":"d.md","score":1.0},{"chunk":1,"document":"d.md","score":1.0}],"prompt_tokens":9,"completion_tokens":1}
{"id":"c","position":2,"answer":"","passed":false,"harmful":false,"prompt_tokens":9,"completion_tokens":1}
{"id":"d","position":3,"answer":"","passed":false,"harmful":false,"prompt_tokens":9,"completion_tokens":1}
"#;

/// No answer of a random model passes it.
const NEVER: &str = "{{expected}}";

struct Probing {
    job: Job,
    _files: TempDir,
}

impl Probing {
    /// All four items under the assertion; `change` gets the parameters.
    fn new(assertion: Assertion, change: impl FnOnce(&mut ProbeParams)) -> Self {
        let files = TempDir::new().unwrap();
        let mut inputs = Vec::new();
        let mut input = |name: &str, text: &str| -> ArtifactRef {
            let path: PathBuf = files.path().join(name);
            std::fs::write(&path, text).unwrap();
            inputs.push((reference(&path).digest, path.clone()));
            reference(&path)
        };
        let (items, chunks, results) =
            (input("items.jsonl", ITEMS), input("chunks.jsonl", CHUNKS), input("results.jsonl", RESULTS));
        let kind = |weights: ArtifactRef, pool: ArtifactRef| {
            let mut params = ProbeParams {
                version: super::fixture::version(weights, pool),
                items,
                positions: vec![0, 1, 2, 3],
                results: vec![results],
                assertions: vec![assertion],
                labels: Vec::new(),
                chunks: Some(chunks),
                samples: 2,
                temperature: 0.8,
                models: Vec::new(),
                batch: 3,
            };
            change(&mut params);
            JobKind::Probe(Box::new(params))
        };
        let mut job = Job::new(kind);
        job.file.inputs.extend(inputs);
        Self { job, _files: files }
    }

    fn diagnoses(&self) -> Vec<ItemDiagnosis> {
        lines(&self.job.path(OUTPUT_FOLDER).join(PROBES_FILE))
    }
}

fn never() -> Assertion {
    Assertion::Icontains { value: NEVER.into() }
}

/// Every answer that is not empty passes, so the first rerun repairs the item.
fn anything() -> Assertion {
    Assertion::Regex { value: ".".into() }
}

fn retrieval(params: &ProbeParams) -> Retrieval {
    let chunks = params.chunks.clone().unwrap();
    let index = IndexBinding { chunks, dense: None };
    Retrieval { index, ranking: Ranking::Lexical, k: 2, order: PassageOrder::BestFirst, abstain: None }
}

fn probes(diagnosis: &ItemDiagnosis) -> Vec<Probe> {
    diagnosis.trials.iter().map(|trial| trial.probe).collect()
}

#[test]
fn what_nothing_repairs_went_through_all_its_probes() {
    let probing = Probing::new(never(), |params| {
        let mut other = params.version.model.clone();
        if let AnsweringModel::Weights(model) = &mut other {
            model.id = ModelId::new("other");
        }
        params.models = vec![other];
    });
    let exit = probing.job.run();
    assert_eq!(exit.class, ExitClass::Success, "{}", exit.message);
    let found = probing.diagnoses();
    let categories: Vec<Category> = found.iter().map(|line| line.category).collect();
    let expected = [Category::Harm, Category::GenerationMiss, Category::GenerationMiss, Category::Harm];
    assert_eq!(categories, expected);
    assert_eq!(probes(&found[0]), []);
    use Probe::*;
    assert_eq!(probes(&found[1]), [Recheck, LenientGrader, GoldPassage, Samples, Samples, OtherModel]);
    let worked = [Recheck, LenientGrader, GoldPassage, ToolResult, Samples, Samples, OtherModel];
    assert_eq!(probes(&found[2]), worked);
    assert_eq!(probes(&found[3]), [Recheck, LenientGrader]);
    let summary = exit.findings.diagnosis.unwrap();
    assert_eq!(summary.categories, "hggh");
    assert_eq!(summary.probes[2], ProbeCount { probe: GoldPassage, tried: 2, repaired: 0 });
    assert_eq!((exit.findings.figures["failures"], exit.findings.figures["reruns"]), (4.0, 9.0));
    assert!(exit.usage.prompt_tokens > 0 && exit.usage.completion_tokens > 0);
    let samples = &found[1].trials[3..5];
    assert_ne!(samples[0].answer, samples[1].answer, "two samples are drawn apart");
}

#[test]
fn the_first_rerun_that_passes_names_the_category() {
    let check = |change: fn(&mut ProbeParams), categories: &str, reruns: f64| {
        let exit = Probing::new(anything(), change).job.run();
        let found = exit.findings.diagnosis.unwrap_or_default().categories;
        assert_eq!(
            (found.as_str(), exit.findings.figures["reruns"]),
            (categories, reruns),
            "{}",
            exit.message
        );
    };
    check(|_| (), "hkkh", 2.0);
    check(|params| params.version.retrieval = Some(retrieval(params)), "hcrh", 2.0);
    check(|params| params.chunks = None, "huuu", 6.0);
    check(|params| (params.chunks, params.samples) = (None, 0), "hppp", 0.0);
    let other = |params: &mut ProbeParams| {
        (params.chunks, params.samples) = (None, 0);
        params.models = vec![params.version.model.clone()];
    };
    check(other, "hmmm", 3.0);
}

#[test]
fn the_same_job_gives_the_same_bytes() {
    let (one, two) = (Probing::new(never(), |_| ()), Probing::new(never(), |_| ()));
    let (first, second) = (one.job.run(), two.job.run());
    assert_eq!(first.outputs[PROBES_FILE].digest, second.outputs[PROBES_FILE].digest);
}

#[test]
fn progress_goes_probe_by_probe() {
    let probing = Probing::new(never(), |_| ());
    let exit = probing.job.run();
    let progress: Vec<Progress> = lines(&probing.job.path(PROGRESS_FILE));
    let mut phases: Vec<&str> = progress.iter().map(|line| line.phase.as_str()).collect();
    phases.dedup();
    assert_eq!(phases, ["load", "gold_passage", "tool_result", "samples"]);
    let last = progress.last().unwrap();
    assert_eq!((last.step, last.total, last.unit.as_str()), (4, 4, "answer"));
    assert_eq!(last.usage.prompt_tokens, exit.usage.prompt_tokens, "probes add up");
}

#[test]
fn a_reservation_stops_work_in_flight_over_all_probes() {
    let mut first = Probing::new(never(), |_| ());
    first.job.file.spec.reserve = Spend { tokens: 10, ..Spend::default() };
    first.job.fails(ExitClass::BudgetExhausted, "tokens of 10 reserved");
    let used = Probing::new(never(), |params| params.samples = 0).job.run().usage;
    let mut later = Probing::new(never(), |_| ());
    let tokens = used.prompt_tokens + used.completion_tokens;
    later.job.file.spec.reserve = Spend { tokens, ..Spend::default() };
    later.job.fails(ExitClass::BudgetExhausted, &format!("tokens of {tokens} reserved"));
}

#[test]
fn results_that_do_not_fit_are_refused() {
    let refused = |change: fn(&mut ProbeParams), message: &str| {
        Probing::new(never(), change).job.fails(ExitClass::InvalidInput, message);
    };
    refused(|params| params.results.clear(), "no answer for item a at position 0");
    refused(
        |params| params.positions = vec![1, 1],
        "no answer for item b at position 1, or it is asked for twice",
    );
    refused(|params| params.positions = vec![], "no positions");
    refused(
        |params| params.results = vec![params.items.clone()],
        "expected a line of an evaluation's results",
    );
}
