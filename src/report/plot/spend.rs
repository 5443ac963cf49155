//! Spend against budget, and how the time was split.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::svg::{Area, Drawn, Role, Sheet, figure, key};
use crate::report::budget::Gauge;
use crate::report::{ReportError, words};

/// Height of a row in pixels: a line of text and a bar.
const ROW: i32 = 52;
/// Distance from the left and right edges.
const EDGE: i32 = 4;

/// Draws a bar for each limit; the dashed line is where the run warns.
pub(crate) fn spend(gauges: &[Gauge]) -> Result<String, ReportError> {
    let rows = u32::try_from(gauges.len()).unwrap_or(u32::MAX / 64);
    let alt = gauges.iter().map(text).collect::<Vec<_>>().join("; ");
    figure("spend", &format!("Spend against budget. {alt}."), rows * ROW.unsigned_abs(), |area, sheet| {
        (0..).zip(gauges).try_for_each(|(row, gauge)| draw(area, gauge, row * ROW, sheet))
    })
}

fn text(gauge: &Gauge) -> String {
    let share = gauge.share.map_or_else(String::new, |share| format!(" ({})", words::percent(share)));
    format!("{}: {}{share}", gauge.name, gauge.figures)
}

fn draw(area: &Area<'_>, gauge: &Gauge, top: i32, sheet: Sheet) -> Drawn {
    area.draw_text(&text(gauge), &Role::Ink.text(HPos::Left), (EDGE, top + 12))?;
    let Some(share) = gauge.share else {
        return Ok(());
    };
    let (from, to) = (top + 24, top + 40);
    area.draw(&bar(0.0, 1.0, (from, to), Role::Grid, sheet))?;
    let role = if gauge.warns() { Role::Loss } else { Role::Dev };
    area.draw(&bar(0.0, share.clamp(0.0, 1.0), (from, to), role, sheet))?;
    let warn = place(gauge.warn_at, sheet);
    let line = vec![(warn, from - 4), (warn, to + 4)];
    area.draw(&PathElement::new(line, Role::Bar.line()))
}

/// Where a share of the full width lies, in pixels.
fn place(share: f64, sheet: Sheet) -> i32 {
    let width = f64::from(sheet.width()) - 2.0 * f64::from(EDGE);
    EDGE + (share * width).round() as i32
}

fn bar(from: f64, to: f64, rows: (i32, i32), role: Role, sheet: Sheet) -> Rectangle<(i32, i32)> {
    Rectangle::new([(place(from, sheet), rows.0), (place(to, sheet), rows.1)], role.fill())
}

/// Draws the time of a run as jobs and orchestration; `orchestration` is its share in [0, 1].
pub(crate) fn time_split(seconds: f64, orchestration: f64) -> Result<String, ReportError> {
    let jobs = words::duration(seconds * (1.0 - orchestration));
    let rest = words::duration(seconds * orchestration);
    let share = words::percent(orchestration);
    let alt = format!("Time: jobs {jobs}, orchestration {rest} ({share}).");
    figure("time split", &alt, ROW.unsigned_abs(), |area, sheet| {
        let after = key(area, Role::Dev, &format!("jobs {jobs}"), EDGE)?;
        key(area, Role::Confirm, &format!("orchestration {rest} ({share})"), after)?;
        area.draw(&bar(0.0, 1.0 - orchestration, (24, 40), Role::Dev, sheet))?;
        area.draw(&bar(1.0 - orchestration, 1.0, (24, 40), Role::Confirm, sheet))
    })
}
