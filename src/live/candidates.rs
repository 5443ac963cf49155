//! The table of candidates: score, interval, items and standing.

use empiric_schema::view::{CandidateView, Measurement, Standing};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::bars::{cut, interval};
use super::palette::Palette;
use super::snapshot::Snapshot;
use crate::report::words;

/// Most candidates that are shown; the rest is counted.
const SHOWN: usize = 8;
/// Columns of everything but the interval and the change: label, score, counts, standing.
const FIXED: usize = 5 + 7 + 9 + 16;

/// Head, rows and a count of what is left out; nothing before the first race.
pub(super) fn candidates(snapshot: &Snapshot, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let Some(race) = snapshot.race().filter(|race| !race.candidates.is_empty()) else {
        return Vec::new();
    };
    let mut measured = snapshot.view.measurements.iter();
    let incumbent = measured.rfind(|m| m.split == "dev" && m.iteration < race.number);
    let scale = Scale::new(&race.candidates, incumbent.map(Measurement::accuracy), width);
    let mut lines = vec![head(&scale, palette)];
    lines.extend(race.candidates.iter().take(SHOWN).map(|c| row(c, &scale, palette)));
    if race.candidates.len() > SHOWN {
        let left = format!("     and {} more", race.candidates.len() - SHOWN);
        lines.push(Line::styled(left, palette.faint()));
    }
    lines
}

/// What all rows of a table share.
struct Scale {
    /// Right end of the intervals' scale, a share.
    top: f64,
    /// The incumbent's score.
    incumbent: Option<f64>,
    /// Cells of an interval.
    bar: usize,
    /// Cells for what makes a candidate different; 0 hides it.
    change: usize,
}

impl Scale {
    fn new(candidates: &[CandidateView], incumbent: Option<f64>, width: usize) -> Self {
        let highs = candidates.iter().map(|c| c.interval.high);
        let largest = highs.chain(incumbent).fold(0.1, f64::max).min(1.0);
        let room = width.saturating_sub(FIXED);
        let bar = if room > 46 { 28 } else { room.clamp(10, 30) };
        let change = room.saturating_sub(bar + 2);
        Self {
            top: (largest * 10.0 - 1e-9).ceil() / 10.0,
            incumbent,
            bar,
            change: if change < 12 { 0 } else { change },
        }
    }
}

fn head(scale: &Scale, palette: Palette) -> Line<'static> {
    let right = words::percent(scale.top);
    let legend = if scale.incumbent.is_some() { "0 %  \u{2506} incumbent" } else { "0 %" };
    let legend = cut(legend, scale.bar.saturating_sub(right.chars().count() + 1));
    let gap = scale.bar.saturating_sub(legend.chars().count() + right.chars().count());
    let bar = format!("{legend}{}{right}", " ".repeat(gap));
    let change = if scale.change > 0 { "change" } else { "" };
    let text = format!("{:<5}{bar}{:>7}{:>9}  {:<14}{change}", "", "score", "passed", "standing");
    Line::styled(text.trim_end().to_owned(), palette.faint())
}

fn row(candidate: &CandidateView, scale: &Scale, palette: Palette) -> Line<'static> {
    let style = style(candidate.standing, palette);
    let score = if candidate.n == 0 { 0.0 } else { f64::from(candidate.passed) / f64::from(candidate.n) };
    let measured = candidate.n > 0;
    let [before, inside, after] = if measured {
        interval(score, candidate.interval, scale.top, scale.incumbent, scale.bar)
    } else {
        [" ".repeat(scale.bar), String::new(), String::new()]
    };
    let percent = if measured { format!("{:.0} %", score * 100.0) } else { "\u{2013}".to_owned() };
    let counts = format!("{}/{}", candidate.passed, candidate.n);
    let mut spans = vec![
        Span::styled(format!("{:<5}", cut(&candidate.label, 4)), style.patch(palette.strong())),
        Span::styled(before, palette.faint()),
        Span::styled(inside, style),
        Span::styled(after, palette.faint()),
        Span::styled(format!("{percent:>7}{counts:>9}  "), style),
        Span::styled(format!("{:<14}", words::standing(candidate.standing)), style),
    ];
    if scale.change > 0 {
        spans.push(Span::styled(cut(&candidate.change, scale.change), palette.faint()));
    }
    Line::from(spans)
}

fn style(standing: Standing, palette: Palette) -> Style {
    match standing {
        Standing::Racing => Style::new(),
        Standing::Finalist => palette.active(),
        Standing::Promoted => palette.good(),
        Standing::Rejected => palette.warn(),
        Standing::Dropped => palette.faint(),
    }
}
