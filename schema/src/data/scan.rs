//! Where the parts of a JSON text stand.
//!
//! The text was accepted by `serde_json` before, so this scanner only finds boundaries.

use std::ops::Range;

/// A key of an object with the places of key and value, quotes included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// The entries of a valid JSON object, in their order.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let bytes = text.as_bytes();
    let mut entries = Vec::new();
    let mut at = text.find('{').map_or(bytes.len(), |at| at + 1);
    while let Some(start) = find(bytes, at, |b| b == b'"' || b == b'}') {
        if bytes[start] == b'}' {
            break;
        }
        let key = start..string_end(bytes, start);
        let colon = find(bytes, key.end, |b| b == b':').unwrap_or(bytes.len());
        let from = find(bytes, colon + 1, |b| !b.is_ascii_whitespace()).unwrap_or(bytes.len());
        let value = from..value_end(bytes, from);
        at = value.end;
        entries.push(Entry { key, value });
    }
    entries
}

fn find(bytes: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    (from..bytes.len()).find(|at| wanted(bytes[*at]))
}

/// The end of the string that starts at `start`.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The end of the value that starts at `start`.
fn value_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start;
    let mut depth = 0_usize;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at = string_end(bytes, at);
                if depth == 0 {
                    return at;
                }
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth == 0 => return at,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            b',' if depth == 0 => return at,
            b if depth == 0 && b.is_ascii_whitespace() => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_found_with_its_exact_text() {
        let text = r#" {"a" : "x\"}" , "b":[1,{"c":"]"}],"d":-1.5e3, "e":null}"#;
        let found: Vec<_> =
            entries(text).into_iter().map(|entry| (&text[entry.key], &text[entry.value])).collect();
        let expected = [
            (r#""a""#, r#""x\"}""#),
            (r#""b""#, r#"[1,{"c":"]"}]"#),
            (r#""d""#, "-1.5e3"),
            (r#""e""#, "null"),
        ];
        assert_eq!(found, expected);
        assert!(entries("{}").is_empty());
    }
}
