//! Checkpoints go from attempt to attempt, and old attempts go when a job has ended well.

use super::*;

/// Leaves a checkpoint and ends as `end` says; with one to go on from, writes it to `seen` and succeeds.
fn training(bench: &Bench, end: &str) -> String {
    format!(
        r#"resume=$(sed -n 's/.*"resume": "\(.*\)",*/\1/p' job.json)
        if test -z "$resume"; then
            mkdir checkpoints && echo 4 > checkpoints/step-4
            {end}
        fi
        cat "$resume"/* > {}
        mkdir checkpoints && echo 6 > checkpoints/step-6
        {SUCCEED}"#,
        bench.path("seen").display()
    )
}

fn attempts(bench: &Bench) -> Vec<String> {
    let entries = fs::read_dir(bench.job_folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.starts_with("attempt-")).collect();
    names.sort();
    names
}

#[tokio::test]
async fn an_attempt_goes_on_from_the_checkpoints_of_a_killed_one() {
    let bench = Bench::new().await;
    let script = training(&bench, "kill -KILL $$");
    assert_eq!(bench.class(&script).await, ExitClass::Killed);
    assert!(bench.job_folder().join("attempt-1/checkpoints/step-4").exists(), "kept for the next attempt");
    assert_eq!(bench.run(&script).await.unwrap().class, ExitClass::Success);
    assert_eq!(fs::read_to_string(bench.path("seen")).unwrap(), "4\n");
    assert_eq!(attempts(&bench), ["attempt-2"]);
    let last = bench.job_folder().join("attempt-2");
    assert!(last.join("job.log").exists() && !last.join("checkpoints").exists());
    assert!(bench.run(&script).await.unwrap().reused);
}

#[tokio::test]
async fn a_greater_reservation_goes_on_where_a_small_one_ended() {
    let bench = Bench::new().await;
    let mut request = request(&training(&bench, "sleep 1000"));
    request.job.reserve = Spend { device_seconds: 0.2, ..Spend::default() };
    let outcome = run(&bench.dispatcher, &request, pending()).await.unwrap();
    assert_eq!(outcome.class, ExitClass::BudgetExhausted);
    request.job.reserve = Spend::default();
    assert_eq!(run(&bench.dispatcher, &request, pending()).await.unwrap().class, ExitClass::Success);
    assert_eq!(fs::read_to_string(bench.path("seen")).unwrap(), "4\n");
}

#[tokio::test]
async fn attempts_of_a_job_that_never_ended_well_all_stay() {
    let bench = Bench::new().await;
    for _ in 0..3 {
        assert_eq!(bench.class("exit 65").await, ExitClass::InvalidInput);
    }
    assert_eq!(attempts(&bench), ["attempt-1", "attempt-2", "attempt-3"]);
}
