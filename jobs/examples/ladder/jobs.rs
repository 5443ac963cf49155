//! Jobs under the file contract, each in a folder of its own; what one leaves the next may read.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};

use empiric_jobs::runner;
use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::budget::Spend;
use empiric_schema::job::{
    EXIT_FILE, Exit, ExitClass, JOB_FILE, JobFile, JobKind, JobSpec, OUTPUT_FOLDER, OutputFile,
};

/// Artifacts with their places.
pub struct Jobs {
    folder: PathBuf,
    inputs: BTreeMap<Digest, PathBuf>,
}

impl Jobs {
    /// An empty folder for jobs; what was there is removed.
    pub fn new(folder: &Path) -> Result<Self, Box<dyn Error>> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder)?;
        Ok(Self { folder: folder.to_owned(), inputs: BTreeMap::new() })
    }

    /// A file that jobs may read.
    pub fn input(&mut self, path: &Path) -> Result<ArtifactRef, Box<dyn Error>> {
        let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let digest = Digest::of(&bytes);
        self.inputs.insert(digest.clone(), path.to_owned());
        Ok(ArtifactRef {
            digest,
            size: bytes.len() as u64,
            media_type: "application/octet-stream".to_owned(),
        })
    }

    /// Bytes that jobs may read.
    pub fn bytes(&mut self, name: &str, bytes: &[u8]) -> Result<ArtifactRef, Box<dyn Error>> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes)?;
        self.input(&path)
    }

    /// Runs a job to its end.
    pub fn run(&mut self, name: &str, kind: JobKind) -> Result<Exit, Box<dyn Error>> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        let outputs = kind.outputs().iter().map(|output| (*output).to_owned()).collect();
        let spec = JobSpec { kind, seed: 1, repeat: 0, reserve: Spend::default() };
        let inputs = self.inputs.clone();
        let file = JobFile { spec, inputs, outputs, attempt: 1, resume: None, threads: 2 };
        std::fs::write(folder.join(JOB_FILE), serde_json::to_vec(&file)?)?;
        let class = runner::run(&folder);
        let exit: Exit = serde_json::from_slice(&std::fs::read(folder.join(EXIT_FILE))?)?;
        if class != ExitClass::Success {
            return Err(format!("{name}: {}: {}", class.name(), exit.message).into());
        }
        for (output, file) in &exit.outputs {
            self.inputs.insert(file.digest.clone(), folder.join(OUTPUT_FOLDER).join(output));
        }
        Ok(exit)
    }
}

/// The reference of a file that a job left.
pub fn output(exit: &Exit, name: &str) -> Result<ArtifactRef, Box<dyn Error>> {
    let found = exit.outputs.get(name).ok_or_else(|| format!("the job left no `{name}`"))?;
    let OutputFile { digest, size, media_type } = found.clone();
    Ok(ArtifactRef { digest, size, media_type })
}
