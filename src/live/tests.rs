//! What a person sees while a run goes on.

use std::collections::BTreeMap;
use std::io::Write as _;

use empiric_schema::job::Progress;
use empiric_schema::view::{RunState, Standing};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::widgets::Paragraph;

use super::ansi::LiveView;
use super::follow::Follow;
use super::frame::{Room, lines};
use super::palette::Palette;
use super::plain::PlainView;
use super::{RunningJob, Snapshot};
use crate::report::fixture::{self, Ending, STARTED};

fn racing() -> Snapshot {
    let progress = Progress {
        phase: "generate".to_owned(),
        step: 18,
        total: 32,
        unit: "item".to_owned(),
        metrics: BTreeMap::new(),
        ..Progress::default()
    };
    Snapshot {
        view: fixture::running(),
        iteration: Some(fixture::iteration()),
        jobs: vec![RunningJob {
            label: "iteration 1, round 2, candidate c3".to_owned(),
            progress,
            started: STARTED + 184.0,
        }],
        now: STARTED + 192.0,
    }
}

fn ended(ending: Ending) -> Snapshot {
    let view = fixture::run(ending);
    Snapshot { now: view.updated, view, iteration: None, jobs: Vec::new() }
}

fn drawn(snapshot: &Snapshot, width: u16, height: u16) -> String {
    let frame = lines(snapshot, Room { width, height }, Palette::Colour);
    let rows = u16::try_from(frame.len()).unwrap();
    let mut terminal = Terminal::new(TestBackend::new(width, rows)).unwrap();
    terminal.draw(|f| f.render_widget(Paragraph::new(frame), f.area())).unwrap();
    terminal.backend().to_string()
}

#[test]
fn a_race_on_a_wide_terminal() {
    insta::assert_snapshot!(drawn(&racing(), 110, 50));
}

#[test]
fn a_race_on_a_narrow_terminal() {
    insta::assert_snapshot!(drawn(&racing(), 60, 50));
}

#[test]
fn an_ended_run() {
    insta::assert_snapshot!(drawn(&ended(Ending::Plateau), 80, 50));
}

#[test]
fn the_first_moment_of_a_run() {
    let mut snapshot = racing();
    snapshot.iteration = None;
    snapshot.jobs.clear();
    snapshot.view.measurements.clear();
    snapshot.view.decisions.clear();
    snapshot.view.stage = empiric_schema::view::Stage::Scope;
    snapshot.view.activity = "freezing data and models".to_owned();
    insta::assert_snapshot!(drawn(&snapshot, 80, 24));
}

#[test]
fn a_frame_never_leaves_its_room() {
    for snapshot in [racing(), ended(Ending::Success)] {
        for width in [20, 40, 60, 72, 80, 100, 200] {
            for height in [3, 8, 12, 24, 60] {
                let frame = lines(&snapshot, Room { width, height }, Palette::Plain);
                assert!(frame.len() <= usize::from(height), "{width}x{height}");
                let widest = frame.iter().map(ratatui::text::Line::width).max().unwrap_or(0);
                assert!(widest <= usize::from(width), "{width}x{height}: {widest}");
            }
        }
    }
}

#[test]
fn no_colour_is_used_when_none_is_wanted() {
    for line in lines(&racing(), Room { width: 100, height: 50 }, Palette::Plain) {
        let coloured = line.spans.iter().any(|s| s.style.fg.is_some() || s.style.bg.is_some());
        assert!(!coloured && line.style.fg.is_none(), "{line}");
    }
}

#[test]
fn a_frame_is_drawn_over_the_last_one_and_leaves_nothing_to_restore() {
    let mut bytes = Vec::new();
    {
        let mut view = LiveView::new(&mut bytes, Palette::Plain, || Ok((101, 50)));
        view.update(&racing()).unwrap();
        view.finish(&ended(Ending::Plateau)).unwrap();
    }
    let text = String::from_utf8(bytes).unwrap();
    let rows = lines(&racing(), Room { width: 100, height: 49 }, Palette::Plain).len();
    assert!(text.contains(&format!("\u{1b}[{rows}A")), "the second frame starts where the first did");
    for mode in ["\u{1b}[?25l", "\u{1b}[?1049h"] {
        assert!(!text.contains(mode), "{mode:?} would have to be undone");
    }
}

#[test]
fn control_characters_do_not_reach_the_terminal() {
    let mut snapshot = racing();
    snapshot.view.project = "evil\u{1b}[2Jname".to_owned();
    let mut live = Vec::new();
    LiveView::new(&mut live, Palette::Plain, || Ok((101, 50))).update(&snapshot).unwrap();
    let mut plain = Vec::new();
    PlainView::new(&mut plain).update(&snapshot).unwrap();
    for bytes in [live, plain] {
        assert!(!String::from_utf8(bytes).unwrap().contains("\u{1b}[2J"));
    }
}

fn printed(steps: &[Snapshot]) -> String {
    let mut bytes = Vec::new();
    let mut view = PlainView::new(&mut bytes);
    for (index, snapshot) in steps.iter().enumerate() {
        if index + 1 == steps.len() {
            view.finish(snapshot).unwrap();
        } else {
            view.update(snapshot).unwrap();
        }
    }
    drop(view);
    String::from_utf8(bytes).unwrap()
}

#[test]
fn plain_lines_tell_a_run_from_race_to_end() {
    insta::assert_snapshot!(printed(&[racing(), ended(Ending::Success)]));
}

#[test]
fn plain_lines_say_nothing_twice() {
    let once = printed(&[racing()]);
    let often = printed(&[racing(), racing(), racing()]);
    assert_eq!(once, often);
}

#[test]
fn progress_is_told_every_ten_seconds() {
    let at = |seconds: f64, step: u64| {
        let mut snapshot = racing();
        snapshot.now += seconds;
        snapshot.jobs[0].progress.step = step;
        snapshot
    };
    let text = printed(&[at(0.0, 18), at(4.0, 20), at(9.9, 24), at(10.0, 25), at(21.0, 25)]);
    assert_eq!(text.matches("candidate c3: ").count(), 2, "{text}");
    assert!(text.contains("25/32 items"), "{text}");
}

#[test]
fn a_change_of_one_candidate_is_one_line() {
    let mut next = racing();
    next.iteration.as_mut().unwrap().candidates[1].standing = Standing::Dropped;
    let before = printed(&[racing()]).lines().count();
    let after = printed(&[racing(), next]).lines().count();
    assert_eq!(after, before + 1);
}

#[test]
fn a_paused_run_says_how_to_go_on() {
    let mut snapshot = racing();
    snapshot.view.state = RunState::Paused;
    assert!(drawn(&snapshot, 80, 50).contains("empiric resume staff-handbook-7f3a"));
    assert!(printed(&[snapshot]).contains("paused"));
}

fn asking() -> Snapshot {
    let mut snapshot = racing();
    snapshot.iteration = None;
    snapshot.jobs.clear();
    snapshot.view.activity = "waits for a person: question 1, spend above the limit".to_owned();
    snapshot.view.questions = vec![fixture::question()];
    snapshot
}

#[test]
fn a_run_that_waits_for_a_person() {
    insta::assert_snapshot!(drawn(&asking(), 80, 50));
}

#[test]
fn plain_lines_ask_once_and_once_more_when_the_deadline_is_over() {
    let mut late = asking();
    late.view.questions[0].escalated = Some(late.now);
    let text = printed(&[asking(), asking(), late.clone(), late]);
    assert_eq!(text.matches("a person is needed, question 1 (spend above the limit").count(), 2, "{text}");
    assert!(text.contains("answer with `empiric approve staff-handbook-7f3a` or"), "{text}");
}

/// A frame with its colours for people to look at: `target/live-preview-*.ansi`.
#[test]
fn the_preview_frames_are_written() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, snapshot) in [("race", racing()), ("end", ended(Ending::Success))] {
        let mut bytes = Vec::new();
        LiveView::new(&mut bytes, Palette::Colour, || Ok((111, 50))).update(&snapshot).unwrap();
        let mut file = std::fs::File::create(folder.join(format!("live-preview-{name}.ansi"))).unwrap();
        file.write_all(&bytes).unwrap();
    }
}
