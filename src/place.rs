//! Where things are: the project, its state, the cache.

use std::path::{Path, PathBuf};

use empiric_activities::adapters::artifact_store::ArtifactStore;
use empiric_activities::adapters::database::Database;
use empiric_activities::adapters::source::NetworkMode;
use empiric_activities::dispatch::WarmSettings;
use empiric_schema::spec::ProjectSpec;

use crate::cli::Global;
use crate::error::CliError;

/// Name of the project file.
pub const PROJECT_FILE: &str = "project.yaml";

/// The folders that a command works with.
#[derive(Debug, Clone)]
pub struct Place {
    /// Folder with `project.yaml`; absolute where it exists.
    pub project: PathBuf,
    /// Folder of the state.
    pub state: PathBuf,
    /// Folder of fetched sources.
    pub cache: PathBuf,
    /// Whether sources may be fetched.
    pub network: NetworkMode,
    /// How jobs find their models loaded; `None` starts a process for each job.
    pub warm: Option<WarmSettings>,
}

impl Place {
    /// Reads the flags.
    pub fn new(global: &Global) -> Self {
        let project = std::fs::canonicalize(&global.project).unwrap_or_else(|_| global.project.clone());
        let state = global.state.clone().unwrap_or_else(|| project.join(".empiric"));
        Self {
            state: std::path::absolute(&state).unwrap_or(state),
            cache: global.cache.clone().unwrap_or_else(user_cache),
            network: if global.offline { NetworkMode::Offline } else { NetworkMode::Online },
            warm: (!global.cold).then(WarmSettings::default),
            project,
        }
    }

    /// Reads and checks the project file.
    pub fn spec(&self) -> Result<ProjectSpec, CliError> {
        let path = self.project.join(PROJECT_FILE);
        let text = match std::fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(CliError::NoProject { path });
            }
            Err(source) => return Err(CliError::File { action: "read", path, source }),
        };
        ProjectSpec::parse(&path.display().to_string(), &text).map_err(CliError::Spec)
    }

    /// Makes the state folder.
    pub fn make_state(&self) -> Result<(), CliError> {
        make(&self.state)
    }

    /// Opens the read model.
    pub async fn database(&self) -> Result<Database, CliError> {
        self.make_state()?;
        Ok(Database::open(&self.state.join("empiric.db")).await?)
    }

    /// Opens the read model of a state that is there already.
    pub async fn existing_database(&self) -> Result<Database, CliError> {
        let path = self.state.join("empiric.db");
        if !path.exists() {
            return Err(CliError::NoRun { state: self.state.clone() });
        }
        Ok(Database::open(&path).await?)
    }

    /// Opens the artifact store.
    pub fn store(&self) -> Result<ArtifactStore, CliError> {
        Ok(ArtifactStore::local(&self.state.join("artifacts"))?)
    }

    /// Folder of jobs.
    pub fn jobs(&self) -> PathBuf {
        self.state.join("jobs")
    }

    /// Folder of the managed server.
    pub fn server(&self) -> PathBuf {
        self.state.join("temporal")
    }
}

/// Makes a folder and its parents.
pub fn make(path: &Path) -> Result<(), CliError> {
    std::fs::create_dir_all(path).map_err(|source| CliError::File {
        action: "make",
        path: path.to_owned(),
        source,
    })
}

fn user_cache() -> PathBuf {
    let variable = |name| std::env::var_os(name).filter(|value: &std::ffi::OsString| !value.is_empty());
    let base = variable("XDG_CACHE_HOME").map(PathBuf::from);
    base.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .unwrap_or_else(std::env::temp_dir)
        .join("empiric")
}
