//! Keys, limits and queues that stop work.

use std::time::Duration;

use empiric_endpoint::test_server::{Answer, TestServer};
use empiric_gateway::{Budget, keys};
use empiric_schema::served::Audience;
use empiric_schema::spec::StageName;
use serde_json::json;

use crate::fixture::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_tokens_stops_inference_and_says_when_to_come_back() {
    let (setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Internal).await;
    let store = empiric_gateway::store::Store::new(setup.database.clone());
    let budget = Budget { tokens_per_day: Some(60), ..Budget::default() };
    let key = keys::make(&store, PROJECT, "small", Audience::Internal, budget).await.unwrap();
    let running = setup.start().await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(running.ask_as(Some(&key), "x").await.0);
    }
    // Each answer uses 15 tokens, and at most 26 are reserved for one.
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    assert_eq!(server.seen().len(), 3, "nothing is asked beyond the limit");
    let body = json!({"messages": [{"role": "user", "content": "x"}]});
    let request = running.http.post(format!("{}/v1/chat/completions", running.address)).json(&body);
    let refused = request.bearer_auth(&key).send().await.unwrap();
    assert!(refused.headers()["retry-after"].to_str().unwrap().parse::<u64>().unwrap() > 0);
    assert!(refused.text().await.unwrap().contains("tokens in a day"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_day_goes_on_after_a_restart() {
    let (setup, server) = (Setup::new().await, echo());
    setup.expose(&remote(&server, "one"), StageName::Internal).await;
    let settings = empiric_gateway::Settings {
        budget: Budget { usd_per_day: Some(50e-6), ..Budget::default() },
        ..setup.settings.clone()
    };
    let mut running = Setup { settings: settings.clone(), ..setup }.start().await;
    assert_eq!(running.ask("x").await.0, 200);
    running.log(1).await;
    running.stop().await;
    let (database, folder) = (running.database.clone(), tempfile::TempDir::new().unwrap());
    let again = Setup { folder, database, files: Files::default(), courier: None, steering: None, settings }
        .start()
        .await;
    assert_eq!(again.ask("x").await.0, 429);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_is_told_at_once() {
    let setup = Setup::new().await;
    let slow = TestServer::start(|_, _| {
        std::thread::sleep(Duration::from_millis(600));
        Answer::chat("late", 1, 1)
    });
    setup.expose(&remote(&slow, "one"), StageName::Internal).await;
    let settings = empiric_gateway::Settings { queue: 2, concurrency: 1, ..setup.settings.clone() };
    let running = Setup { settings, ..setup }.start().await;
    let asked = futures::future::join_all((0..8).map(|_| running.ask("x"))).await;
    let count = |status: u16| asked.iter().filter(|(found, _)| *found == status).count();
    assert!((2..=4).contains(&count(200)), "{asked:?}");
    assert_eq!(count(200) + count(429), 8);
    let refused = asked.iter().find(|(status, _)| *status == 429).unwrap();
    assert_eq!(refused.1["error"]["code"], "queue_full");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_waits_for_is_not_asked() {
    let setup = Setup::new().await;
    let slow = TestServer::start(|_, _| {
        std::thread::sleep(Duration::from_millis(400));
        Answer::chat("late", 1, 1)
    });
    setup.expose(&remote(&slow, "one"), StageName::Internal).await;
    let settings = empiric_gateway::Settings { concurrency: 1, ..setup.settings.clone() };
    let running = Setup { settings, ..setup }.start().await;
    let first = running.ask("first");
    let impatient = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = tokio::time::timeout(Duration::from_millis(50), running.ask("impatient")).await;
    };
    let (answer, ()) = futures::join!(first, impatient);
    assert_eq!(answer.0, 200);
    let log = running.log(2).await;
    assert_eq!(log.iter().filter(|row| row.outcome == "abandoned").count(), 1);
    assert_eq!(slow.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_in_the_middle_pays_what_was_reserved() {
    let mut setup = Setup::new().await;
    let mut version = local(&mut setup, 5);
    // The tiny model goes on until it is stopped.
    (version.decoding.stop, version.decoding.max_tokens) = (Vec::new(), 400);
    setup.expose(&version, StageName::Internal).await;
    let settings = empiric_gateway::Settings {
        budget: Budget { tokens_per_day: Some(900), ..Budget::default() },
        ..setup.settings.clone()
    };
    let running = Setup { settings, ..setup }.start().await;
    let body = json!({"messages": [{"role": "user", "content": "x"}], "stream": true});
    for _ in 0..2 {
        let request = running.http.post(format!("{}/v1/chat/completions", running.address)).json(&body);
        let mut stream = request.send().await.unwrap();
        // The first event comes before the model is asked; who leaves then owes nothing.
        let mut told = String::new();
        while told.matches("data:").count() < 2 {
            told += &String::from_utf8_lossy(&stream.chunk().await.unwrap().unwrap());
        }
        drop(stream);
    }
    let log = running.log(2).await;
    assert!(log.iter().all(|row| row.outcome == "abandoned"), "{log:?}");
    assert_eq!(running.ask("x").await.0, 429);
}
