//! Paired comparisons: items that only one of two versions got right.

use empiric_schema::evidence::PairedCounts;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::svg::{Area, Drawn, Role, Sheet, figure, fitted};
use crate::report::{ReportError, words};

/// Height of a comparison's row in pixels.
const ROW: u32 = 58;
/// Room for the axis and the margins.
const FRAME: u32 = 64;

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// One comparison.
pub(crate) struct Duel {
    /// `c3 against first`.
    pub name: String,
    /// What was counted.
    pub counts: PairedCounts,
}

/// Draws all comparisons: wins to the right, losses to the left.
pub(crate) fn paired(duels: &[Duel]) -> Result<String, ReportError> {
    let rows = u32::try_from(duels.len()).unwrap_or(u32::MAX / 64);
    figure("paired", &alt(duels), rows * ROW + FRAME, |area, sheet| draw(area, duels, sheet))
}

fn draw(area: &Area<'_>, duels: &[Duel], sheet: Sheet) -> Drawn {
    let largest = duels.iter().map(|d| d.counts.wins.max(d.counts.losses)).max().unwrap_or(0);
    // A quarter more than the longest bar leaves room for the figure at its end.
    let end = (largest.max(4) as f64 * sheet.pick(1.25, 1.6)).ceil();
    let rows = duels.len() as f64;
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .x_label_area_size(46)
        .build_cartesian_2d(-end..end, -0.5..rows - 0.5)?;
    chart
        .configure_mesh()
        .disable_mesh()
        .disable_y_axis()
        .x_labels(sheet.pick(9, 5))
        .x_label_formatter(&|x| {
            if x.fract() == 0.0 { format!("{:.0}", x.abs()) } else { String::new() }
        })
        .axis_style(Role::Muted.colour())
        .label_style(Role::Muted.text(HPos::Center))
        .axis_desc_style(Role::Muted.text(HPos::Center))
        .x_desc(sheet.pick("items that only one of the two got right", "items that only one got right"))
        .draw()?;
    for (index, duel) in duels.iter().enumerate() {
        row(area, &mut chart, duel, rows - 1.0 - index as f64, sheet)?;
    }
    Ok(())
}

fn row(area: &Area<'_>, chart: &mut Chart<'_, '_>, duel: &Duel, y: f64, sheet: Sheet) -> Drawn {
    let (wins, losses) = (duel.counts.wins as f64, duel.counts.losses as f64);
    chart.draw_series([
        Rectangle::new([(0.0, y - 0.3), (wins, y + 0.1)], Role::Win.fill()),
        Rectangle::new([(-losses, y - 0.3), (0.0, y + 0.1)], Role::Loss.fill()),
    ])?;
    let zero = vec![(0.0, y - 0.36), (0.0, y + 0.16)];
    chart.draw_series([PathElement::new(zero, Role::Ink.line())])?;
    let (right, height) = chart.backend_coord(&(wins, y - 0.1));
    let (left, _) = chart.backend_coord(&(-losses, y));
    let (_, top) = chart.backend_coord(&(0.0, y + 0.33));
    let won = words::plural(duel.counts.wins, "win");
    area.draw_text(&won, &Role::Ink.text(HPos::Left), (right + 7, height))?;
    let lost = lost(duel.counts.losses);
    area.draw_text(&lost, &Role::Ink.text(HPos::Right), (left - 7, height))?;
    let name = format!("{} ({})", duel.name, words::plural(duel.counts.ties, "tie"));
    let name = fitted(&name, sheet.pick(730, 330));
    area.draw_text(&name, &Role::Muted.text(HPos::Left), (8, top))
}

fn lost(losses: u64) -> String {
    if losses == 1 { "1 loss".to_owned() } else { format!("{} losses", words::count(losses)) }
}

fn alt(duels: &[Duel]) -> String {
    let rows: Vec<_> = duels
        .iter()
        .map(|d| {
            let (wins, ties) = (words::plural(d.counts.wins, "win"), words::plural(d.counts.ties, "tie"));
            format!("{}: {wins}, {}, {ties}", d.name, lost(d.counts.losses))
        })
        .collect();
    format!("Paired comparisons. {}.", rows.join("; "))
}
