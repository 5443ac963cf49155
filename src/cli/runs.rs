//! Flags of commands about runs, and of workers.

use std::path::PathBuf;

use clap::Args;

use super::flags;

/// `run`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric run\n  empiric -C examples/staff-handbook run\n  empiric run --fresh     start anew even if a run is unfinished\n\nExit codes: 0 the promise was kept, 10 it was not shown, 11 a person is needed, 12 cancelled, 130 interrupted."
)]
pub struct RunArgs {
    /// Start a new run even where an unfinished one could go on.
    #[arg(long)]
    pub fresh: bool,
    /// Leave the rollout out: a version that keeps its promise waits for `empiric promote`.
    #[arg(long)]
    pub no_rollout: bool,
}

/// A run by its id.
#[derive(Debug, Args)]
pub struct RunRef {
    /// The run's id or the beginning of it. Default: the latest run.
    pub run: Option<String>,
}

/// `approve` and `reject`
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The run's id or the beginning of it. Default: the latest run.
    pub run: Option<String>,
    /// Number of the question. The only open one needs none.
    #[arg(long, value_name = "NUMBER")]
    pub question: Option<u32>,
    /// Why. It stands in the report.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Who answers. Default: the system's name of the user.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// `feedback`
#[derive(Debug, Args)]
#[command(
    allow_missing_positional = true,
    after_help = "Examples:\n  empiric feedback \"answers are too long for the night shift\"\n  empiric feedback staff-handbook \"the fee has changed\" --item fees-3 --expected \"12 euros\""
)]
pub struct FeedbackArgs {
    /// The run's id or the beginning of it. Default: the latest run.
    pub run: Option<String>,
    /// What there is to say.
    pub text: String,
    /// The item that it is about.
    #[arg(long, value_name = "ID")]
    pub item: Option<String>,
    /// What the right answer would be.
    #[arg(long, value_name = "TEXT")]
    pub expected: Option<String>,
    /// Who says it. Default: the system's name of the user.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// `report`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric report\n  empiric report staff-handbook --out /tmp/report\n  empiric report --output json | jq .view.decisions"
)]
pub struct ReportArgs {
    /// The run's id or the beginning of it. Default: the latest run.
    pub run: Option<String>,
    /// Folder to write to. Default: `reports/RUN` in the state folder.
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// `worker`
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  empiric worker --temporal-address https://temporal.example:7233 --queue jobs.cpu"
)]
pub struct WorkerArgs {
    /// Task queue: `empiric` for workflows and control, `jobs.cpu` or `jobs.CLASS` for jobs.
    #[arg(long, default_value = empiric_schema::names::QUEUE_JOBS_CPU)]
    pub queue: String,
    /// Jobs at the same time.
    #[arg(long, default_value_t = 1, value_parser = flags::slots)]
    pub slots: usize,
}
