//! The JSON schema of `project.yaml`, and questions about its parts.
//!
//! The schema is derived from the raw types. What editors read and what the reader checks are
//! therefore the same value.

use std::sync::LazyLock;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::raw::RawSpec;

/// The schema, made once.
static SCHEMA: LazyLock<Value> = LazyLock::new(derive);

/// The JSON schema (draft 2020-12) of `project.yaml`.
pub fn json_schema() -> Value {
    SCHEMA.clone()
}

/// The whole schema as a shape.
pub(super) fn root() -> Shape<'static> {
    Shape(&SCHEMA)
}

fn derive() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<RawSpec>().to_value();
    simplify(&mut schema);
    schema
}

/// Takes out what optional fields and number formats of Rust put in: nothing in the file is null,
/// and a `uint32` has a largest value.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(parts) => parts.iter_mut().for_each(simplify),
        Value::Object(map) => {
            map.values_mut().for_each(simplify);
            drop_null(map);
            let limit = match map.remove("format").as_ref().and_then(Value::as_str) {
                Some("uint32") => Some(u64::from(u32::MAX)),
                Some("uint8") => Some(u64::from(u8::MAX)),
                _ => None,
            };
            if let Some(limit) = limit {
                map.entry("maximum").or_insert(limit.into());
            }
        }
        _ => {}
    }
}

fn drop_null(map: &mut Map<String, Value>) {
    if map.get("default") == Some(&Value::Null) {
        map.remove("default");
    }
    if let Some(Value::Array(types)) = map.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [kind] = types.as_slice() {
            let kind = kind.clone();
            map.insert("type".to_owned(), kind);
        }
    }
    let Some(Value::Array(parts)) = map.get_mut("anyOf") else {
        return;
    };
    parts.retain(|part| part.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(only)] = parts.as_slice() {
        let only = only.clone();
        map.remove("anyOf");
        for (key, value) in only {
            map.entry(key).or_insert(value);
        }
    }
}

/// The kinds of values that a schema can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Integer,
    Truth,
    List,
    Mapping,
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "string" => Self::Text,
            "number" => Self::Number,
            "integer" => Self::Integer,
            "boolean" => Self::Truth,
            "array" => Self::List,
            "object" => Self::Mapping,
            _ => return None,
        })
    }

    fn phrase(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Integer => "a whole number",
            Self::Truth => "true or false",
            Self::List => "a list",
            Self::Mapping => "keys with values",
        }
    }
}

/// A part of the schema.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape<'a>(&'a Value);

impl<'a> Shape<'a> {
    /// Follows a reference to a definition.
    pub(super) fn resolve(self) -> Self {
        let target = self.0.get("$ref").and_then(Value::as_str);
        let pointer = target.and_then(|target| target.strip_prefix('#'));
        let found = pointer.and_then(|pointer| SCHEMA.pointer(pointer));
        found.map_or(self, Shape)
    }

    /// The alternatives of an `anyOf`, or the shape alone; references are followed.
    pub(super) fn alternatives(self) -> Vec<Self> {
        let shape = self.resolve();
        match shape.0.get("anyOf").and_then(Value::as_array) {
            Some(parts) => parts.iter().flat_map(|part| Shape(part).alternatives()).collect(),
            None => vec![shape],
        }
    }

    /// The kinds of values that fit.
    pub(super) fn kinds(self) -> Vec<Kind> {
        if !self.choices().is_empty() {
            return vec![Kind::Text];
        }
        match self.0.get("type") {
            Some(Value::String(name)) => Kind::of(name).into_iter().collect(),
            Some(Value::Array(names)) => {
                names.iter().filter_map(Value::as_str).filter_map(Kind::of).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The texts that fit, where only some do.
    pub(super) fn choices(self) -> Vec<&'a str> {
        let texts = |key: &str| self.0.get(key).and_then(Value::as_array).into_iter().flatten();
        let listed = texts("enum").filter_map(Value::as_str);
        let constants = texts("oneOf").flat_map(|part| {
            let many = part.get("enum").and_then(Value::as_array).into_iter().flatten();
            part.get("const").into_iter().chain(many).filter_map(Value::as_str)
        });
        listed.chain(constants).collect()
    }

    /// The keys that a mapping may have, with their shapes, in the order of the schema.
    pub(super) fn properties(self) -> impl Iterator<Item = (&'a str, Self)> {
        let map = self.0.get("properties").and_then(Value::as_object);
        map.into_iter().flatten().map(|(key, schema)| (key.as_str(), Shape(schema)))
    }

    /// The keys that a mapping must have.
    pub(super) fn required(self) -> impl Iterator<Item = &'a str> {
        let keys = self.0.get("required").and_then(Value::as_array);
        keys.into_iter().flatten().filter_map(Value::as_str)
    }

    /// The shape of a list's items.
    pub(super) fn items(self) -> Option<Self> {
        self.0.get("items").map(Shape)
    }

    /// A numeric keyword, such as `minimum` or `minItems`.
    pub(super) fn number(self, keyword: &str) -> Option<f64> {
        self.0.get(keyword).and_then(Value::as_f64)
    }

    /// What would fit, in words.
    pub(super) fn phrase(self) -> String {
        let parts = self.alternatives();
        let phrases: Vec<String> = parts.into_iter().map(|part| part.phrase_of_one(self)).collect();
        phrases.join(" or ")
    }

    fn phrase_of_one(self, outer: Self) -> String {
        let choices = self.choices();
        if !choices.is_empty() {
            return format!("one of: {}", choices.join(", "));
        }
        let phrase = match self.kinds().as_slice() {
            [Kind::Mapping] => return self.phrase_of_keys(),
            [kind] => kind.phrase(),
            // Anything written on one line: the text is what counts.
            _ => "a text",
        };
        match outer.example().or_else(|| self.example()) {
            Some(example) => format!("{phrase} such as `{example}`"),
            None => phrase.to_owned(),
        }
    }

    fn phrase_of_keys(self) -> String {
        let quoted = |key: &str| format!("`{key}`");
        let required: Vec<String> = self.required().map(quoted).collect();
        match required.as_slice() {
            [] => {
                let known: Vec<&str> = self.properties().map(|(key, _)| key).collect();
                format!("keys among: {}", known.join(", "))
            }
            [only] => format!("the key {only}"),
            keys => format!("the keys {}", keys.join(", ")),
        }
    }

    fn example(self) -> Option<String> {
        let examples = self.0.get("examples").and_then(Value::as_array);
        examples.and_then(|examples| examples.first()).map(written)
    }
}

/// An example as it stands in a file.
fn written(example: &Value) -> String {
    match example {
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(written).collect();
            format!("[{}]", items.join(", "))
        }
        other => other.to_string(),
    }
}
