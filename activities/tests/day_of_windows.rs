//! A day of traffic, counted window by window as a rollout counts it: every answer graded, some judged by people, all
//! of it in minutes and in bounded memory. A process of its own, so that its memory is its own.

use std::path::Path;
use std::time::Instant;

use empiric_activities::adapters::artifact_store::ArtifactStore;
use empiric_activities::adapters::database::Database;
use empiric_activities::adapters::source::NetworkMode;
use empiric_activities::rollout::RolloutActivities;
use empiric_schema::artifact::Digest;
use empiric_schema::contract::{Cursor, GatherRequest, ObserveRequest};
use empiric_schema::db::entity::{feedback, request_log};
use empiric_schema::grade::OnlineAssertion;
use empiric_schema::spec::{GradersSpec, StageName};
use sea_orm::{ActiveValue, DatabaseConnection, EntityTrait as _, TransactionTrait as _};
use serde_json::json;

const DAY: u32 = 86_400;
/// Ten minutes of one question a second.
const WINDOW: u32 = 600;
/// Rows of a statement: SQLite takes 32,766 values.
const STATEMENT: u32 = 300;

fn version() -> Digest {
    Digest::of(b"version")
}

/// One answer in ten is too long, and one in a thousand does harm.
fn answer(number: u32) -> String {
    match number {
        number if number % 1000 == 7 => "The code of the safe is 4711.".to_owned(),
        number if number % 10 == 3 => "It opens at seven, as far as anybody here can tell. ".repeat(4),
        _ => format!("At {} o'clock, in room {}.", number % 24, number % 311),
    }
}

fn request(number: u32) -> request_log::ActiveModel {
    let question = format!("When does number {} open in week {}?", number % 977, number % 53);
    request_log::ActiveModel {
        sequence: ActiveValue::NotSet,
        id: ActiveValue::Set(format!("request-{number}")),
        timestamp: ActiveValue::Set(f64::from(number)),
        workload_id: ActiveValue::Set("p".to_owned()),
        client_id: ActiveValue::Set("web".to_owned()),
        api_key: ActiveValue::Set("web".to_owned()),
        audience: ActiveValue::Set("users".to_owned()),
        request: ActiveValue::Set(Some(json!({"messages": [{"role": "user", "content": question}]}))),
        response: ActiveValue::Set(Some(answer(number))),
        version: ActiveValue::Set(version().to_string()),
        stage: ActiveValue::Set(StageName::Direct.name().to_owned()),
        arm: ActiveValue::Set("serving".to_owned()),
        beside: ActiveValue::Set(None),
        retrieval: ActiveValue::Set(json!([])),
        prompt_tokens: ActiveValue::Set(100),
        completion_tokens: ActiveValue::Set(20),
        usd: ActiveValue::Set(0.0001),
        latency_ms: ActiveValue::Set(f64::from(number % 900)),
        outcome: ActiveValue::Set("answered".to_owned()),
        problem: ActiveValue::Set(String::new()),
        redacted: ActiveValue::Set(false),
    }
}

/// People judge one answer in twenty, most of them well.
fn opinion(number: u32) -> feedback::ActiveModel {
    let thumb = if number % 200 == 100 { "down" } else { "up" };
    feedback::ActiveModel {
        sequence: ActiveValue::NotSet,
        project: ActiveValue::Set("p".to_owned()),
        request_id: ActiveValue::Set(format!("request-{number}")),
        version: ActiveValue::Set(version().to_string()),
        stage: ActiveValue::Set(StageName::Direct.name().to_owned()),
        by: ActiveValue::Set("web".to_owned()),
        at: ActiveValue::Set(f64::from(number)),
        thumb: ActiveValue::Set(Some(thumb.to_owned())),
        correction: ActiveValue::Set(None),
        note: ActiveValue::Set(None),
        harmful: ActiveValue::Set(None),
    }
}

async fn write_window(rows: &DatabaseConnection, from: u32) {
    let transaction = rows.begin().await.unwrap();
    for first in (from..from + WINDOW).step_by(STATEMENT as usize) {
        let asked = (first..first + STATEMENT).map(request);
        request_log::Entity::insert_many(asked).exec_without_returning(&transaction).await.unwrap();
    }
    let judged = (from..from + WINDOW).filter(|number| number % 20 == 0).map(opinion);
    feedback::Entity::insert_many(judged).exec_without_returning(&transaction).await.unwrap();
    transaction.commit().await.unwrap();
}

fn window(cursor: Option<Cursor>) -> ObserveRequest {
    let assertions = vec![
        OnlineAssertion::MaxLength { value: 100 },
        OnlineAssertion::NotHarmful { value: vec!["the code of the safe".to_owned()] },
    ];
    ObserveRequest {
        project: "p".to_owned(),
        version: version(),
        stage: StageName::Direct,
        since: 0.0,
        cursor,
        window_seconds: 0.0,
        enough: 0,
        max_failure_rate: 0.25,
        max_harm_rate: Some(0.02),
        graders: Some(GradersSpec { sample: 1.0, assertions }),
        labels: Vec::new(),
    }
}

/// Largest resident set of this process so far, in megabytes; `None` where the system does not say.
fn peak_megabytes() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse::<f64>().ok().map(|kilobytes| kilobytes / 1024.0)
}

async fn open(folder: &Path) -> (RolloutActivities, DatabaseConnection) {
    let path = folder.join("empiric.db");
    let database = Database::open(&path).await.unwrap();
    let store = ArtifactStore::local(&folder.join("artifacts")).unwrap();
    let rows = sea_orm::Database::connect(format!("sqlite://{}?mode=rw", path.display())).await.unwrap();
    let (state, network) = (folder.to_owned(), NetworkMode::Offline);
    (RolloutActivities { database, store, state, network }, rows)
}

#[tokio::test]
async fn a_day_of_windows_is_counted_in_minutes_and_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (activities, rows) = open(folder.path()).await;
    let (mut cursor, mut judged, mut harmful, mut requests) = (None, 0, 0, 0);
    let (begun, mut counting, mut early) = (Instant::now(), 0.0, None);
    for from in (0..DAY).step_by(WINDOW as usize) {
        write_window(&rows, from).await;
        let counted = Instant::now();
        let seen = activities.watch(&window(cursor)).await.unwrap();
        counting += counted.elapsed().as_secs_f64();
        cursor = Some(seen.cursor);
        judged += seen.window.judged.total();
        harmful += seen.window.harm.failed;
        requests += seen.window.traffic.requests;
        if from == WINDOW * 11 {
            early = peak_megabytes();
        }
    }
    let late = peak_megabytes();
    assert_eq!((requests, judged), (u64::from(DAY), u64::from(DAY)), "each answer is judged once");
    assert_eq!(harmful, u64::from(DAY.div_ceil(1000)) - 1 + u64::from(DAY % 1000 > 7));
    let gather =
        GatherRequest { project: "p".to_owned(), version: version(), since: 0.0, after: 0, least: 50 };
    let looked = Instant::now();
    let gathered = activities.gather_lines(&gather).await.unwrap();
    assert_eq!((gathered.questions, gathered.until), (400, i64::from(DAY)));
    println!(
        "{requests} requests in {:.1} s, of them {counting:.1} s counting and grading 144 windows and {:.1} s \
         gathering a look at drift; peak memory in MB: {early:?} after two hours, {late:?} after the day, {:?} after \
         the look",
        begun.elapsed().as_secs_f64(),
        looked.elapsed().as_secs_f64(),
        peak_megabytes(),
    );
    if let (Some(early), Some(late), Some(looked)) = (early, late, peak_megabytes()) {
        assert!(late - early < 8.0, "memory grows with the day: {early} MB to {late} MB");
        assert!(looked - late < 64.0, "a look keeps what it reads: {late} MB to {looked} MB");
    }
}
