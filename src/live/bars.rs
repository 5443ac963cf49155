//! Bars of characters, and text cut or wrapped to a width.

use empiric_schema::evidence::Interval;

/// A bar that is filled up to `share` of `width` cells: the filled part and the rest.
pub(crate) fn gauge(share: f64, width: usize) -> (String, String) {
    let filled = ((share.clamp(0.0, 1.0) * width as f64).round() as usize).min(width);
    ("\u{2501}".repeat(filled), "\u{2500}".repeat(width - filled))
}

/// An interval and its score on a scale from 0 to `top`: the part before, the interval, the part
/// after. `mark` is drawn where nothing else is.
pub(crate) fn interval(
    score: f64,
    interval: Interval,
    top: f64,
    mark: Option<f64>,
    width: usize,
) -> [String; 3] {
    let cell = |share: f64| {
        let place = (share / top).clamp(0.0, 1.0) * (width.saturating_sub(1)) as f64;
        place.round() as usize
    };
    let (low, middle, high) = (cell(interval.low), cell(score), cell(interval.high));
    let mark = mark.map(cell);
    let draw =
        |from: usize, to: usize| (from..to).map(|at| symbol(at, low, middle, high, mark)).collect::<String>();
    [draw(0, low), draw(low, high + 1), draw(high + 1, width)]
}

fn symbol(at: usize, low: usize, middle: usize, high: usize, mark: Option<usize>) -> char {
    match at {
        _ if at == middle => '\u{25cf}',
        _ if at == low => '\u{251c}',
        _ if at == high => '\u{2524}',
        _ if low < at && at < high => '\u{2500}',
        _ if mark == Some(at) => '\u{2506}',
        _ => ' ',
    }
}

/// Text of at most `width` characters, cut with an ellipsis.
pub(crate) fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}\u{2026}", kept.trim_end())
}

/// Text in lines of at most `width` characters, at most `most` of them.
pub(crate) fn wrap(text: &str, width: usize, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, width)),
        }
    }
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = cut(&format!("{last} \u{2026}"), width);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(low: f64, score: f64, high: f64, mark: Option<f64>) -> String {
        interval(score, Interval { low, high, level: 0.95 }, 1.0, mark, 11).concat()
    }

    #[test]
    fn an_interval_keeps_its_place_on_the_scale() {
        assert_eq!(shown(0.2, 0.4, 0.7, None), "  ├─●──┤   ");
        assert_eq!(shown(0.2, 0.4, 0.7, Some(0.9)), "  ├─●──┤ ┆ ");
    }

    #[test]
    fn an_interval_at_the_edge_stays_inside() {
        assert_eq!(shown(0.0, 0.0, 1.0, None), "●─────────┤");
        assert_eq!(shown(1.0, 1.0, 1.0, None), "          ●");
    }

    #[test]
    fn a_gauge_never_leaves_its_width() {
        for share in [-1.0, 0.0, 0.5, 1.0, 7.0, f64::NAN] {
            let (filled, rest) = gauge(share, 10);
            assert_eq!(filled.chars().count() + rest.chars().count(), 10, "{share}");
        }
    }

    #[test]
    fn text_is_wrapped_at_words_and_cut_at_the_last_line() {
        assert_eq!(wrap("one two three", 7, 3), ["one two", "three"]);
        assert_eq!(wrap("one two three", 7, 1), ["one tw\u{2026}"]);
        assert_eq!(cut("abcdef", 4), "abc\u{2026}");
    }
}
