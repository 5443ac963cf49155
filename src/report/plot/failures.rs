//! What failures are put down to, one stacked bar for each version that was diagnosed.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use super::svg::{Area, CHARACTER, Drawn, Role, Sheet, figure};
use crate::report::{ReportError, words};

/// Height of a bar with its line of text, in pixels.
const BAR: i32 = 48;
/// Height of a line of the key.
const LINE: i32 = 20;
/// Distance from the left and right edges.
const EDGE: i32 = 4;
/// The fills, in the order in which categories appear.
const FILLS: [Role; 8] =
    [Role::Dev, Role::Loss, Role::Confirm, Role::Win, Role::Test, Role::Muted, Role::Dropped, Role::Ink];

/// A bar: a version's failures.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) label: String,
    /// Category and share in [0, 1].
    pub(crate) parts: Vec<(&'static str, f64)>,
}

/// Draws the bars with one key for all of them.
pub(crate) fn failures(stacks: &[Stack]) -> Result<String, ReportError> {
    let names = names(stacks);
    let height = stacks.len() as i32 * BAR + names.len() as i32 * LINE + LINE / 2;
    let alt = stacks.iter().map(text).collect::<Vec<_>>().join("; ");
    figure("failures", &format!("Failures by category. {alt}."), height.unsigned_abs(), |area, sheet| {
        (0..).zip(stacks).try_for_each(|(row, stack)| bar(area, stack, row * BAR, &names, sheet))?;
        let top = stacks.len() as i32 * BAR + LINE / 2;
        (0..).zip(&names).try_for_each(|(row, name)| key(area, name, role(name, &names), top + row * LINE))
    })
}

/// Categories in the order in which they appear.
fn names(stacks: &[Stack]) -> Vec<&'static str> {
    let mut names = Vec::new();
    for (name, _) in stacks.iter().flat_map(|stack| &stack.parts) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    names
}

fn role(name: &str, names: &[&str]) -> Role {
    let place = names.iter().position(|one| *one == name).unwrap_or_default();
    FILLS[place % FILLS.len()]
}

fn text(stack: &Stack) -> String {
    let parts: Vec<String> =
        stack.parts.iter().map(|(name, share)| format!("{name} {}", words::percent(*share))).collect();
    format!("{}: {}", stack.label, parts.join(", "))
}

fn bar(area: &Area<'_>, stack: &Stack, top: i32, names: &[&'static str], sheet: Sheet) -> Drawn {
    area.draw_text(&stack.label, &Role::Ink.text(HPos::Left), (EDGE, top + 12))?;
    let width = f64::from(sheet.width()) - 2.0 * f64::from(EDGE);
    let mut done = 0.0;
    for (name, share) in &stack.parts {
        let place = |share: f64| EDGE + (share * width).round() as i32;
        // A pixel of the page between two parts keeps neighbours of one colour apart.
        let (from, to) = (place(done), (place(done + share) - 1).max(place(done)));
        area.draw(&Rectangle::new([(from, top + 22), (to, top + 40)], role(name, names).fill()))?;
        done += share;
    }
    Ok(())
}

fn key(area: &Area<'_>, name: &str, role: Role, top: i32) -> Drawn {
    area.draw(&Rectangle::new([(EDGE, top + 3), (EDGE + 12, top + 15)], role.fill()))?;
    area.draw_text(name, &Role::Ink.text(HPos::Left), (EDGE + 3 * CHARACTER, top + 9))
}
