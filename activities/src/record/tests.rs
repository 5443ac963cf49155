//! Batches against a real database: once, twice, in parts.

use empiric_schema::artifact::Digest;
use empiric_schema::budget::{Limits, Resource, Spend};
use empiric_schema::contract::{JobRow, RecordBatch};
use empiric_schema::db::entity::{decision, evaluation, item_result, iteration, job, spend, version};
use empiric_schema::decision::{Decision, DecisionRecord, StopReason};
use empiric_schema::evidence::{Interval, Verdict};
use empiric_schema::id::{ItemId, JobKey, ModelId, RunId};
use empiric_schema::job::{ShownPassage, Usage};
use empiric_schema::question::{Question, QuestionAbout};
use empiric_schema::version::{Decoding, Demonstrations, ModelBinding, Prompt, SystemVersion};
use empiric_schema::view::{Measurement, RunState, RunView, Stage};
use sea_orm::{EntityTrait as _, PaginatorTrait as _};
use tempfile::TempDir;

use super::*;

struct Bench {
    _folder: TempDir,
    recorder: RecorderActivities,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let recorder = RecorderActivities {
            database: Database::open(&folder.path().join("empiric.db")).await.unwrap(),
            store: ArtifactStore::local(&folder.path().join("store")).unwrap(),
        };
        Self { _folder: folder, recorder }
    }

    async fn write(&self, run: &str, records: Vec<Record>) -> Result<(), RecordError> {
        self.recorder.record(&RecordBatch { run: RunId::new(run), records }).await
    }

    async fn results(&self, count: u32, passed: bool) -> ArtifactRef {
        let lines =
            (0..count).map(|position| serde_json::to_string(&answer(position, passed)).unwrap() + "\n");
        self.recorder.store.put_bytes(lines.collect::<String>(), "application/jsonl").await.unwrap()
    }

    /// Rows of each table below the run.
    async fn counts(&self) -> [u64; 7] {
        let write = self.recorder.database.begin_write().await.unwrap();
        let to = &write.statements;
        [
            iteration::Entity::find().count(to).await.unwrap(),
            version::Entity::find().count(to).await.unwrap(),
            job::Entity::find().count(to).await.unwrap(),
            evaluation::Entity::find().count(to).await.unwrap(),
            item_result::Entity::find().count(to).await.unwrap(),
            decision::Entity::find().count(to).await.unwrap(),
            spend::Entity::find().count(to).await.unwrap(),
        ]
    }
}

fn answer(position: u32, passed: bool) -> ItemResult {
    ItemResult {
        id: ItemId::new(format!("item-{position}")),
        position,
        answer: format!("answer {position}"),
        passed,
        harmful: false,
        reason: if passed { String::new() } else { "it lacks `expected`".to_owned() },
        passages: vec![ShownPassage { chunk: position, document: "fees.md".to_owned(), score: 0.5 }],
        calls: Vec::new(),
        prompt_tokens: 40,
        completion_tokens: 5,
    }
}

fn view(run: &str, started: f64, stage: Stage) -> RunView {
    RunView {
        run: RunId::new(run),
        project: "staff-handbook".to_owned(),
        description: "Answers questions".to_owned(),
        stage,
        state: RunState::Running,
        activity: "measuring".to_owned(),
        started,
        updated: started + 1.0,
        promise: vec!["accuracy at least 0.70".to_owned()],
        iteration: 0,
        max_iterations: 6,
        iteration_workflow: None,
        iterations: Vec::new(),
        dev_items: None,
        incumbent: None,
        measurements: Vec::new(),
        comparisons: Vec::new(),
        decisions: Vec::new(),
        limits: Limits::default(),
        spend: Spend::default(),
        jobs: 0,
        busy_seconds: 0.0,
        stop: None,
        questions: Vec::new(),
        remarks: Vec::new(),
    }
}

fn run_record(run: &str) -> Record {
    Record::Run(Box::new(view(run, 10.0, Stage::Measure)))
}

fn digest() -> Digest {
    Digest::of(b"version")
}

fn measurement(n: u32, passed: u32) -> Measurement {
    Measurement {
        iteration: 0,
        split: "dev".to_owned(),
        version: digest(),
        label: "start".to_owned(),
        n,
        passed,
        harmful: 0,
        interval: Interval { low: 0.1, high: 0.9, level: 0.95 },
    }
}

fn system() -> SystemVersion {
    let weights = ArtifactRef { digest: digest(), size: 1, media_type: "application/x-gguf".to_owned() };
    SystemVersion {
        model: ModelBinding { id: ModelId::new("small"), weights, files: Default::default() }.into(),
        adapter: None,
        prompt: Prompt { system: String::new(), user: "{{input}}".to_owned(), answer_cue: String::new() },
        demonstrations: Demonstrations::None,
        decoding: Decoding { max_tokens: 32, stop: Vec::new(), labels: None },
        retrieval: None,
        tools: None,
    }
}

fn job_record(seconds: f64, reused: bool) -> Record {
    let usage = Usage { prompt_tokens: 5, completion_tokens: 6, seconds, peak_memory: 7, dollars: 0.0 };
    let key = JobKey::new("ab12");
    Record::Job(JobRow { key, label: "dev".to_owned(), kind: "evaluate".to_owned(), usage, reused })
}

fn question() -> Question {
    Question {
        number: 1,
        about: QuestionAbout::Spend { resource: Resource::Tokens },
        text: "May it spend more?".to_owned(),
        context: vec!["approve: it may".to_owned()],
        asked: 11.0,
        deadline: 12.0,
        escalated: None,
        requester: None,
        answer: None,
    }
}

#[tokio::test]
async fn questions_are_kept_with_the_run_and_rows_from_before_there_were_any_are_read() {
    let bench = Bench::new().await;
    let asking = RunView { questions: vec![question()], ..view("run-1", 10.0, Stage::Improve) };
    bench.write("run-1", vec![Record::Run(Box::new(asking.clone()))]).await.unwrap();
    assert_eq!(bench.recorder.database.run_view("run-1").await.unwrap(), asking);
    let silent = serde_json::to_value(view("run-1", 10.0, Stage::Improve)).unwrap();
    assert!(silent.get("questions").is_none() && silent.get("remarks").is_none());
    assert!(serde_json::from_value::<RunView>(silent).unwrap().questions.is_empty());
}

async fn everything(bench: &Bench) -> Vec<Record> {
    let decision = Decision::Stop { reason: StopReason::Plateau, next: vec!["try retrieval".to_owned()] };
    vec![
        run_record("run-1"),
        Record::Iteration { number: 1, technique: "prompt".to_owned(), verdict: Some(Verdict::Inconclusive) },
        Record::Version { version: Box::new(system()), label: "start".to_owned() },
        job_record(2.0, false),
        Record::Evaluation { measurement: measurement(3, 2), results: vec![bench.results(3, true).await] },
        Record::Decision(Box::new(DecisionRecord {
            sequence: 1,
            iteration: 1,
            decision,
            why: "nothing beat it".to_owned(),
            spend: Spend::default(),
        })),
        Record::Question(Box::new(question())),
        Record::Spend(Spend { device_seconds: 2.0, tokens: 11, usd: 0.5 }),
    ]
}

#[tokio::test]
async fn writing_twice_is_the_same_as_writing_once() {
    let bench = Bench::new().await;
    let records = everything(&bench).await;
    bench.write("run-1", records.clone()).await.unwrap();
    let once = bench.counts().await;
    assert_eq!(once, [1, 1, 1, 1, 3, 1, 1]);
    bench.write("run-1", records).await.unwrap();
    assert_eq!(bench.counts().await, once);
    let database = &bench.recorder.database;
    assert_eq!(database.run_view("run-1").await.unwrap(), view("run-1", 10.0, Stage::Measure));
    let answers = database.item_results(&RunId::new("run-1"), &digest(), "dev").await.unwrap();
    assert_eq!(answers, (0..3).map(|position| answer(position, true)).collect::<Vec<_>>());
}

#[tokio::test]
async fn later_facts_replace_earlier_ones_and_the_job_that_ran_stays() {
    let bench = Bench::new().await;
    bench.write("run-1", everything(&bench).await).await.unwrap();
    let done = view("run-1", 10.0, Stage::Done);
    let results = vec![bench.results(5, false).await];
    let later = vec![
        Record::Run(Box::new(done.clone())),
        job_record(0.0, true),
        Record::Evaluation { measurement: measurement(5, 0), results },
    ];
    bench.write("run-1", later).await.unwrap();
    assert_eq!(bench.counts().await, [1, 1, 1, 1, 5, 1, 1]);
    assert_eq!(bench.recorder.database.run_view("run-1").await.unwrap(), done);
    let write = bench.recorder.database.begin_write().await.unwrap();
    let job = job::Entity::find().one(&write.statements).await.unwrap().unwrap();
    assert_eq!((job.seconds, job.reused), (2.0, false));
    let score = evaluation::Entity::find().one(&write.statements).await.unwrap().unwrap();
    assert_eq!((score.n, score.passed), (5, 0));
}

#[tokio::test]
async fn thousands_of_answers_go_into_one_batch() {
    let bench = Bench::new().await;
    let results = vec![bench.results(2500, true).await];
    let evaluation = Record::Evaluation { measurement: measurement(2500, 2500), results };
    bench.write("run-1", vec![run_record("run-1"), evaluation]).await.unwrap();
    assert_eq!(bench.counts().await[4], 2500);
}

#[tokio::test]
async fn a_batch_that_fails_leaves_nothing() {
    let bench = Bench::new().await;
    let orphan = bench.write("no-such-run", vec![job_record(1.0, false)]).await;
    assert!(matches!(orphan, Err(RecordError::Database(_))), "{orphan:?}");
    let torn = bench.recorder.store.put_bytes("{\"id\":\"a\"", "application/jsonl").await.unwrap();
    let evaluation = Record::Evaluation { measurement: measurement(1, 1), results: vec![torn] };
    let error = bench.write("run-1", vec![run_record("run-1"), evaluation]).await.unwrap_err();
    assert!(matches!(error, RecordError::Results { line: 1, .. }), "{error:?}");
    let mut half = vec![run_record("run-1"), run_record("run-2")];
    half.push(Record::Job(JobRow {
        key: JobKey::new("k"),
        label: String::new(),
        kind: String::new(),
        usage: Usage::default(),
        reused: false,
    }));
    bench.write("run-3", half).await.unwrap_err();
    assert!(bench.recorder.database.list_runs(None).await.unwrap().is_empty());
}

#[tokio::test]
async fn runs_are_found_by_id_by_prefix_and_by_time() {
    let bench = Bench::new().await;
    for (run, started) in [("book-aa1", 1.0), ("book-aa2", 3.0), ("book-b", 2.0)] {
        bench.write(run, vec![Record::Run(Box::new(view(run, started, Stage::Scope)))]).await.unwrap();
    }
    let database = &bench.recorder.database;
    let listed = database.list_runs(Some("staff-handbook")).await.unwrap();
    let ids: Vec<_> = listed.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["book-aa2", "book-b", "book-aa1"]);
    assert_eq!((listed[0].stage, listed[0].state), (Stage::Scope, RunState::Running));
    assert_eq!(database.latest_run(None).await.unwrap(), Some(RunId::new("book-aa2")));
    assert_eq!(database.latest_run(Some("other")).await.unwrap(), None);
    assert_eq!(database.run_view("book-b").await.unwrap().run, RunId::new("book-b"));
    let ambiguous = database.run_view("book-a").await.unwrap_err();
    assert_eq!(ambiguous.to_string(), "`book-a` may be any of book-aa2, book-aa1");
    let unknown = database.run_view("x%").await.unwrap_err();
    assert_eq!(unknown.to_string(), "no run is named `x%`");
}
