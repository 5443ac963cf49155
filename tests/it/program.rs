//! The program as a child process in a clean environment.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a command said and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

/// The program, with PATH and HOME alone, 100 columns and no colours.
pub fn empiric() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_empiric"));
    command.env_clear().env("COLUMNS", "100").env("NO_COLOR", "1").stdin(std::process::Stdio::null());
    for kept in ["PATH", "HOME"] {
        if let Some(value) = std::env::var_os(kept) {
            command.env(kept, value);
        }
    }
    command
}

/// Runs the program in a folder.
pub fn in_folder(folder: &Path, arguments: &[&str]) -> Said {
    said(empiric().arg("-C").arg(folder).args(arguments))
}

/// Runs a command to its end.
pub fn said(command: &mut Command) -> Said {
    let Output { status, stdout, stderr } = command.output().expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Said { code: status.code(), out: text(stdout), err: text(stderr) }
}

/// The repository's root.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The example project.
pub fn example() -> PathBuf {
    root().join("examples/staff-handbook")
}

/// A new project from `init`.
pub fn new_project() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let made = said(empiric().args(["init", "--yes", "--name", "my-project"]).arg(folder.path()));
    assert_eq!(made.code, Some(0), "{}", made.err);
    folder
}
