//! Quality over iterations: a series for each split, every point with its interval.

use empiric_schema::view::Measurement;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::svg::{Area, Drawn, KEY_ROW, Role, Sheet, axis_end, figure, key, key_text, tick};
use crate::report::{ReportError, words};

const HEIGHT: u32 = 330;
/// Room for the legend above the plot.
const LEGEND: u32 = 30;
/// Splits in the order of the legend, with what people call them.
const SPLITS: [(&str, &str, Role); 3] = [
    ("dev", "dev", Role::Dev),
    ("dev-confirm", "dev, unseen in the race", Role::Confirm),
    ("test", "locked test", Role::Test),
];

type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Draws the curve; `bar` is the accuracy that was promised.
pub(crate) fn curve(measurements: &[Measurement], bar: Option<f64>) -> Result<String, ReportError> {
    figure("curve", &alt(measurements, bar), HEIGHT, |area, sheet| {
        let (head, body) = area.split_vertically(LEGEND);
        legend(&head, measurements, bar, sheet)?;
        draw(&body, measurements, bar, sheet)
    })
}

fn draw(area: &Area<'_>, measurements: &[Measurement], bar: Option<f64>, sheet: Sheet) -> Drawn {
    let last = measurements.iter().map(|m| m.iteration).max().unwrap_or(0);
    // Headroom, so that the promise is not hidden in the upper edge.
    let highs = measurements.iter().map(|m| m.interval.high);
    let top = axis_end(highs.chain(bar.map(|bar| bar + 0.05)));
    let mut chart = ChartBuilder::on(area)
        .margin(6)
        .margin_right(14)
        .x_label_area_size(46)
        .y_label_area_size(54)
        .build_cartesian_2d(-0.5..f64::from(last) + 0.5, 0.0..top)?;
    axes(&mut chart, last)?;
    if let Some(bar) = bar {
        let ends = vec![(-0.5, bar), (f64::from(last) + 0.5, bar)];
        chart.draw_series([PathElement::new(ends, Role::Bar.line())])?;
    }
    let gap = Gap::new(last, sheet);
    for (index, (split, _, role)) in SPLITS.iter().enumerate() {
        let points: Vec<_> = measurements.iter().filter(|m| m.split == *split).collect();
        let points = spread(&points, (index as f64 - 1.0) * gap.between);
        series(&mut chart, &points, *role)?;
        if gap.figures {
            figures(&mut chart, &points)?;
        }
    }
    Ok(())
}

/// How far the splits of one iteration stand apart.
struct Gap {
    /// In iterations.
    between: f64,
    /// Whether figures fit between them.
    figures: bool,
}

impl Gap {
    fn new(last: u32, sheet: Sheet) -> Self {
        let iteration = f64::from(sheet.width() - 90) / (f64::from(last) + 1.0);
        // A figure such as `37 %` needs about 46 pixels with its distance from the mark.
        let between = (52.0 / iteration).min(0.3);
        Self { between, figures: between * iteration >= 38.0 }
    }
}

fn axes(chart: &mut Chart<'_, '_>, last: u32) -> Drawn {
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_labels(last as usize + 2)
        .x_label_formatter(&|x| iteration_label(*x))
        .y_labels(6)
        .y_label_formatter(&tick)
        .light_line_style(TRANSPARENT)
        .bold_line_style(Role::Grid.colour())
        .axis_style(Role::Muted.colour())
        .label_style(Role::Muted.text(HPos::Center))
        .axis_desc_style(Role::Muted.text(HPos::Center))
        .x_desc("iteration")
        .y_desc("answers that passed (%)")
        .draw()
}

fn iteration_label(x: f64) -> String {
    match x {
        _ if x.fract().abs() > 1e-6 || x < -1e-6 => String::new(),
        _ if x < 0.5 => "first".to_owned(),
        _ => format!("{x:.0}"),
    }
}

/// Points beside each other where an iteration has several on one split.
fn spread<'a>(points: &[&'a Measurement], offset: f64) -> Vec<(f64, &'a Measurement)> {
    let mut out: Vec<(f64, &Measurement)> = Vec::new();
    for point in points {
        let same = out.iter().filter(|(_, other)| other.iteration == point.iteration).count();
        out.push((f64::from(point.iteration) + offset + 0.06 * same as f64, point));
    }
    out
}

fn series(chart: &mut Chart<'_, '_>, points: &[(f64, &Measurement)], role: Role) -> Drawn {
    // On the other splits the two sides of a comparison stand beside each other, and no way leads from one to the next.
    let line = points.iter().filter(|(_, m)| m.split == "dev").map(|(x, m)| (*x, m.accuracy()));
    chart.draw_series(LineSeries::new(line, role.line()))?;
    chart.draw_series(points.iter().map(|(x, m)| {
        let (low, high) = (m.interval.low, m.interval.high);
        ErrorBar::new_vertical(*x, low, m.accuracy(), high, role.line(), 9)
    }))?;
    let marks = points
        .iter()
        .map(|(x, m)| EmptyElement::at((*x, m.accuracy())) + Circle::new((0, 0), 5, role.fill()));
    chart.draw_series(marks).map(|_| ())
}

/// The share beside each point, on the side that the line to the next point leaves free.
fn figures(chart: &mut Chart<'_, '_>, points: &[(f64, &Measurement)]) -> Drawn {
    let texts = points.iter().enumerate().map(|(index, (x, m))| {
        let rises = points.get(index + 1).is_some_and(|(_, next)| next.passed * m.n > m.passed * next.n);
        let text = format!("{:.0} %", m.accuracy() * 100.0);
        let down = if rises { 10 } else { -10 };
        EmptyElement::at((*x, m.accuracy())) + Text::new(text, (8, down), Role::Ink.text(HPos::Left))
    });
    chart.draw_series(texts).map(|_| ())
}

fn legend(area: &Area<'_>, measurements: &[Measurement], bar: Option<f64>, sheet: Sheet) -> Drawn {
    let mut x = sheet.pick(60, 8);
    for (split, name, role) in SPLITS {
        if measurements.iter().any(|m| m.split == split) {
            let name = if split == "dev-confirm" { sheet.pick(name, "dev, unseen") } else { name };
            x = key(area, role, name, x)?;
        }
    }
    if let Some(bar) = bar {
        area.draw(&PathElement::new(vec![(x, KEY_ROW), (x + 14, KEY_ROW)], Role::Bar.line()))?;
        key_text(area, &sheet.pick(format!("promise: {}", words::percent(bar)), "promise".to_owned()), x)?;
    }
    Ok(())
}

fn alt(measurements: &[Measurement], bar: Option<f64>) -> String {
    let points: Vec<_> = measurements
        .iter()
        .map(|m| {
            let accuracy = words::percent(m.accuracy());
            let interval = words::interval(m.interval);
            format!("iteration {}, {}: {accuracy}, {interval}", m.iteration, m.split)
        })
        .collect();
    let bar = bar.map_or_else(String::new, |bar| format!(" Promised: {}.", words::percent(bar)));
    format!("Share of answers that passed by iteration. {}.{bar}", points.join("; "))
}
