//! `empiric init`: writes a project that runs as it is.

use std::io::IsTerminal as _;
use std::path::Path;
use std::process::ExitCode;

use empiric_schema::spec::{ProjectSpec, json_schema};

use crate::cli::{Global, InitArgs, OutputFormat};
use crate::error::CliError;
use crate::output;
use crate::place::{self, PROJECT_FILE};

const PROJECT: &str = include_str!("init/project.yaml");
const PROMPT: &str = include_str!("init/system.txt");
const TRAIN: &str = include_str!("init/train.jsonl");
const DEV: &str = include_str!("init/dev.jsonl");
const TEST: &str = include_str!("init/test.jsonl");

pub(super) fn execute(args: &InitArgs, global: &Global) -> Result<ExitCode, CliError> {
    let answers = Answers::gather(args)?;
    let folder = &args.folder;
    if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::Occupied { path: folder.clone() });
    }
    let project = answers.fill(PROJECT);
    ProjectSpec::parse(PROJECT_FILE, &project).map_err(CliError::Spec)?;
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap_or_default();
    for (name, text) in [
        (PROJECT_FILE, project.as_str()),
        ("project.schema.json", schema.as_str()),
        ("prompts/system.txt", PROMPT),
        ("data/train.jsonl", TRAIN),
        ("data/dev.jsonl", DEV),
        ("data/test.jsonl", TEST),
        (".gitignore", ".empiric/\n"),
    ] {
        put(&folder.join(name), text)?;
    }
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({"project": folder})),
        OutputFormat::Text => output::data(&folder.display().to_string()),
    }
    output::talk(&format!(
        "put your items into data/, then `empiric -C {0} plan` and `empiric -C {0} run`",
        folder.display()
    ));
    Ok(ExitCode::SUCCESS)
}

fn put(path: &Path, text: &str) -> Result<(), CliError> {
    if let Some(parent) = path.parent() {
        place::make(parent)?;
    }
    std::fs::write(path, text).map_err(|source| CliError::File {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

struct Answers {
    name: String,
    description: String,
    accuracy: f64,
}

impl Answers {
    /// Flags first, then questions on a terminal, then defaults.
    fn gather(args: &InitArgs) -> Result<Self, CliError> {
        let asks = !args.yes && std::io::stdin().is_terminal();
        let ask = |given: Option<String>, question: &str, default: &str| match given {
            Some(given) => given,
            None if asks => output::ask(question, default),
            None => default.to_owned(),
        };
        let folder = std::path::absolute(&args.folder).unwrap_or_else(|_| args.folder.clone());
        let default_name = slug(&folder.file_name().unwrap_or_default().to_string_lossy());
        let accuracy =
            ask(args.accuracy.map(|value| value.to_string()), "accuracy that is good enough", "0.7");
        Ok(Self {
            name: ask(args.name.clone(), "name of the project", &default_name),
            description: ask(
                args.description.clone(),
                "what it is for, in one sentence",
                "Answers short questions",
            ),
            accuracy: accuracy.parse().map_err(|_| {
                CliError::Argument(format!("`{accuracy}` is no accuracy: a share such as 0.7 is expected"))
            })?,
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
    let trimmed = mapped.trim_matches('-');
    if trimmed.is_empty() { "project".to_owned() } else { trimmed.to_owned() }
}
