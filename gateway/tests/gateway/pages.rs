//! Pages over the rows of a run, and a queue that is long.

use std::time::{Duration, Instant};

use empiric_schema::db::entity::{draft, item_result, project, run, version};
use empiric_schema::spec::StageName;
use sea_orm::{DatabaseConnection, EntityTrait as _, IntoActiveModel as _};
use serde_json::{Value, json};

use crate::fixture::*;

const RUN: &str = "handbook-1a2b3c-1";

fn view(updated: f64) -> Value {
    json!({
        "run": RUN, "project": PROJECT, "description": "Answers <staff>", "stage": "improve", "state": "running",
        "activity": "racing", "started": 1.0, "updated": updated, "promise": ["accuracy at least 0.70"],
        "iteration": 1, "max_iterations": 6, "iteration_workflow": null, "iterations": [], "incumbent": null,
        "measurements": [
            {"iteration": 0, "split": "dev", "version": format!("sha256:{}", "0".repeat(64)), "label": "start",
             "n": 40, "passed": 10, "harmful": 0, "interval": {"low": 0.14, "high": 0.4, "level": 0.95}},
            {"iteration": 1, "split": "dev", "version": format!("sha256:{}", "0".repeat(64)), "label": "c1",
             "n": 40, "passed": 24, "harmful": 0, "interval": {"low": 0.45, "high": 0.74, "level": 0.95}}],
        "decisions": [], "limits": {"wall_clock_seconds": 600.0, "device_seconds": null, "tokens": 1000, "usd": null,
        "warn_at": 0.8}, "spend": {"device_seconds": 12.0, "tokens": 500, "usd": 0.0}, "jobs": 3,
        "busy_seconds": 10.0, "stop": null
    })
}

async fn add_run(setup: &Setup, server: &empiric_endpoint::test_server::TestServer) {
    let database = &setup.database;
    let row = project::Model { name: PROJECT.into(), description: String::new(), updated: 1.0 };
    project::Entity::insert(row.into_active_model()).exec_without_returning(database).await.unwrap();
    let row = run::Model {
        id: RUN.into(),
        project: PROJECT.into(),
        stage: "improve".into(),
        state: "running".into(),
        started: 1.0,
        updated: 2.0,
        view: view(2.0),
    };
    run::Entity::insert(row.into_active_model()).exec_without_returning(database).await.unwrap();
    for (label, name) in [("start", "one"), ("c1", "two")] {
        let content = remote(server, name);
        let row = version::Model {
            run_id: RUN.into(),
            digest: content.digest().to_string(),
            label: label.into(),
            content: serde_json::to_value(&content).unwrap(),
        };
        version::Entity::insert(row.into_active_model()).exec_without_returning(database).await.unwrap();
    }
    for (split, item, passed) in
        [("dev", "fees-1", true), ("dev", "fees-2", false), ("test", "secret-1", true)]
    {
        let row = item_result::Model {
            run_id: RUN.into(),
            split: split.into(),
            version: remote(server, "one").digest().to_string(),
            item: item.into(),
            position: 0,
            answer: format!("answer to {item}"),
            passed,
            harmful: false,
            reason: String::new(),
            prompt_tokens: 1,
            completion_tokens: 1,
            passages: None,
        };
        item_result::Entity::insert(row.into_active_model()).exec_without_returning(database).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shown_with_its_curve_versions_and_answers() {
    let (setup, server) = (Setup::new().await, echo());
    add_run(&setup, &server).await;
    let running = setup.start().await;
    let (status, home) = running.page("/").await;
    assert!(status == 200 && home.contains(RUN) && home.contains("60.0 %"), "{home}");
    let (status, page) = running.page(&format!("/runs/{RUN}")).await;
    assert!(status == 200 && page.contains("<polyline") && page.contains("Answers &lt;staff&gt;"), "{page}");
    assert!(page.contains("data-live") && page.contains("50.0 % of the limit"));
    let (_, diff) = running.page(&format!("/runs/{RUN}/diff")).await;
    assert!(diff.contains("<del>one</del>") || diff.contains("<del>two</del>"), "{diff}");
    let (_, items) = running.page(&format!("/runs/{RUN}/items?grade=failed")).await;
    assert!(items.contains("fees-2") && !items.contains("fees-1"), "{items}");
    for filter in ["", "?split=test", "?text=secret"] {
        assert!(!running.page(&format!("/runs/{RUN}/items{filter}")).await.1.contains("answer to secret-1"));
    }
    assert_eq!(running.page("/runs/other").await.0, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_goes_on_says_so() {
    let (setup, server) = (Setup::new().await, echo());
    add_run(&setup, &server).await;
    let mut running = setup.start().await;
    let mut events = running.http.get(format!("{}/runs/{RUN}/events", running.address)).send().await.unwrap();
    assert_eq!(events.headers()["content-type"], "text/event-stream");
    touch(&running.database, 3.0).await;
    let piece =
        tokio::time::timeout(Duration::from_secs(10), events.chunk()).await.unwrap().unwrap().unwrap();
    assert!(String::from_utf8_lossy(&piece).contains("event: changed"), "{piece:?}");
    let begun = Instant::now();
    running.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(8),
        "who follows a run does not keep the gateway from ending"
    );
}

async fn touch(database: &DatabaseConnection, updated: f64) {
    use sea_orm::ActiveModelTrait as _;
    let mut row = run::Entity::find_by_id(RUN).one(database).await.unwrap().unwrap();
    (row.updated, row.view) = (updated, view(updated));
    row.into_active_model().reset_all().update(database).await.unwrap();
}

fn waiting(number: usize) -> draft::Model {
    let text = format!("question {number} about fees, leave and keys. {}", "Much more is said. ".repeat(20));
    draft::Model {
        id: format!("d{number}"),
        project: PROJECT.into(),
        request_id: format!("r{number}"),
        client_id: "app".into(),
        api_key: "app".into(),
        version: format!("sha256:{}", "0".repeat(64)),
        arm: "serving".into(),
        stage: "reviewed".into(),
        input: text.clone(),
        answer: text,
        digest: "x".into(),
        passages: json!([]),
        state: if number.is_multiple_of(20) { "approved" } else { "pending" }.into(),
        created: number as f64,
        deadline: f64::MAX,
        escalated: None,
        decided: number.is_multiple_of(20).then_some(number as f64),
        decided_by: None,
        given: None,
        note: None,
        signature: None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_drafts_do_not_slow_the_queue() {
    let (setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Reviewed).await;
    let rows: Vec<_> = (0..10_000).map(|number| waiting(number).into_active_model()).collect();
    for rows in rows.chunks(500) {
        draft::Entity::insert_many(rows.to_vec()).exec_without_returning(&setup.database).await.unwrap();
    }
    let running = setup.start().await;
    assert_eq!(running.page("/review").await.0, 200);
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let (_, page) = running.page("/review").await;
        times.push(begun.elapsed());
        assert!(page.contains("question 1 about") && page.contains("9\u{2009}500 wait"), "{page}");
    }
    times.sort();
    println!("a page of the queue with 10,000 drafts: {:?}", times[2]);
    // The benchmark holds it to 100 ms; machines that run tests are busy.
    assert!(times[2] < Duration::from_millis(500), "{times:?}");
}
