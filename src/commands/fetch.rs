//! `empiric fetch`: a source in the cache, for scripts and for machines that go offline.

use std::process::ExitCode;
use std::sync::Arc;

use empiric_activities::adapters::source::SourceResolver;

use crate::cli::{FetchArgs, Global, OutputFormat};
use crate::error::CliError;
use crate::output;
use crate::place::Place;
use crate::temporal::FetchBar;

pub(super) async fn execute(args: &FetchArgs, global: &Global, place: &Place) -> Result<ExitCode, CliError> {
    let resolver = SourceResolver::new(&place.project, &place.cache)
        .with_network(place.network)
        .with_progress(Arc::new(FetchBar::new()));
    let found = resolver.resolve(&args.source).await?;
    match global.output {
        OutputFormat::Json => output::json(&serde_json::json!({
            "source": found.source,
            "path": found.path,
            "digest": found.digest,
            "size": found.size,
            "files": found.files.len(),
        })),
        OutputFormat::Text => {
            output::data(&found.path.display().to_string());
            output::talk(&format!("{} bytes, {}", found.size, found.digest));
        }
    }
    Ok(ExitCode::SUCCESS)
}
