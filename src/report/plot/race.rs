//! The race of an iteration: a dot and its interval for each candidate.

use empiric_schema::view::{CandidateView, Standing};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::svg::{Area, Drawn, Role, Sheet, axis_end, figure, fitted, tick};
use crate::report::{ReportError, words};

/// Height of a candidate's row in pixels.
const ROW: u32 = 30;
/// Room for the axis and the margins.
const FRAME: u32 = 64;

/// What a race's plot shows.
pub(crate) struct Race<'a> {
    /// Number of the iteration.
    pub iteration: u32,
    /// Candidates, best first.
    pub candidates: &'a [CandidateView],
    /// The incumbent's score on all of dev when the race began.
    pub incumbent: Option<f64>,
}

/// Draws a race.
pub(crate) fn race(race: &Race<'_>) -> Result<String, ReportError> {
    let rows = u32::try_from(race.candidates.len()).unwrap_or(u32::MAX / 64);
    figure("race", &alt(race), rows * ROW + FRAME, |area, sheet| draw(area, race, sheet))
}

fn draw(area: &Area<'_>, race: &Race<'_>, sheet: Sheet) -> Drawn {
    let rows = race.candidates.len() as f64;
    let highs = race.candidates.iter().map(|c| c.interval.high);
    let top = axis_end(highs.chain(race.incumbent));
    let (left, right) = sheet.pick((270, 150), (44, 76));
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(right)
        .margin_left(left)
        .x_label_area_size(46)
        .build_cartesian_2d(0.0..top, -0.5..rows - 0.5)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .x_labels(6)
        .x_label_formatter(&tick)
        .light_line_style(TRANSPARENT)
        .bold_line_style(Role::Grid.colour())
        .axis_style(Role::Muted.colour())
        .label_style(Role::Muted.text(HPos::Center))
        .axis_desc_style(Role::Muted.text(HPos::Center))
        .x_desc("answers that passed (%)")
        .draw()?;
    if let Some(score) = race.incumbent {
        let ends = vec![(score, -0.5), (score, rows - 0.5)];
        chart.draw_series([PathElement::new(ends, Role::Bar.line())])?;
    }
    for (index, candidate) in race.candidates.iter().enumerate() {
        let y = rows - 1.0 - index as f64;
        let role = role(candidate.standing);
        let ends = vec![(candidate.interval.low, y), (candidate.interval.high, y)];
        chart.draw_series([PathElement::new(ends, role.line())])?;
        chart.draw_series([Circle::new((score(candidate), y), 5, role.fill())])?;
        let (_, height) = chart.backend_coord(&(0.0, y));
        labels(area, candidate, height, sheet)?;
    }
    Ok(())
}

/// The name on the left, counts and standing on the right.
fn labels(area: &Area<'_>, candidate: &CandidateView, y: i32, sheet: Sheet) -> Drawn {
    let counts = format!("{}/{}", candidate.passed, candidate.n);
    let note = format!("{counts} {}", words::standing(candidate.standing));
    let right = i32::try_from(sheet.width()).unwrap_or(i32::MAX) - sheet.pick(146, 72);
    area.draw_text(&fitted(&candidate.label, 36), &Role::Ink.text(HPos::Left), (4, y))?;
    if sheet == Sheet::Wide {
        area.draw_text(&fitted(&candidate.change, 222), &Role::Muted.text(HPos::Left), (38, y))?;
    }
    let note = sheet.pick(note, counts);
    area.draw_text(&note, &Role::Muted.text(HPos::Left), (right, y))
}

fn score(candidate: &CandidateView) -> f64 {
    if candidate.n == 0 { 0.0 } else { f64::from(candidate.passed) / f64::from(candidate.n) }
}

fn role(standing: Standing) -> Role {
    match standing {
        Standing::Racing => Role::Dev,
        Standing::Dropped => Role::Dropped,
        Standing::Finalist => Role::Confirm,
        Standing::Promoted => Role::Win,
        Standing::Rejected => Role::Loss,
    }
}

fn alt(race: &Race<'_>) -> String {
    let rows: Vec<_> = race
        .candidates
        .iter()
        .map(|c| {
            let score = words::percent(score(c));
            let interval = words::interval(c.interval);
            format!("{}: {score}, {interval}, {} items, {}", c.label, c.n, words::standing(c.standing))
        })
        .collect();
    format!("Race of iteration {}. {}.", race.iteration, rows.join("; "))
}
