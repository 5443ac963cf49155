//! Flags of commands about what is served: rollouts, the gateway, and who may ask it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use empiric_gateway::Budget;
use empiric_schema::rollout::Rung;

use super::flags;

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
    /// Who decides, and why.
    #[command(flatten)]
    pub word: WordArgs,
}

/// A person's word.
#[derive(Debug, Args)]
pub struct WordArgs {
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
    /// Who decides, and why.
    #[command(flatten)]
    pub word: WordArgs,
}

/// `requalify`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  empiric requalify\n  empiric requalify --decline --note \"the endpoint keeps it until June\"\n\n`empiric rollout` shows which model goes, and when."
)]
pub struct RequalifyArgs {
    /// No run looks for another; it is not asked about again.
    #[arg(long)]
    pub decline: bool,
    /// Who decides, and why.
    #[command(flatten)]
    pub word: WordArgs,
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
    /// What all callers together may use.
    #[command(flatten)]
    pub limits: LimitArgs,
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

/// Limits, of all callers together or of one key.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// Most tokens in a day: of all callers together for `serve`, of the key for `keys add`.
    #[arg(long, value_name = "NUMBER")]
    pub tokens_per_day: Option<u64>,
    /// Most dollars in a day.
    #[arg(long, value_name = "DOLLARS")]
    pub usd_per_day: Option<f64>,
    /// Most requests in a minute.
    #[arg(long, value_name = "NUMBER")]
    pub requests_per_minute: Option<u32>,
}

impl LimitArgs {
    /// As the gateway holds them.
    pub(crate) fn budget(&self) -> Budget {
        Budget {
            tokens_per_day: self.tokens_per_day,
            usd_per_day: self.usd_per_day,
            requests_per_minute: self.requests_per_minute,
        }
    }
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
    /// Send the expected answer with each thumb down, as somebody who knows better would.
    #[arg(long, requires = "feedback")]
    pub corrections: bool,
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
    /// What it may be used for.
    #[command(flatten)]
    pub limits: LimitArgs,
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
