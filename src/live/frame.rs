//! The frame as a whole: which parts, in which order, and which go first when there is no room.

use ratatui::text::{Line, Span};

use super::palette::Palette;
use super::snapshot::Snapshot;
use super::{budget, candidates, head, job};

/// Widest that a frame gets: longer lines are hard to read.
const WIDEST: usize = 120;

/// Room on the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Columns.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// A part of the frame. The highest rank is left out first.
struct Part {
    rank: u8,
    lines: Vec<Line<'static>>,
}

/// The frame for a snapshot: never wider and never higher than the room.
pub(crate) fn lines(snapshot: &Snapshot, room: Room, palette: Palette) -> Vec<Line<'static>> {
    let width = usize::from(room.width).min(WIDEST);
    let mut top = vec![head::title(snapshot, width, palette), head::stages(snapshot, width, palette)];
    top.extend(head::activity(snapshot, width, palette));
    let part = |rank, lines| Part { rank, lines };
    let mut parts = vec![
        part(0, top),
        part(1, head::verdict(snapshot, width, palette)),
        part(1, head::questions(snapshot, width, palette)),
        part(3, candidates::candidates(snapshot, width, palette)),
        part(2, job::jobs(snapshot, width, palette)),
        part(4, budget::budget(snapshot, width, palette)),
        part(5, head::decisions(snapshot, width, palette)),
        part(1, vec![head::footer(snapshot, width, palette)]),
    ];
    parts.retain(|part| !part.lines.is_empty());
    fit(&mut parts, usize::from(room.height));
    let mut frame = parts.into_iter().map(|part| part.lines).collect::<Vec<_>>().join(&Line::default());
    frame.truncate(usize::from(room.height));
    frame.iter_mut().for_each(|line| clip(line, width));
    frame
}

/// Cuts a line: one that wraps would count as two when the next frame goes back over it.
fn clip(line: &mut Line<'static>, width: usize) {
    let mut left = width;
    for span in &mut line.spans {
        if span.width() > left {
            span.content = cut_to(&span.content, left).into();
        }
        left -= span.width();
    }
}

/// As many characters as fit into `columns`; wide ones count double.
fn cut_to(text: &str, columns: usize) -> String {
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if Span::raw(kept.as_str()).width() > columns {
            kept.pop();
            break;
        }
    }
    kept
}

/// Leaves parts out until the rest fits, the first and most important one excepted.
fn fit(parts: &mut Vec<Part>, height: usize) {
    while parts.len() > 1 && rows(parts) > height {
        let worst = parts.iter().enumerate().max_by_key(|(_, part)| part.rank).map(|(at, _)| at);
        if let Some(at) = worst {
            parts.remove(at);
        }
    }
}

/// Rows of all parts with an empty line between them.
fn rows(parts: &[Part]) -> usize {
    parts.iter().map(|part| part.lines.len() + 1).sum::<usize>().saturating_sub(1)
}
