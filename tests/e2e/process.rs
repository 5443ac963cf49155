//! The whole program with real processes, a real server, a real model: killed, stopped and going on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tempfile::TempDir;

/// Longest that any single wait may take; the slowest is a cold start under load.
const PATIENCE: Duration = Duration::from_secs(240);

/// A project small enough to run in a minute: the items of `empiric init`, cut down.
pub struct Project {
    folder: TempDir,
}

impl Project {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let target = folder.path().join("small");
        let done = empiric().args(["init", "--yes"]).arg(&target).output().expect("empiric starts");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        for split in ["train", "dev", "test"] {
            keep_lines(&target.join(format!("data/{split}.jsonl")), 8);
        }
        let project = target.join("project.yaml");
        let model = std::env::var("EMPIRIC_TEST_MODEL").expect("`make test` sets EMPIRIC_TEST_MODEL");
        let text = fs::read_to_string(&project).expect("the project file");
        let text = text
            .lines()
            .map(|line| match line.trim_start().starts_with("source:") {
                true => format!("    source: \"file://{model}\""),
                false => line.to_owned(),
            })
            .collect::<Vec<_>>()
            .join("\n")
            .replace("max_iterations: 2", "max_iterations: 1, candidates: 2")
            .replace("max_tokens: 16", "max_tokens: 6");
        fs::write(&project, text).expect("the project file is written");
        Self { folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("small")
    }

    fn state(&self) -> PathBuf {
        self.path().join(".empiric")
    }

    /// `empiric run` as a background process in a group of its own.
    pub fn run(&self) -> Child {
        use std::os::unix::process::CommandExt as _;
        let mut command = empiric();
        command.arg("-C").arg(self.path()).args(["run", "--output", "json"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command.spawn().expect("empiric starts")
    }

    fn finished_jobs(&self) -> usize {
        job_folders(&self.state()).iter().filter(|folder| folder.join("outcome.json").exists()).count()
    }

    /// Successful attempts of each job: a finished job that ran again would have two.
    fn most_successes(&self) -> usize {
        job_folders(&self.state()).iter().map(|folder| successes(folder)).max().unwrap_or_default()
    }

    fn server(&self) -> Value {
        let bytes = fs::read(self.state().join("temporal/server.json")).expect("the server's record");
        serde_json::from_slice(&bytes).expect("the server's record reads")
    }
}

pub fn empiric() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_empiric"));
    command.env("EMPIRIC_HEARTBEAT_SECONDS", "3").env_remove("OTEL_EXPORTER_OTLP_ENDPOINT");
    command
}

fn keep_lines(path: &Path, most: usize) {
    let text = fs::read_to_string(path).expect("a data file");
    let kept: Vec<&str> = text.lines().take(most).collect();
    fs::write(path, kept.join("\n") + "\n").expect("a data file is written");
}

fn job_folders(state: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(state.join("jobs")) else { return Vec::new() };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.join("lock").exists()).collect()
}

fn successes(job: &Path) -> usize {
    let attempts = fs::read_dir(job).into_iter().flatten().flatten();
    let exits = attempts.filter_map(|attempt| fs::read_to_string(attempt.path().join("exit.json")).ok());
    exits.filter(|exit| exit.contains("\"success\"")).count()
}

/// Waits until something holds.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < PATIENCE, "waited too long until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn parent_of(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()
}

/// A process and everything below it.
fn tree(root: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::from([root]);
    loop {
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        let more: Vec<i32> = ids
            .filter(|pid| {
                !found.contains(pid) && parent_of(*pid).is_some_and(|parent| found.contains(&parent))
            })
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn end(pid: i32, signal: Signal) {
    let _ = kill(Pid::from_raw(pid), signal);
}

/// The warm runner of the jobs, below `root`.
fn job_process(root: i32) -> Option<i32> {
    tree(root).into_iter().find(|pid| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains("job\0serve\0")
    })
}

/// Processes that work in a folder: warm runners stand in that of their jobs.
fn working_in(folder: &Path) -> Vec<i32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(folder)))
        .collect()
}

/// Waits for the end and reads the view from standard output.
pub fn finish(run: Child) -> Value {
    let output = run.wait_with_output().expect("the run ends");
    let said = String::from_utf8_lossy(&output.stderr);
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {:?} said {said}", output.status))
}

/// Everything that was decided, without what it cost.
fn decisions(view: &Value) -> Vec<Value> {
    let records = view["decisions"].as_array().expect("decisions").clone();
    records.into_iter().map(|record| record["decision"].clone()).collect()
}

fn undisturbed() -> Vec<Value> {
    decisions(&finish(Project::new().run()))
}

#[test]
fn a_run_that_is_killed_and_stopped_goes_on_to_the_same_decisions() {
    let expected = undisturbed();
    let project = Project::new();

    let first = project.run();
    until("a job is finished and another runs", || {
        project.finished_jobs() >= 1 && job_process(first.id() as i32).is_some()
    });
    for pid in tree(first.id() as i32) {
        end(pid, Signal::SIGKILL);
    }
    first.wait_with_output().expect("the killed process is collected");
    until("no runner is left", || working_in(&project.state().join("jobs")).is_empty());

    let second = project.run();
    until("two jobs are finished", || project.finished_jobs() >= 2);
    end(second.id() as i32, Signal::SIGINT);
    let stopped = second.wait_with_output().expect("the stopped process ends");
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert_eq!(stopped.status.code(), Some(130), "{said}");
    assert!(said.contains("`empiric run` goes on with"), "{said}");
    assert_eq!(working_in(&project.state().join("jobs")), [0; 0], "a runner outlived its worker");

    let view = finish(project.run());
    assert_eq!(decisions(&view), expected);
    assert_eq!(project.most_successes(), 1, "a finished job ran again");
}

#[test]
fn a_run_survives_the_end_of_its_job_and_of_its_server() {
    let expected = undisturbed();
    let project = Project::new();
    let run = project.run();
    let id = run.id() as i32;

    let mut job = None;
    until("a job runs", || {
        job = job_process(id);
        job.is_some()
    });
    end(job.expect("a job"), Signal::SIGKILL);
    until("a job is finished", || project.finished_jobs() >= 1);
    let before = project.server();
    end(before["server"].as_i64().expect("a process") as i32, Signal::SIGKILL);
    until("another server is there", || project.server()["server"] != before["server"]);

    let view = finish(run);
    assert_eq!(working_in(&project.state().join("jobs")), [0; 0], "a runner outlived its worker");
    assert_eq!(decisions(&view), expected);
    assert_eq!(project.most_successes(), 1, "a finished job ran again");
    let after = project.server();
    until("the server ended with the run", || {
        parent_of(after["server"].as_i64().expect("a process") as i32).is_none()
    });
}
