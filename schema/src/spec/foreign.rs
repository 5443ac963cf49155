//! YAML of other tools, such as promptfoo's configuration: plain values, read with the same limits.

use serde_json::{Map, Value};

use super::diagnostic::{Diagnostics, Text};
use super::reader::{Scalar, resolve};
use super::tree::{self, Content, Node};

/// Reads a YAML text without anchors, aliases and tags as plain values. An empty text is null.
/// `file_name` only serves the messages.
///
/// # Errors
/// What is not YAML, or not of the plain part of it, with its place.
pub fn read_yaml(file_name: &str, text: &str) -> Result<Value, Diagnostics> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (root, problems) = tree::read(text);
    match problems.is_empty() {
        true => Ok(root.as_ref().map_or(Value::Null, value)),
        false => Err(Diagnostics::new(file_name, &Text::new(text, &[]), problems)),
    }
}

/// A key that is no scalar has no name and is left out with its value.
fn value(node: &Node) -> Value {
    match &node.content {
        Content::Mapping(entries) => {
            let named = entries.iter().filter_map(|(key, node)| Some((key.text()?.to_owned(), value(node))));
            Value::Object(named.collect::<Map<_, _>>())
        }
        Content::Sequence(items) => Value::Array(items.iter().map(value).collect()),
        Content::Scalar { text, style } => match resolve(text, *style) {
            Scalar::Nothing => Value::Null,
            Scalar::Truth(truth) => Value::Bool(truth),
            Scalar::Number(number) => Value::Number(number),
            Scalar::Text => Value::String(text.clone()),
        },
        Content::Refused => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_have_the_types_of_yaml() {
        let text = "tests:\n  - vars: {question: 'How many?', n: 3}\n    on: true\n    no:\n";
        let read = read_yaml("x.yaml", text).unwrap();
        assert_eq!(
            read,
            json!({"tests": [{"vars": {"question": "How many?", "n": 3}, "on": true, "no": null}]})
        );
        assert_eq!(read_yaml("x.yaml", "").unwrap(), Value::Null);
    }

    #[test]
    fn what_is_no_plain_yaml_is_told_with_its_line() {
        let told = read_yaml("x.yaml", "a: 1\nb: [1, 2\n").unwrap_err().to_string();
        assert!(told.contains("x.yaml:"), "{told}");
        let told = read_yaml("x.yaml", "a: &x 1\nb: *x\n").unwrap_err().to_string();
        assert!(told.contains("an anchor is not accepted here"), "{told}");
    }
}
