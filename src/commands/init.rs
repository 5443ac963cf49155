//! `empiric init`: writes a project that runs as it is, from nothing or from what somebody has.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use empiric_schema::spec::{ProjectSpec, json_schema};

use crate::cli::{Global, InitArgs, OutputFormat, flags};
use crate::error::CliError;
use crate::import::{self, ColumnNames, Draft, NewFile, Wishes};
use crate::output;
use crate::place::PROJECT_FILE;

const PROJECT: &str = include_str!("init/project.yaml");
const PROMPT: &str = include_str!("init/system.txt");
const TRAIN: &str = include_str!("init/train.jsonl");
const DEV: &str = include_str!("init/dev.jsonl");
const TEST: &str = include_str!("init/test.jsonl");

/// Items from which on looking for near-copies takes longer than a moment.
const MANY: usize = 2000;

pub(super) fn execute(args: &InitArgs, global: &Global) -> Result<ExitCode, CliError> {
    let folder = folder(args);
    match &args.import.from {
        Some(from) => bring(from, &folder, args, global)?,
        None => write(&folder, args, global)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The project from the templates of this program.
fn write(folder: &Path, args: &InitArgs, global: &Global) -> Result<(), CliError> {
    let answers = Answers::gather(args, folder, "0.7")?;
    let project = answers.fill(PROJECT);
    ProjectSpec::parse(PROJECT_FILE, &project).map_err(CliError::Spec)?;
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap_or_default();
    let files = [
        (PROJECT_FILE, project.as_str()),
        ("project.schema.json", schema.as_str()),
        ("prompts/system.txt", PROMPT),
        ("data/train.jsonl", TRAIN),
        ("data/dev.jsonl", DEV),
        ("data/test.jsonl", TEST),
        (".gitignore", ".empiric/\n"),
    ]
    .map(|(name, text)| NewFile::text(name, text.to_owned()));
    import::publish(folder, &files)?;
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({"project": folder})),
        OutputFormat::Text => output::data(&folder.display().to_string()),
    }
    output::talk(&format!("put your items into data/, then {}", next(folder)));
    Ok(())
}

/// The project from somebody's own file.
fn bring(from: &Path, folder: &Path, args: &InitArgs, global: &Global) -> Result<(), CliError> {
    let names = ColumnNames { input: args.import.input.clone(), expected: args.import.expected.clone() };
    let found = import::read(from, &names)?;
    let accuracy = import::suggested_accuracy(&found).to_string();
    let Answers { name, description, accuracy } = Answers::gather(args, folder, &accuracy)?;
    if found.rows() > MANY {
        output::talk(&format!("comparing {} rows with each other", found.rows()));
    }
    let draft = Draft::new(found, &Wishes { name, description, accuracy, seed: args.import.seed })?;
    import::publish(folder, &draft.files)?;
    match global.output {
        OutputFormat::Json => output::json(&import::words::json(&draft, folder)),
        OutputFormat::Text => output::data(&import::words::text(&draft, folder)),
    }
    output::talk(&format!("read project.yaml, then {}", next(folder)));
    Ok(())
}

fn next(folder: &Path) -> String {
    format!("`empiric -C {0} plan` and `empiric -C {0} run`", folder.display())
}

/// The folder that was named, else one here that is called after the file.
fn folder(args: &InitArgs) -> PathBuf {
    let named = args.folder.clone().or_else(|| args.import.into.clone());
    named.unwrap_or_else(|| {
        let from = args.import.from.as_deref().unwrap_or(Path::new("project"));
        let from = std::path::absolute(from).unwrap_or_else(|_| from.to_owned());
        // A folder of documents stays what it is; its project stands beside it.
        let (name, end) = match from.is_dir() {
            true => (from.file_name(), "-project"),
            false => (from.file_stem(), ""),
        };
        PathBuf::from(slug(&name.unwrap_or_default().to_string_lossy()) + end)
    })
}

struct Answers {
    name: String,
    description: String,
    accuracy: f64,
}

impl Answers {
    /// Flags first, then questions on a terminal, then defaults.
    fn gather(args: &InitArgs, folder: &Path, accuracy: &str) -> Result<Self, CliError> {
        let asks = !args.yes && std::io::stdin().is_terminal();
        let ask = |given: Option<String>, question: &str, default: &str| match given {
            Some(given) => given,
            None if asks => output::ask(question, default),
            None => default.to_owned(),
        };
        let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let name = slug(&folder.file_name().unwrap_or_default().to_string_lossy());
        let description = if args.import.from.is_some() { "" } else { "Answers short questions" };
        let name = ask(args.name.clone(), "name of the project", &name);
        let description = ask(args.description.clone(), "what it is for, in one sentence", description);
        let given = args.accuracy.map(|value| value.to_string());
        let accuracy = ask(given, "accuracy that is good enough", accuracy);
        let wrong = |value: &str, reason: String| CliError::Argument(format!("`{value}`: {reason}"));
        Ok(Self {
            name: flags::project_name(&name).map_err(|reason| wrong(&name, reason))?,
            description,
            accuracy: flags::accuracy(&accuracy).map_err(|reason| wrong(&accuracy, reason))?,
        })
    }

    fn fill(&self, template: &str) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        template
            .replace("@NAME@", &self.name)
            .replace("@DESCRIPTION@", &quoted(&self.description))
            .replace("@ACCURACY@", &self.accuracy.to_string())
    }
}

/// Lower-case letters, digits and hyphens.
fn slug(text: &str) -> String {
    let mapped: String =
        text.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let cut: String = mapped.trim_start_matches('-').chars().take(63).collect();
    let trimmed = cut.trim_end_matches('-');
    if trimmed.is_empty() { "project".to_owned() } else { trimmed.to_owned() }
}
