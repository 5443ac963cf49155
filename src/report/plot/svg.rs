//! A sheet to draw on, and the way from plotters' colours to classes of the style sheet.

use minijinja::HtmlEscape;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::report::ReportError;

/// What a stroke or fill stands for. Plotters knows only colours, so each role is drawn in a colour
/// that nothing else uses and becomes a class afterwards: the page then has light and dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Text.
    Ink,
    /// Axes and lesser text.
    Muted,
    /// Grid lines and empty bars.
    Grid,
    /// The dev split, and work that jobs did.
    Dev,
    /// Dev items that did not choose the version.
    Confirm,
    /// The locked test split.
    Test,
    /// A bar to reach: drawn dashed.
    Bar,
    /// In favour.
    Win,
    /// Against.
    Loss,
    /// Left the race.
    Dropped,
}

impl Role {
    const ALL: [Self; 10] = [
        Self::Ink,
        Self::Muted,
        Self::Grid,
        Self::Dev,
        Self::Confirm,
        Self::Test,
        Self::Bar,
        Self::Win,
        Self::Loss,
        Self::Dropped,
    ];

    fn class(self) -> &'static str {
        match self {
            Self::Ink => "ink",
            Self::Muted => "muted",
            Self::Grid => "grid",
            Self::Dev => "dev",
            Self::Confirm => "confirm",
            Self::Test => "test",
            Self::Bar => "bar",
            Self::Win => "win",
            Self::Loss => "loss",
            Self::Dropped => "dropped",
        }
    }

    /// The colour that stands for the role while plotters draws.
    pub(super) fn colour(self) -> RGBColor {
        RGBColor(1, 2, self as u8 + 1)
    }

    /// A line two pixels wide.
    pub(super) fn line(self) -> ShapeStyle {
        self.colour().stroke_width(2)
    }

    /// A filled shape.
    pub(super) fn fill(self) -> ShapeStyle {
        self.colour().filled()
    }

    /// Text that starts, is centred or ends at its point, centred in height.
    pub(super) fn text(self, across: HPos) -> TextStyle<'static> {
        TextStyle {
            font: ("sans-serif", TEXT_SIZE).into_font(),
            color: self.colour().to_backend_color(),
            pos: Pos::new(across, VPos::Center),
        }
    }
}

/// Text height in plotters' units, which become 13 pixels in the SVG.
pub(super) const TEXT_SIZE: f64 = 13.0 * 1.24;

/// About how wide a character is, in pixels: plotters has no font to measure with.
pub(super) const CHARACTER: i32 = 7;

/// Where the plot is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sheet {
    /// A page of usual width.
    Wide,
    /// A phone.
    Narrow,
}

impl Sheet {
    /// Width in pixels.
    pub(super) fn width(self) -> u32 {
        match self {
            Self::Wide => 760,
            Self::Narrow => 350,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Self::Wide => "plot wide",
            Self::Narrow => "plot narrow",
        }
    }

    /// The one of two values that fits the sheet.
    pub(super) fn pick<T>(self, wide: T, narrow: T) -> T {
        match self {
            Self::Wide => wide,
            Self::Narrow => narrow,
        }
    }
}

/// A drawing area on an SVG.
pub(super) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// How plotters fails on an SVG.
pub(super) type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// The end of a drawing step.
pub(super) type Drawn = Result<(), DrawError>;

/// Draws for both sheets and names the plot for those who cannot see it.
pub(super) fn figure(
    plot: &'static str,
    alt: &str,
    height: u32,
    draw: impl Fn(&Area<'_>, Sheet) -> Drawn,
) -> Result<String, ReportError> {
    let mut out = String::new();
    for sheet in [Sheet::Wide, Sheet::Narrow] {
        let mut svg = String::new();
        {
            let area = SVGBackend::with_string(&mut svg, (sheet.width(), height)).into_drawing_area();
            draw(&area, sheet)
                .and_then(|()| area.present())
                .map_err(|cause| ReportError::Plot { plot, cause: cause.to_string() })?;
        }
        out.push_str(&classed(&svg, sheet, height, alt));
    }
    Ok(out)
}

fn classed(svg: &str, sheet: Sheet, height: u32, alt: &str) -> String {
    // The first tag is replaced: a fixed size would not shrink, and inline SVG needs no namespace.
    let body = svg.split_once('>').map_or("", |(_, body)| body);
    let mut body = body.replace(" font-family=\"sans-serif\"", "");
    for role in Role::ALL {
        let RGBColor(r, g, b) = role.colour();
        for attribute in ["fill", "stroke"] {
            let colour = format!("{attribute}=\"#{r:02X}{g:02X}{b:02X}\"");
            body = body.replace(&colour, &format!("class=\"{attribute}-{}\"", role.class()));
        }
    }
    let (class, width) = (sheet.class(), sheet.width());
    let alt = HtmlEscape(alt);
    format!(
        "<svg class=\"{class}\" role=\"img\" aria-label=\"{alt}\" viewBox=\"0 0 {width} {height}\">{body}"
    )
}

/// The end of an axis of shares: the largest value, rounded up to the next tenth.
pub(super) fn axis_end(values: impl Iterator<Item = f64>) -> f64 {
    let largest = values.fold(0.1, f64::max).min(1.0);
    (largest * 10.0 - 1e-9).ceil() / 10.0
}

/// A share as an axis label.
pub(super) fn tick(share: &f64) -> String {
    format!("{:.0}", share * 100.0)
}

/// Height at which a key is written.
pub(super) const KEY_ROW: i32 = 14;

/// Writes a mark with its meaning and says where the next one starts.
pub(super) fn key(area: &Area<'_>, role: Role, name: &str, x: i32) -> Result<i32, DrawError> {
    area.draw(&Circle::new((x + 6, KEY_ROW), 5, role.fill()))?;
    key_text(area, name, x)
}

/// Writes the text of a key whose mark is drawn, and says where the next one starts.
pub(super) fn key_text(area: &Area<'_>, name: &str, x: i32) -> Result<i32, DrawError> {
    area.draw_text(name, &Role::Ink.text(HPos::Left), (x + 18, KEY_ROW))?;
    let width = i32::try_from(name.chars().count()).unwrap_or(i32::MAX / 64) * CHARACTER;
    Ok(x + 18 + width + 14)
}

/// Text cut to a width in pixels, with an ellipsis.
pub(super) fn fitted(text: &str, pixels: i32) -> String {
    let room = usize::try_from(pixels / CHARACTER).unwrap_or(0).max(1);
    if text.chars().count() <= room {
        return text.to_owned();
    }
    let cut: String = text.chars().take(room - 1).collect();
    format!("{}\u{2026}", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plot_has_no_colour_no_size_and_no_address_of_its_own() {
        let drawn = figure("test", "a \"line\" < b", 40, |area, _| {
            area.draw(&PathElement::new(vec![(0, 0), (9, 9)], Role::Dev.line()))
        });
        let svg = drawn.unwrap();
        assert!(svg.contains("class=\"stroke-dev\""), "{svg}");
        assert!(!svg.contains('#') && !svg.contains("http"), "{svg}");
        assert!(svg.contains("aria-label=\"a &quot;line&quot; &lt; b\""), "{svg}");
    }

    #[test]
    fn an_axis_of_shares_ends_at_the_next_tenth() {
        assert_eq!(axis_end([0.31, 0.2].into_iter()), 0.4);
        assert_eq!(axis_end([0.3].into_iter()), 0.3);
        assert_eq!(axis_end([1.2].into_iter()), 1.0);
        assert_eq!(axis_end(std::iter::empty()), 0.1);
    }

    #[test]
    fn long_text_is_cut_with_an_ellipsis() {
        assert_eq!(fitted("abcdefghij", 5 * CHARACTER), "abcd\u{2026}");
        assert_eq!(fitted("abc", 5 * CHARACTER), "abc");
    }
}
