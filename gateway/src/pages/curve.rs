//! The curve of quality over iterations, as SVG that the style sheet colours.

use std::fmt::Write as _;

use empiric_schema::view::{Measurement, RunView};

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 66.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 28.0;

/// Draws the measurements on dev and those of the locked test that may be shown; `None` before there are any.
/// Everything in it is a number or a constant, so that it needs no escaping.
pub(super) fn curve(view: &RunView) -> Option<String> {
    let of = |split: &str| -> Vec<&Measurement> {
        view.measurements.iter().filter(|measured| measured.split == split && measured.n > 0).collect()
    };
    let (dev, test) = (of("dev"), of("test"));
    if dev.is_empty() {
        return None;
    }
    let last = view.measurements.iter().map(|measured| measured.iteration).max().unwrap_or(0);
    let mut svg = format!(
        "<svg class=\"plot\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Share of dev items that passed, by iteration\">"
    );
    grid(&mut svg, last);
    line(&mut svg, &dev, last);
    dev.iter().for_each(|measured| point(&mut svg, measured, last, "dev", 0.0));
    test.iter().for_each(|measured| point(&mut svg, measured, last, "test", 9.0));
    svg.push_str("</svg>");
    Some(svg)
}

fn x(iteration: u32, last: u32) -> f64 {
    let share = if last == 0 { 0.5 } else { f64::from(iteration) / f64::from(last) };
    LEFT + 14.0 + share * (WIDTH - LEFT - RIGHT - 28.0)
}

fn y(share: f64) -> f64 {
    TOP + (1.0 - share) * (HEIGHT - TOP - BOTTOM)
}

fn grid(svg: &mut String, last: u32) {
    for percent in [0, 25, 50, 75, 100] {
        let y = y(f64::from(percent) / 100.0);
        let _ = write!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.0}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/><text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{percent} %</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            y + 4.0
        );
    }
    for iteration in 0..=last {
        let name = if iteration == 0 { "first".to_owned() } else { iteration.to_string() };
        let _ = write!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{name}</text>",
            x(iteration, last),
            HEIGHT - 8.0
        );
    }
}

fn line(svg: &mut String, points: &[&Measurement], last: u32) {
    let places: Vec<String> =
        points.iter().map(|m| format!("{:.1},{:.1}", x(m.iteration, last), y(m.accuracy()))).collect();
    let _ = write!(svg, "<polyline class=\"dev\" points=\"{}\"/>", places.join(" "));
}

fn point(svg: &mut String, measured: &Measurement, last: u32, class: &str, shift: f64) {
    let x = x(measured.iteration, last) + shift;
    let (low, high) = (y(measured.interval.low), y(measured.interval.high));
    let _ = write!(
        svg,
        "<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{low:.1}\" y2=\"{high:.1}\"/><circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{:.1}\" r=\"4\"><title>{class}: {} of {}, {:.1} %</title></circle>",
        y(measured.accuracy()),
        measured.passed,
        measured.n,
        measured.accuracy() * 100.0
    );
}
