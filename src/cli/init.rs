//! Flags of `init`.

use std::path::PathBuf;

use clap::Args;

use super::flags;

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
