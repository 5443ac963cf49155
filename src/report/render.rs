//! The three forms of a report.

use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::ReportError;
use super::data::ReportData;
use super::headline::{Headline, headline};
use super::page::{Page, orchestration};

const HTML: &str = include_str!("template/report.html.j2");
const MARKDOWN: &str = include_str!("template/report.md.j2");
const STYLE: &str = include_str!("template/style.css");

/// One HTML page without script, image or font from elsewhere.
///
/// # Errors
/// When a plot or the template cannot be drawn; both would be mistakes in this module.
pub fn html(data: &ReportData) -> Result<String, ReportError> {
    // Names that end in `.html.j2` are escaped; only the plots and the style sheet are marked safe.
    render("report.html.j2", HTML, data)
}

/// The same as Markdown (GitHub's dialect, for its tables).
///
/// # Errors
/// As [`html`].
pub fn markdown(data: &ReportData) -> Result<String, ReportError> {
    render("report.md.j2", MARKDOWN, data)
}

/// The data as indented JSON, with the headline and the orchestration share.
///
/// This is the record for an audit: numbers that pages withhold are in it.
///
/// # Errors
/// When a value has no JSON form.
pub fn json(data: &ReportData) -> Result<String, ReportError> {
    #[derive(Serialize)]
    struct Document<'a> {
        headline: Headline,
        /// In [0, 1]: the share of the run's time in which no job ran.
        orchestration_share: Option<f64>,
        #[serde(flatten)]
        data: &'a ReportData,
    }
    let document =
        Document { headline: headline(&data.view), orchestration_share: orchestration(&data.view), data };
    Ok(serde_json::to_string_pretty(&document)?)
}

fn render(name: &str, template: &str, data: &ReportData) -> Result<String, ReportError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.add_filter("cell", cell);
    environment.add_filter("fenced", fenced);
    environment.add_global("style", STYLE);
    environment.add_template(name, template)?;
    Ok(environment.get_template(name)?.render(Page::new(data)?)?)
}

/// Text in a Markdown table or line: one line, with nothing that Markdown or HTML would read.
fn cell(text: String) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '`' | '*' | '_' | '[' | ']' | '\\' | '#' | '~' => {
                out.push('\\');
                out.push(c);
            }
            other => out.push(other),
        }
    }
    out
}

/// Text in a fence that is longer than any run of backticks in it.
fn fenced(text: String) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}\n{text}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_cells_hold_no_markup() {
        assert_eq!(cell("a|b\n<i>*c*".to_owned()), "a\\|b &lt;i>\\*c\\*");
    }

    #[test]
    fn a_fence_is_longer_than_any_inside() {
        assert_eq!(fenced("x ``` y".to_owned()), "````\nx ``` y\n````");
    }
}
