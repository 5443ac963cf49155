//! Jobs in flight: progress, speed and time left.

use ratatui::text::{Line, Span};

use super::bars::{cut, gauge};
use super::palette::Palette;
use super::snapshot::{RunningJob, Snapshot};
use crate::report::words;

/// Most jobs that are shown; the rest is counted.
const SHOWN: usize = 4;

/// Two lines a job.
pub(super) fn jobs(snapshot: &Snapshot, width: usize, palette: Palette) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for job in snapshot.jobs.iter().take(SHOWN) {
        lines.push(Line::from(cut(&job.label, width)));
        lines.push(progress(job, snapshot.now, width, palette));
    }
    if snapshot.jobs.len() > SHOWN {
        let left = format!("and {} more jobs", snapshot.jobs.len() - SHOWN);
        lines.push(Line::styled(left, palette.faint()));
    }
    lines
}

fn progress(job: &RunningJob, now: f64, width: usize, palette: Palette) -> Line<'static> {
    let Some(share) = job.share() else {
        return Line::styled(cut(&figures(job, now), width), palette.faint());
    };
    let bar = (width / 3).clamp(10, 36);
    let (filled, rest) = gauge(share, bar);
    let text = cut(&figures(job, now), width.saturating_sub(bar + 2));
    Line::from(vec![
        Span::styled(filled, palette.active()),
        Span::styled(rest, palette.faint()),
        Span::raw(format!("  {text}")),
    ])
}

/// `18/32 items, 2.1 items/s, 7 s left`, as far as it is known.
pub(super) fn figures(job: &RunningJob, now: f64) -> String {
    let progress = &job.progress;
    let unit = if progress.unit.is_empty() { "step" } else { &progress.unit };
    let mut parts = Vec::new();
    match progress.total {
        0 if progress.phase.is_empty() => parts.push("starting".to_owned()),
        0 => parts.push(progress.phase.clone()),
        total => parts.push(format!("{}/{}", progress.step, words::plural(total, unit))),
    }
    if let Some(speed) = progress.metrics.get("tokens_per_second") {
        parts.push(format!("{speed:.0} tokens/s"));
    } else if let Some(rate) = job.rate(now) {
        parts.push(format!("{rate:.1} {unit}s/s"));
    }
    if let Some(left) = job.time_left(now) {
        parts.push(format!("{} left", words::duration(left.max(1.0).round())));
    }
    parts.join(", ")
}
