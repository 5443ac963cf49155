//! What a reader must find in a report, and what must never be in one.

use std::path::Path;

use empiric_schema::decision::Decision;
use empiric_schema::question::{PersonAnswer, Question, Remark};
use empiric_schema::view::RunState;

use super::fixture::{Ending, STARTED, question, report, running};
use super::{ReportData, Tone, headline, html, json, markdown};

/// A place for people to look at: `target/report-preview*.html`.
fn preview(name: &str, page: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join(name), page).unwrap();
}

#[test]
fn the_preview_page_is_written() {
    preview("report-preview.html", &html(&report(Ending::Plateau)).unwrap());
    preview("report-preview-success.html", &html(&report(Ending::Success)).unwrap());
}

#[test]
fn model_output_is_escaped() {
    let page = html(&report(Ending::Success)).unwrap();
    assert!(!page.contains("<script"), "a script of an answer is live");
    assert!(page.contains("&lt;script&gt;alert(1)&lt;&#x2f;script&gt;"));
    assert!(page.contains("&lt;b&gt;nuts"));
    let text = markdown(&report(Ending::Success)).unwrap();
    assert!(!text.contains("<script"));
    assert!(text.contains("\\| \\`Look\\` it up"));
}

#[test]
fn what_people_were_asked_and_said_is_in_the_report_and_escaped() {
    let mut data = report(Ending::Success);
    let note = "fine <script>alert(2)</script>".to_owned();
    let answer = PersonAnswer { approved: true, by: "ada".to_owned(), note, at: STARTED + 240.0 };
    data.view.questions = vec![Question { answer: Some(answer), ..question() }];
    data.view.remarks = vec![Remark {
        number: 1,
        by: "bob".to_owned(),
        text: "too long | too dear".to_owned(),
        item: None,
        expected: Some("12".to_owned()),
        at: STARTED,
    }];
    let page = html(&data).unwrap();
    assert!(page.contains("What people were asked and said") && !page.contains("<script"));
    assert!(page.contains("Approved by ada after 1 min: fine &lt;script&gt;"));
    let text = markdown(&data).unwrap();
    assert!(text.contains("bob: too long \\| too dear (right would be: 12)"), "{text}");
    assert!(!markdown(&report(Ending::Success)).unwrap().contains("What people were asked"));
}

#[test]
fn the_page_loads_nothing_from_elsewhere() {
    let page = html(&report(Ending::Success)).unwrap();
    for outside in ["http:", "https:", "src=", "@import", "url(", "<link"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn every_plot_has_a_name_and_every_table_a_caption() {
    let page = html(&report(Ending::Success)).unwrap();
    assert_eq!(page.matches("<svg").count(), page.matches("role=\"img\" aria-label=\"").count());
    assert_eq!(page.matches("<table").count(), page.matches("<caption>").count());
    assert_eq!(page.matches("<h1>").count(), 1);
}

#[test]
fn a_run_without_promotion_says_that_nothing_beat_the_noise() {
    let line = headline(&report(Ending::Plateau).view);
    assert_eq!(line.tone, Tone::Bad);
    assert_eq!(line.title, "Promise not kept");
    assert!(line.gain.starts_with("Nothing beat the noise"), "{}", line.gain);
    assert!(line.ended.contains("nothing left to try"), "{}", line.ended);
}

#[test]
fn a_promotion_is_told_with_its_counts() {
    let line = headline(&report(Ending::Success).view);
    assert_eq!((line.tone, line.title.as_str()), (Tone::Good, "Promise kept"));
    assert!(line.gain.contains("c3 (16 wins, 2 losses, 50 ties"), "{}", line.gain);
}

#[test]
fn a_run_that_goes_on_has_no_verdict() {
    let line = headline(&running());
    assert_eq!(line.title, "No verdict yet: the run goes on");
    assert!(line.ended.contains("3 min 12 s"), "{}", line.ended);
}

#[test]
fn the_orchestration_share_is_printed() {
    assert!(html(&report(Ending::Plateau)).unwrap().contains("orchestration took the other 2.7 %"));
    assert!(json(&report(Ending::Plateau)).unwrap().contains("\"orchestration_share\": 0.027"));
}

#[test]
fn numbers_of_a_look_that_may_not_be_shown_are_withheld() {
    let mut data = report(Ending::Plateau);
    for record in &mut data.view.decisions {
        if let Decision::Gate { shown, .. } = &mut record.decision {
            shown.clear();
        }
    }
    data.view.measurements.retain(|m| m.split != "test");
    for page in [html(&data).unwrap(), markdown(&data).unwrap()] {
        assert!(page.contains("withheld"));
        assert!(!page.contains("12 of 100 (12 %)"));
    }
}

#[test]
fn a_run_without_anything_still_has_a_report() {
    let mut view = running();
    view.measurements.clear();
    view.decisions.clear();
    view.incumbent = None;
    view.updated = view.started;
    view.busy_seconds = 0.0;
    view.state = RunState::Paused;
    let data = ReportData { view, versions: Vec::new(), items: Vec::new(), readings: Vec::new(), environment: Vec::new() };
    let page = html(&data).unwrap();
    assert!(page.contains("the run is paused"));
    assert!(page.contains("not tested"));
    assert!(markdown(&data).unwrap().contains("not tested"));
}

#[test]
fn the_markdown_report_reads_as_recorded() {
    insta::assert_snapshot!(markdown(&report(Ending::Plateau)).unwrap());
}

#[test]
fn the_json_report_can_be_read_again() {
    let text = json(&report(Ending::Success)).unwrap();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["headline"]["title"], "Promise kept");
    assert_eq!(value["view"]["project"], "staff-handbook");
    assert_eq!(value["items"].as_array().unwrap().len(), 5);
}
