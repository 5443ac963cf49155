//! Checks a tree against the schema, and turns what fits into JSON for the raw types.
//!
//! Everything that does not fit is reported and left out, so that the rest can be checked further.

use std::ops::Range;

use serde_json::{Map, Value};

use super::diagnostic::{ErrorCode, Problem, nearest};
use super::shape::{Kind, Shape};
use super::tree::{Content, Node, Style};

/// Reads a whole file.
pub(super) fn read(root: &Node, shape: Shape<'_>) -> (Value, Vec<Problem>) {
    let mut reader = Reader { problems: Vec::new() };
    let place = match &root.content {
        Content::Mapping(entries) => entries.first().map(|(key, _)| key.range.clone()),
        _ => None,
    };
    let place = place.unwrap_or_else(|| root.range.clone());
    let value = reader.value(root, shape, &place, "the file");
    (value.unwrap_or_else(|| Value::Object(Map::new())), reader.problems)
}

struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    /// `place` is where problems of the whole value are shown, `name` what it is called there.
    fn value(&mut self, node: &Node, shape: Shape<'_>, place: &Range<usize>, name: &str) -> Option<Value> {
        let parts = shape.alternatives();
        let fitting = parts.iter().copied().find(|part| fits(node, *part));
        match (&node.content, fitting) {
            (Content::Refused, _) => None,
            (Content::Mapping(entries), Some(part)) => Some(self.mapping(entries, part, place, name)),
            (Content::Sequence(items), Some(part)) => Some(self.sequence(items, part, place, name)),
            (Content::Scalar { text, style }, Some(part)) => self.scalar(text, *style, part, place, name),
            (_, None) => self.mismatch(node, shape, place, name),
        }
    }

    fn mismatch(&mut self, node: &Node, shape: Shape<'_>, place: &Range<usize>, name: &str) -> Option<Value> {
        let found = found(node);
        let message = match found.as_str() {
            "nothing" => format!("{name} has no value"),
            found => format!("{name} has the wrong type: found {found}"),
        };
        let problem = Problem::new(ErrorCode::WrongType, place.clone(), message);
        let problem = problem.expected(shape.phrase());
        self.problems.push(match type_help(node, shape) {
            Some(help) => problem.help(help),
            None => problem,
        });
        None
    }

    fn mapping(
        &mut self,
        entries: &[(Node, Node)],
        shape: Shape<'_>,
        place: &Range<usize>,
        name: &str,
    ) -> Value {
        // Every key that stands there, an unknown one too: what it was meant to be is not missing.
        let mut map = Map::new();
        let mut seen: Vec<&str> = Vec::new();
        for (key, value) in entries {
            let Some(text) = key.text() else {
                self.odd_key(key);
                continue;
            };
            if seen.contains(&text) {
                self.duplicate_key(key, text);
                continue;
            }
            seen.push(text);
            let Some((_, part)) = shape.properties().find(|(known, _)| *known == text) else {
                self.unknown_key(key, text, shape);
                continue;
            };
            let place = value.place(key);
            if let Some(value) = self.value(value, part, &place, &format!("`{text}`")) {
                map.insert(text.to_owned(), value);
            }
        }
        self.missing_keys(&seen, shape, place, name);
        Value::Object(map)
    }

    fn odd_key(&mut self, key: &Node) {
        if !matches!(key.content, Content::Refused) {
            let message = "a key is not a text";
            let problem = Problem::new(ErrorCode::WrongType, key.range.clone(), message);
            self.problems.push(
                problem
                    .expected("a plain word before the colon")
                    .help("put a text that begins with `{` or `[` in quotes"),
            );
        }
    }

    fn duplicate_key(&mut self, key: &Node, text: &str) {
        let message = format!("the key `{text}` is given twice");
        let problem = Problem::new(ErrorCode::DuplicateKey, key.range.clone(), message);
        self.problems.push(problem.expected("each key once").help("keep one of the two"));
    }

    fn unknown_key(&mut self, key: &Node, text: &str, shape: Shape<'_>) {
        let known: Vec<&str> = shape.properties().map(|(key, _)| key).collect();
        let message = format!("unknown key `{text}`");
        let problem = Problem::new(ErrorCode::UnknownKey, key.range.clone(), message);
        let expected = match known.as_slice() {
            [only] => format!("the key {only}"),
            known => format!("one of: {}", known.join(", ")),
        };
        self.problems.push(problem.expected(expected).nearest(text, known));
    }

    fn missing_keys(&mut self, seen: &[&str], shape: Shape<'_>, place: &Range<usize>, name: &str) {
        let given = |key: &str| seen.iter().any(|seen| nearest(seen, [key]).is_some());
        for key in shape.required().filter(|key| !given(key)) {
            let message = format!("{name} lacks the key `{key}`");
            let part = shape.properties().find(|(known, _)| *known == key);
            let phrase = part.map_or_else(String::new, |(_, part)| part.phrase());
            let problem = Problem::new(ErrorCode::MissingKey, place.clone(), message);
            self.problems.push(problem.expected(format!("`{key}:` with {phrase}")));
        }
    }

    /// An item that does not fit becomes null, so that the others keep their positions.
    fn sequence(&mut self, items: &[Node], shape: Shape<'_>, place: &Range<usize>, name: &str) -> Value {
        let least = shape.number("minItems").unwrap_or(0.0);
        if (items.len() as f64) < least {
            let message = format!("{name} has too few entries: {}", items.len());
            let problem = Problem::new(ErrorCode::OutOfRange, place.clone(), message);
            self.problems.push(problem.expected(format!("at least {least}")));
        }
        let Some(part) = shape.items() else {
            return Value::Array(Vec::new());
        };
        let read = |(at, item): (usize, &Node)| {
            let name = format!("entry {} of {name}", at + 1);
            self.value(item, part, &item.range, &name).unwrap_or(Value::Null)
        };
        Value::Array(items.iter().enumerate().map(read).collect())
    }

    fn scalar(
        &mut self,
        text: &str,
        style: Style,
        shape: Shape<'_>,
        place: &Range<usize>,
        name: &str,
    ) -> Option<Value> {
        if shape.kinds().contains(&Kind::Text) {
            return self.text(text, shape, place, name);
        }
        match resolve(text, style) {
            Scalar::Truth(truth) => Some(Value::Bool(truth)),
            Scalar::Number(number) => self.number(number, text, shape, place, name),
            Scalar::Nothing | Scalar::Text => None,
        }
    }

    fn text(&mut self, text: &str, shape: Shape<'_>, place: &Range<usize>, name: &str) -> Option<Value> {
        let choices = shape.choices();
        if !choices.is_empty() && !choices.contains(&text) {
            let message = format!("{name} cannot be `{text}`");
            let problem = Problem::new(ErrorCode::UnknownValue, place.clone(), message);
            self.problems.push(problem.expected(shape.phrase()).nearest(text, choices));
            return None;
        }
        if text.is_empty() && shape.number("minLength").is_some_and(|least| least > 0.0) {
            let message = format!("{name} is empty");
            let problem = Problem::new(ErrorCode::OutOfRange, place.clone(), message);
            self.problems.push(problem.expected(shape.phrase()));
            return None;
        }
        Some(Value::String(text.to_owned()))
    }

    fn number(
        &mut self,
        number: serde_json::Number,
        text: &str,
        shape: Shape<'_>,
        place: &Range<usize>,
        name: &str,
    ) -> Option<Value> {
        let value = number.as_f64().unwrap_or(f64::INFINITY);
        if let Some(range) = violated_range(value, shape) {
            let message = format!("{name} is out of range: {text}");
            let problem = Problem::new(ErrorCode::OutOfRange, place.clone(), message);
            self.problems.push(problem.expected(range));
            return None;
        }
        Some(Value::Number(number))
    }
}

/// What a scalar stands for under the core schema of YAML 1.2.
pub(super) enum Scalar {
    Nothing,
    Truth(bool),
    Number(serde_json::Number),
    Text,
}

pub(super) fn resolve(text: &str, style: Style) -> Scalar {
    if style == Style::Text {
        return Scalar::Text;
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Scalar::Nothing,
        "true" | "True" | "TRUE" => Scalar::Truth(true),
        "false" | "False" | "FALSE" => Scalar::Truth(false),
        _ => number(text).map_or(Scalar::Text, Scalar::Number),
    }
}

fn number(text: &str) -> Option<serde_json::Number> {
    let digits = text.trim_start_matches(['+', '-']);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let plain = text.strip_prefix('+').unwrap_or(text);
    if let Ok(whole) = plain.parse::<u64>() {
        return Some(whole.into());
    }
    match plain.parse::<i64>() {
        Ok(whole) => Some(whole.into()),
        Err(_) => plain.parse().ok().and_then(serde_json::Number::from_f64),
    }
}

/// Whether the node is of a kind that the shape asks for.
fn fits(node: &Node, shape: Shape<'_>) -> bool {
    let kinds = shape.kinds();
    match &node.content {
        Content::Mapping(_) => kinds.contains(&Kind::Mapping),
        Content::Sequence(_) => kinds.contains(&Kind::List),
        Content::Scalar { text, style } => match resolve(text, *style) {
            Scalar::Nothing => false,
            Scalar::Text => kinds.contains(&Kind::Text),
            Scalar::Truth(_) => kinds.contains(&Kind::Truth),
            Scalar::Number(number) => {
                let whole = number.is_u64() || number.is_i64();
                kinds.contains(&Kind::Number) || (whole && kinds.contains(&Kind::Integer))
            }
        },
        Content::Refused => false,
    }
}

/// What stands there, in words.
fn found(node: &Node) -> String {
    match &node.content {
        Content::Mapping(_) => "keys with values".to_owned(),
        Content::Sequence(_) => "a list".to_owned(),
        Content::Refused => "nothing".to_owned(),
        Content::Scalar { text, style } => match resolve(text, *style) {
            Scalar::Nothing => "nothing".to_owned(),
            Scalar::Truth(truth) => format!("the truth value {truth}"),
            Scalar::Number(number) => format!("the number {number}"),
            Scalar::Text => "a text".to_owned(),
        },
    }
}

fn type_help(node: &Node, shape: Shape<'_>) -> Option<String> {
    let Content::Scalar { text, style } = &node.content else {
        return None;
    };
    let kinds: Vec<Kind> = shape.alternatives().into_iter().flat_map(Shape::kinds).collect();
    let wants = |kind| kinds.contains(&kind);
    let quoted = *style == Style::Text;
    let is_number = number(text).is_some();
    match text.to_lowercase().as_str() {
        _ if matches!(resolve(text, *style), Scalar::Nothing) => {
            Some("give it a value, or take the key out".to_owned())
        }
        "yes" | "on" if wants(Kind::Truth) => Some("write `true`".to_owned()),
        "no" | "off" if wants(Kind::Truth) => Some("write `false`".to_owned()),
        _ if wants(Kind::Text) => Some(format!("put it in quotes: \"{text}\"")),
        _ if wants(Kind::List) => Some(format!("put it in brackets: [{text}]")),
        _ if quoted && is_number => Some("take the quotes away".to_owned()),
        _ => None,
    }
}

/// The range that a number should lie in, if it does not.
fn violated_range(value: f64, shape: Shape<'_>) -> Option<String> {
    let above = shape.number("exclusiveMinimum");
    let below = shape.number("exclusiveMaximum");
    let (least, most) = (shape.number("minimum"), shape.number("maximum"));
    let fits = above.is_none_or(|bound| value > bound)
        && below.is_none_or(|bound| value < bound)
        && least.is_none_or(|bound| value >= bound)
        && most.is_none_or(|bound| value <= bound);
    if fits {
        return None;
    }
    if let (Some(least), Some(most)) = (least, most) {
        return Some(format!("a number from {least} to {most}"));
    }
    let bound = |words: &str, bound: Option<f64>| bound.map(|bound| format!("{words} {bound}"));
    let words = [
        bound("above", above),
        bound("of at least", least),
        bound("below", below),
        bound("of at most", most),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    Some(format!("a number {}", words.join(" and ")))
}
