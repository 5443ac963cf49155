//! Spend against budget.

use ratatui::text::{Line, Span};

use super::bars::{cut, gauge};
use super::palette::Palette;
use super::snapshot::Snapshot;
use crate::report::budget::{Gauge, gauges};
use crate::report::words;

/// One line for each limit, and for what is spent without one.
pub(super) fn budget(snapshot: &Snapshot, width: usize, palette: Palette) -> Vec<Line<'static>> {
    gauges(&snapshot.view, snapshot.clock()).iter().map(|gauge| row(gauge, width, palette)).collect()
}

fn row(limit: &Gauge, width: usize, palette: Palette) -> Line<'static> {
    let cells = (width / 5).clamp(8, 28);
    let style = if limit.warns() { palette.warn() } else { palette.active() };
    let (filled, rest) = limit.share.map_or_else(|| (String::new(), " ".repeat(cells)), |s| gauge(s, cells));
    let share = limit.share.map_or_else(String::new, |share| format!("  {}", words::percent(share)));
    let alarm = if limit.warns() { "  nearly used up" } else { "" };
    let text = format!("  {}{share}{alarm}", limit.figures);
    Line::from(vec![
        Span::raw(format!("{:<13}", limit.name)),
        Span::styled(filled, style),
        Span::styled(rest, palette.faint()),
        Span::styled(
            cut(&text, width.saturating_sub(13 + cells)),
            if limit.warns() { style } else { palette.faint() },
        ),
    ])
}
