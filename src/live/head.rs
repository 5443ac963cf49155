//! Head and foot of the frame: which run, which stage, what to do.

use empiric_schema::view::{RunState, Stage};
use ratatui::text::{Line, Span};

use super::bars::{cut, wrap};
use super::palette::Palette;
use super::snapshot::Snapshot;
use crate::report::people::how_to_answer;
use crate::report::{Tone, headline, people, words};

/// Project, run and time.
pub(super) fn title(snapshot: &Snapshot, width: usize, palette: Palette) -> Line<'static> {
    let view = &snapshot.view;
    let time = words::duration(snapshot.elapsed());
    let right = format!("{}  {time}", view.run);
    let project = cut(&view.project, width.saturating_sub(right.chars().count() + 2));
    let room = width.saturating_sub(project.chars().count() + right.chars().count());
    Line::from(vec![
        Span::styled(project, palette.strong()),
        Span::raw(" ".repeat(room)),
        Span::styled(cut(&right, width), palette.faint()),
    ])
}

/// The way from scope to done. Where it is too narrow for all names, only the present one is named.
pub(super) fn stages(snapshot: &Snapshot, width: usize, palette: Palette) -> Line<'static> {
    let now = snapshot.view.stage;
    let named = |stage: Stage| width >= 72 || stage == now;
    let mut spans = Vec::new();
    for stage in Stage::ALL {
        let (mark, style) = match place(stage, now) {
            Place::Past => ("\u{2713}", palette.good()),
            Place::Now => ("\u{25cf}", palette.active().patch(palette.strong())),
            Place::Coming => ("\u{25cb}", palette.faint()),
        };
        let name = if named(stage) { format!("{mark} {}", stage.words()) } else { mark.to_owned() };
        if !spans.is_empty() {
            spans.push(Span::styled("  ", palette.faint()));
        }
        spans.push(Span::styled(name, style));
    }
    Line::from(spans)
}

enum Place {
    Past,
    Now,
    Coming,
}

fn place(stage: Stage, now: Stage) -> Place {
    let index = |wanted: Stage| Stage::ALL.iter().position(|s| *s == wanted);
    match index(stage).cmp(&index(now)) {
        _ if now == Stage::Done => Place::Past,
        std::cmp::Ordering::Less => Place::Past,
        std::cmp::Ordering::Equal => Place::Now,
        std::cmp::Ordering::Greater => Place::Coming,
    }
}

/// Iteration, technique and what is going on.
pub(super) fn activity(snapshot: &Snapshot, width: usize, palette: Palette) -> Vec<Line<'static>> {
    if snapshot.view.state == RunState::Finished {
        return Vec::new();
    }
    let mut text = String::new();
    if let Some(iteration) = &snapshot.iteration {
        let (number, most) = (iteration.number, snapshot.view.max_iterations);
        let technique = iteration.technique.replace('_', " ");
        text = format!("Iteration {number} of at most {most}, {technique}: ");
    }
    text.push_str(snapshot.activity());
    let style = palette.active();
    wrap(&text, width, 2).into_iter().map(|line| Line::styled(line, style)).collect()
}

/// The verdict, once there is one.
pub(super) fn verdict(snapshot: &Snapshot, width: usize, palette: Palette) -> Vec<Line<'static>> {
    if snapshot.view.state != RunState::Finished {
        return Vec::new();
    }
    let verdict = headline(&snapshot.view);
    let style = match verdict.tone {
        Tone::Good => palette.good(),
        Tone::Bad => palette.bad(),
        Tone::Open => palette.warn(),
    };
    let mut lines = vec![Line::styled(cut(&verdict.title, width), style.patch(palette.strong()))];
    for text in [verdict.gain, verdict.ended] {
        lines.extend(wrap(&text, width, 3).into_iter().map(Line::from));
    }
    lines
}

/// Questions that wait for a person, with the commands that answer them.
pub(super) fn questions(snapshot: &Snapshot, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let view = &snapshot.view;
    let mut lines = Vec::new();
    for question in view.open_questions() {
        let text = words::full_sentence(&people::headline(question));
        lines.extend(wrap(&text, width, 4).into_iter().map(|line| Line::styled(line, palette.warn())));
        let answer = format!("Answer with {}", how_to_answer(question, view));
        lines.extend(wrap(&answer, width, 2).into_iter().map(Line::from));
    }
    lines
}

/// The last decisions, the newest last.
pub(super) fn decisions(snapshot: &Snapshot, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let view = &snapshot.view;
    let mut lines = Vec::new();
    for record in view.decisions.iter().rev().take(3).rev() {
        let number = format!("{:>3}  ", format!("#{}", record.sequence));
        let room = width.saturating_sub(number.len());
        for (row, text) in wrap(&words::sentence(record, view), room, 2).into_iter().enumerate() {
            let margin = if row == 0 { number.clone() } else { " ".repeat(number.len()) };
            lines.push(Line::from(vec![Span::styled(margin, palette.faint()), Span::raw(text)]));
        }
    }
    lines
}

/// What a person can do now.
pub(super) fn footer(snapshot: &Snapshot, width: usize, palette: Palette) -> Line<'static> {
    let run = &snapshot.view.run;
    let waits = snapshot.view.open_questions().next().is_some();
    let text = match snapshot.view.state {
        RunState::Running if waits => format!("Waits for an answer; `empiric questions {run}` has all of it"),
        RunState::Running => "Ctrl-C stops; `empiric run` goes on".to_owned(),
        RunState::Paused => format!("Paused; `empiric resume {run}` goes on"),
        RunState::Finished => format!("`empiric report {run}` tells the rest"),
    };
    Line::styled(cut(&text, width), palette.faint())
}
