//! The templates and what they can do with values.

use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::clock;
use crate::error::GatewayError;

const TEMPLATES: [(&str, &str); 11] = [
    ("base.html.j2", include_str!("template/base.html.j2")),
    ("home.html.j2", include_str!("template/home.html.j2")),
    ("login.html.j2", include_str!("template/login.html.j2")),
    ("run.html.j2", include_str!("template/run.html.j2")),
    ("items.html.j2", include_str!("template/items.html.j2")),
    ("diff.html.j2", include_str!("template/diff.html.j2")),
    ("queue.html.j2", include_str!("template/queue.html.j2")),
    ("empty_queue.html.j2", include_str!("template/empty_queue.html.j2")),
    ("rollout.html.j2", include_str!("template/rollout.html.j2")),
    ("step.html.j2", include_str!("template/step.html.j2")),
    ("error.html.j2", include_str!("template/error.html.j2")),
];

/// Pages by their names. Names that end in `.html.j2` are escaped.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
}

impl Templates {
    /// Compiles all of them.
    pub(crate) fn new() -> Result<Self, GatewayError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        environment.set_lstrip_blocks(true);
        environment.add_filter("percent", percent);
        environment.add_filter("short", short);
        environment.add_filter("time", clock::words);
        environment.add_filter("span", clock::span);
        environment.add_filter("count", count);
        environment.add_filter("urlencode", urlencode);
        environment.add_filter("fixed", |number: f64, digits: usize| format!("{number:.digits$}"));
        for (name, text) in TEMPLATES {
            environment.add_template(name, text)?;
        }
        Ok(Self { environment })
    }

    /// Makes a page.
    pub(crate) fn render<T: Serialize>(&self, name: &str, values: &T) -> Result<String, GatewayError> {
        Ok(self.environment.get_template(name)?.render(Value::from_serialize(values))?)
    }
}

/// A share of 1 as a percentage.
fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// The first digits of a digest.
fn short(digest: String) -> String {
    digest.trim_start_matches("sha256:").chars().take(12).collect()
}

/// A text as a part of an address: everything but letters, digits and `-._~` (RFC 3986) as percent and digits.
fn urlencode(text: String) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A whole number with thin spaces between thousands.
pub(super) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    if number < 0 { format!("\u{2212}{out}") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_templates_compile_and_escape() {
        let templates = Templates::new().unwrap();
        let values = serde_json::json!({
            "project": "p", "reader": "r", "is_signed_in": true, "waiting": 0, "now": 0.0,
            "title": "<script>alert(1)</script>", "message": "a & b",
        });
        let page = templates.render("error.html.j2", &values).unwrap();
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>alert"), "{page}");
    }

    #[test]
    fn parts_of_addresses_hold_no_mark_of_their_own() {
        assert_eq!(urlencode("a-1/..?x=ü".to_owned()), "a-1%2F..%3Fx%3D%C3%BC");
    }

    #[test]
    fn numbers_are_written_for_people() {
        assert_eq!(
            (count(1_234_567).as_str(), count(-12).as_str()),
            ("1\u{2009}234\u{2009}567", "\u{2212}12")
        );
        assert_eq!(
            (percent(0.1234).as_str(), short(format!("sha256:{}", "a".repeat(64))).len()),
            ("12.3 %", 12)
        );
    }
}
