//! What a report is made from.

use empiric_schema::artifact::Digest;
use empiric_schema::data::Expected;
use empiric_schema::id::ItemId;
use empiric_schema::job::ItemResult;
use empiric_schema::version::SystemVersion;
use empiric_schema::view::RunView;
use serde::Serialize;

use super::reading::Reading;

/// Everything that a report shows.
#[derive(Debug, Clone, Serialize)]
pub struct ReportData {
    /// The run.
    pub view: RunView,
    /// Versions by their label for people, the first version first.
    pub versions: Vec<(String, SystemVersion)>,
    /// Dev items with the answers of the first and of the last version. Items of the locked test
    /// split have no place here: a report may be read by whoever improves the system.
    pub items: Vec<ItemExample>,
    /// What each version on dev made of the passages that it was shown.
    pub readings: Vec<Reading>,
    /// What the run ran on, one statement a line.
    pub environment: Vec<String>,
}

/// One item with its answers before and after the run.
#[derive(Debug, Clone, Serialize)]
pub struct ItemExample {
    /// The item.
    pub id: ItemId,
    /// What was asked.
    pub input: String,
    /// What a right answer says.
    pub expected: Expected,
    /// The first version's answer.
    pub before: Option<ItemResult>,
    /// The last version's answer; `None` where no later version was measured.
    pub after: Option<ItemResult>,
}

impl ReportData {
    /// The version that stands at the end, with its label.
    pub(crate) fn incumbent(&self) -> Option<&(String, SystemVersion)> {
        let digest = self.view.incumbent.as_ref()?;
        self.versions.iter().find(|(_, version)| version.digest() == *digest)
    }

    /// A version's label for people; its short digest where it has none.
    pub(crate) fn label(&self, digest: &Digest) -> String {
        let named = self.versions.iter().find(|(_, version)| version.digest() == *digest);
        named.map_or_else(|| label_in(&self.view, digest), |(label, _)| label.clone())
    }
}

/// A version's label as the view alone knows it; its short digest where it has none.
pub(crate) fn label_in(view: &RunView, digest: &Digest) -> String {
    let mut on_dev = view.measurements.iter().filter(|m| m.version == *digest && m.split == "dev");
    let mut anywhere = view.measurements.iter().filter(|m| m.version == *digest);
    let measured = on_dev.next().or_else(|| anywhere.next()).map(|m| &m.label);
    let raced = || {
        let mut all = view.iterations.iter().flat_map(|iteration| &iteration.candidates);
        all.find(|candidate| candidate.version == *digest).map(|candidate| &candidate.label)
    };
    measured.or_else(raced).map_or_else(|| digest.short().to_owned(), Clone::clone)
}
