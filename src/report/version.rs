//! The version that stands at the end, in words and as JSON.

use empiric_schema::version::{Demonstrations, SystemVersion};
use serde::Serialize;

use super::ReportError;
use super::words;

#[derive(Debug, Serialize)]
pub(super) struct VersionSection {
    label: String,
    digest: String,
    model: String,
    system: String,
    user: String,
    cue: String,
    demonstrations: String,
    decoding: String,
    json: String,
}

pub(super) fn version_section(label: &str, version: &SystemVersion) -> Result<VersionSection, ReportError> {
    let stop = &version.decoding.stop;
    let stops: Vec<_> = stop.iter().map(|text| format!("{text:?}")).collect();
    let stops = if stops.is_empty() { String::new() } else { format!(", stops at {}", stops.join(", ")) };
    Ok(VersionSection {
        label: label.to_owned(),
        digest: version.digest().to_string(),
        model: version.model.id().to_string(),
        system: version.prompt.system.clone(),
        user: version.prompt.user.clone(),
        cue: version.prompt.answer_cue.clone(),
        demonstrations: demonstrations(&version.demonstrations),
        decoding: format!("greedy, at most {} tokens{stops}", version.decoding.max_tokens),
        json: serde_json::to_string_pretty(version)?,
    })
}

fn demonstrations(demonstrations: &Demonstrations) -> String {
    match demonstrations {
        Demonstrations::None => "none".to_owned(),
        Demonstrations::Nearest { k, .. } => {
            format!("the {} most like the question", words::plural(u64::from(*k), "worked example"))
        }
        Demonstrations::Fixed { k, .. } => {
            format!("the same {} for every question", words::plural(u64::from(*k), "worked example"))
        }
    }
}
