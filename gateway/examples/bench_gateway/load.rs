//! Callers at a steady rate. A request's time counts from when it was due, so that a server that falls behind is not
//! flattered by callers that wait for it.

use std::time::{Duration, Instant};

use serde_json::json;

/// Sends for so many seconds, and prints what came back as JSON. A rate of 0 sends as fast as 64 callers can.
pub async fn run(url: &str, rate: f64, seconds: f64) {
    let client = reqwest::Client::builder().pool_max_idle_per_host(256).build().expect("a client");
    let url = format!("{url}/chat/completions");
    let body = json!({"messages": [{"role": "user", "content": "When is pay day?"}]}).to_string();
    let begun = Instant::now();
    let outcomes = match rate > 0.0 {
        true => paced(&client, &url, &body, rate, seconds).await,
        false => unpaced(&client, &url, &body, seconds).await,
    };
    let elapsed = begun.elapsed().as_secs_f64();
    let failed = outcomes.iter().filter(|(is_good, _)| !is_good).count();
    let mut times: Vec<f64> = outcomes.iter().map(|(_, seconds)| seconds * 1e3).collect();
    times.sort_by(f64::total_cmp);
    let at =
        |share: f64| times.get(((times.len() as f64 * share) as usize).min(times.len().saturating_sub(1)));
    let report = json!({
        "sent": outcomes.len(), "failed": failed, "rate": outcomes.len() as f64 / elapsed,
        "p50_ms": at(0.5), "p90_ms": at(0.9), "p99_ms": at(0.99), "max_ms": times.last(),
    });
    println!("{report}");
}

async fn paced(client: &reqwest::Client, url: &str, body: &str, rate: f64, seconds: f64) -> Vec<(bool, f64)> {
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for number in 0..(rate * seconds) as u64 {
        let due = begun + Duration::from_secs_f64(number as f64 / rate);
        tokio::time::sleep_until(due.into()).await;
        let (client, url, body) = (client.clone(), url.to_owned(), body.to_owned());
        tasks.push(tokio::spawn(
            async move { (ask(&client, &url, &body).await, due.elapsed().as_secs_f64()) },
        ));
    }
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.expect("a caller does not break"));
    }
    outcomes
}

async fn unpaced(client: &reqwest::Client, url: &str, body: &str, seconds: f64) -> Vec<(bool, f64)> {
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    let caller = async || {
        let mut outcomes = Vec::new();
        while Instant::now() < end {
            let begun = Instant::now();
            outcomes.push((ask(client, url, body).await, begun.elapsed().as_secs_f64()));
        }
        outcomes
    };
    futures::future::join_all((0..64).map(|_| caller())).await.concat()
}

async fn ask(client: &reqwest::Client, url: &str, body: &str) -> bool {
    let request = client.post(url).header("content-type", "application/json").body(body.to_owned());
    match request.send().await {
        Ok(response) => response.status() == 200 && response.bytes().await.is_ok(),
        Err(_) => false,
    }
}
