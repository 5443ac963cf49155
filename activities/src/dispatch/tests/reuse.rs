//! Publishing outputs, and answering from them.

use empiric_schema::artifact::Digest;

use super::*;

/// A script that counts its runs in a file beside the jobs.
fn counting(bench: &Bench) -> String {
    format!("echo 1 >> {}; {SUCCEED}", bench.path("runs").display())
}

fn runs(bench: &Bench) -> usize {
    fs::read_to_string(bench.path("runs")).unwrap().lines().count()
}

#[tokio::test]
async fn outputs_are_in_the_store_and_the_folder_keeps_only_the_story() {
    let bench = Bench::new().await;
    let outcome = bench.run(SUCCEED).await.unwrap();
    assert_eq!((outcome.class, outcome.reused), (ExitClass::Success, false));
    assert_eq!((outcome.usage.prompt_tokens, outcome.usage.completion_tokens), (7, 3));
    assert!(outcome.usage.seconds > 0.0 && outcome.ran.1 >= outcome.ran.0);
    let answer = &outcome.outputs["answer.txt"];
    assert_eq!(answer.digest, Digest::of(b"hello"));
    assert_eq!(bench.dispatcher.store.get_bytes(answer).await.unwrap(), "hello");
    let attempt = bench.job_folder().join("attempt-1");
    assert!(attempt.join("job.json").exists() && attempt.join("job.log").exists());
    assert!(!attempt.join("out").exists() && !bench.job_folder().join("owner.json").exists());
}

#[tokio::test]
async fn the_same_job_is_answered_without_running_even_after_a_restart() {
    let bench = Bench::new().await;
    let script = counting(&bench);
    let first = bench.run(&script).await.unwrap();
    let again = bench.run(&script).await.unwrap();
    assert!(again.reused && again.outputs == first.outputs && again.usage == first.usage);
    let restarted = run(&bench.reopened().await, &request(&script), pending()).await.unwrap();
    assert!(restarted.reused);
    assert_eq!(runs(&bench), 1);
}

#[tokio::test]
async fn a_repeat_runs_again_and_so_does_a_job_whose_outputs_are_lost() {
    let bench = Bench::new().await;
    let script = counting(&bench);
    bench.run(&script).await.unwrap();
    let mut repeat = request(&script);
    repeat.job.repeat = 1;
    assert!(!run(&bench.dispatcher, &repeat, pending()).await.unwrap().reused);
    fs::remove_dir_all(bench.path("store/sha256")).unwrap();
    assert!(!bench.run(&script).await.unwrap().reused);
    assert_eq!(runs(&bench), 3);
}

#[tokio::test]
async fn a_torn_record_is_no_record() {
    let bench = Bench::new().await;
    let script = counting(&bench);
    bench.run(&script).await.unwrap();
    fs::write(bench.job_folder().join("outcome.json"), "{\"key\":").unwrap();
    assert!(!bench.run(&script).await.unwrap().reused);
}

#[tokio::test]
async fn two_at_once_run_once() {
    let bench = Bench::new().await;
    let script = format!("sleep 0.2; {}", counting(&bench));
    let (one, two) = tokio::join!(bench.run(&script), bench.run(&script));
    let reused = [one.unwrap().reused, two.unwrap().reused];
    assert_eq!((reused[0] ^ reused[1], runs(&bench)), (true, 1));
}

#[tokio::test]
async fn outputs_that_are_not_what_was_promised_are_never_published() {
    let bench = Bench::new().await;
    let exit = |name: &str| {
        format!(
            r#"printf '{{"class":"success","outputs":{{"{name}":{{"digest":"{}","size":5,"media_type":"text/plain"}}}}}}' > exit.json"#,
            Digest::of(b"hello")
        )
    };
    let corrupt = format!("printf HELLO > out/a; {}", exit("a"));
    assert_eq!(bench.class(&corrupt).await, ExitClass::ArtifactCorrupt);
    for (make, name) in [
        ("true", "absent"),
        ("printf hello > a", "../a"),
        ("printf hello > real; ln -s ../real out/link", "link"),
        ("mkdir out/folder", "folder"),
        ("printf hello > out/a", "/etc/hostname"),
        ("printf hello > out/a", "./a"),
    ] {
        let script = format!("{make}; {}", exit(name));
        assert_eq!(bench.class(&script).await, ExitClass::BugOrUnknown, "{name}");
    }
    assert!(!bench.job_folder().join("outcome.json").exists());
}
