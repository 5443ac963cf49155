//! The candidates that `benches/loop/record.py` has answer every item.

use empiric_schema::contract::Frozen;
use empiric_schema::spec::{ProjectSpec, Technique};
use empiric_schema::version::SystemVersion;
use empiric_workflows::technique::{Built, Plan, Setting, plan};
use serde::Serialize;

const CANDIDATES: usize = 16;
const SPEC: &str = r#"
name: recorded
scope: {task: answer, success: [{metric: accuracy, at_least: 0.7}]}
data: {train: "file://t.jsonl", dev: "file://d.jsonl", test: "file://e.jsonl"}
models: [{id: smollm2-135m, source: "file://m.gguf", parameters: 135M}]
system: {model: smollm2-135m}
evaluate: {assert: [{type: icontains, value: "{{expected}}"}]}
"#;

/// One line of the output.
#[derive(Serialize)]
struct Line<'a> {
    change: &'a str,
    version: &'a SystemVersion,
}

/// Prints the incumbent and what the technique `prompt` proposes for it, one a line, the cheapest first.
///
/// `frozen` is JSON of [`Frozen`].
///
/// # Errors
/// What of the input could not be read.
pub fn print(frozen: &str) -> Result<(), String> {
    let frozen: Frozen =
        serde_json::from_str(frozen).map_err(|error| format!("standard input is no `Frozen`: {error}"))?;
    let spec =
        ProjectSpec::parse("project.yaml", SPEC).map_err(|error| format!("the spec is wrong: {error:?}"))?;
    let setting = Setting {
        spec: &spec,
        frozen: &frozen,
        incumbent: &frozen.system,
        diagnosis: &[],
        tried: &[],
        most: CANDIDATES,
        pairs: 0,
    };
    line("the system as it is", &frozen.system)?;
    let Plan::Race(candidates) = plan(Technique::Prompt, &setting, &Built::new()) else {
        return Err("prompting builds nothing before it races".to_owned());
    };
    candidates.iter().try_for_each(|candidate| line(&candidate.change, &candidate.version))
}

fn line(change: &str, version: &SystemVersion) -> Result<(), String> {
    let text = serde_json::to_string(&Line { change, version }).map_err(|error| error.to_string())?;
    println!("{text}");
    Ok(())
}
