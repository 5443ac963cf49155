//! Globs over the project folder: `*` and `?` within a name, `**` across folders.
//!
//! As in a shell, a wildcard does not match a leading dot.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Whether a pattern names a set of files rather than one.
pub(super) fn is_glob(pattern: &str) -> bool {
    pattern.contains(['*', '?'])
}

/// Splits a glob into the folder before the first wildcard (may be empty) and the rest.
pub(super) fn split(pattern: &str) -> (&str, &str) {
    let wildcard = pattern.find(['*', '?']).unwrap_or(pattern.len());
    match pattern[..wildcard].rfind('/') {
        Some(slash) => (&pattern[..=slash], &pattern[slash + 1..]),
        None => ("", pattern),
    }
}

/// The files below `folder` that match, by their name relative to it, in order of the names.
pub(super) fn expand(folder: &Path, pattern: &str) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    if parts.last() == Some(&"**") {
        parts.push("*");
    }
    let mut found = BTreeMap::new();
    descend(folder, "", &parts, &mut found)?;
    Ok(found)
}

fn descend(path: &Path, name: &str, parts: &[&str], found: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    let Some((part, rest)) = parts.split_first() else {
        if path.is_file() {
            found.insert(name.to_owned(), path.to_owned());
        }
        return Ok(());
    };
    if *part == "**" {
        descend(path, name, rest, found)?;
    }
    for (entry, child) in entries(path)? {
        let child_name = if name.is_empty() { entry.clone() } else { format!("{name}/{entry}") };
        // Linked folders are not entered by `**`: they may form a circle.
        if *part == "**" && !entry.starts_with('.') && child.is_dir() && !child.is_symlink() {
            descend(&child, &child_name, parts, found)?;
        } else if *part != "**" && matches(part, &entry) {
            descend(&child, &child_name, rest, found)?;
        }
    }
    Ok(())
}

/// The entries of a folder; none if it is no folder. A name that is not Unicode matches nothing.
fn entries(path: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    if !path.is_dir() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string() {
            found.push((name, entry.path()));
        }
    }
    Ok(found)
}

/// Whether one name matches one part of a glob.
fn matches(pattern: &str, name: &str) -> bool {
    let hidden = name.starts_with('.') && !pattern.starts_with('.');
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    !hidden && wildcard(&pattern, &name)
}

/// Linear matching: on a mismatch the last `*` takes one more character.
fn wildcard(pattern: &[char], name: &[char]) -> bool {
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        if p < pattern.len() && pattern[p] == '*' {
            star = Some((p, n));
            p += 1;
        } else if p < pattern.len() && (pattern[p] == '?' || pattern[p] == name[n]) {
            (p, n) = (p + 1, n + 1);
        } else if let Some((star_p, star_n)) = star {
            star = Some((star_p, star_n + 1));
            (p, n) = (star_p + 1, star_n + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("*.md", "parking.md", true),
            ("*.md", "parking.txt", false),
            ("*.md", ".hidden.md", false),
            (".*", ".hidden", true),
            ("a*b*c", "a--b--b-c", true),
            ("a*b*c", "a--c--b", false),
            ("?.md", "é.md", true),
            ("??", "a", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn folders_are_crossed_by_two_stars_alone() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.md", "b.txt", "x/c.md", "x/y/d.md", ".git/e.md"] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        let names = |pattern| expand(folder.path(), pattern).unwrap().into_keys().collect::<Vec<_>>();
        assert_eq!(names("*.md"), ["a.md"]);
        assert_eq!(names("*/*.md"), ["x/c.md"]);
        assert_eq!(names("**/*.md"), ["a.md", "x/c.md", "x/y/d.md"]);
        assert_eq!(names("**"), ["a.md", "b.txt", "x/c.md", "x/y/d.md"]);
        assert_eq!(names("x/**/d.md"), ["x/y/d.md"]);
        assert!(names("nothing/*.md").is_empty());
    }

    #[test]
    fn the_folder_before_the_first_wildcard_is_split_off() {
        assert_eq!(split("handbook/*.md"), ("handbook/", "*.md"));
        assert_eq!(split("*.md"), ("", "*.md"));
        assert_eq!(split("/a/b/**/c?.md"), ("/a/b/", "**/c?.md"));
    }
}
