//! Quantities as people write them: `1h30m`, `135M`, `H100:2`.

use super::loop_rules::Accelerators;

/// Seconds of a duration such as `90s`, `30m`, `1h30m` or `2d`; larger units come first.
pub(super) fn seconds(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    let mut largest = f64::INFINITY;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (amount, after) = leading_number(rest)?;
        let (unit, after) = leading_unit(after)?;
        if unit >= largest {
            return None;
        }
        (total, largest, rest) = (total + amount * unit, unit, after.trim_start());
    }
    Some(total)
}

fn leading_number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let amount = text[..end].parse().ok()?;
    Some((amount, text[end..].trim_start()))
}

fn leading_unit(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    let unit = match &text[..end] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    Some((unit, &text[end..]))
}

/// A whole number that may end in K, M, B or T: thousand, million, `10^9`, `10^12`.
pub(super) fn count(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(whole) = text.replace('_', "").parse() {
        return Some(whole);
    }
    let (amount, unit) = leading_number(text)?;
    let unit: f64 = match unit {
        "" => 1.0,
        "K" | "k" => 1e3,
        "M" => 1e6,
        "B" | "G" => 1e9,
        "T" => 1e12,
        _ => return None,
    };
    let count = (amount * unit).round();
    // Above 2^53 an f64 no longer holds every whole number.
    (count < 9e15).then_some(count as u64)
}

/// `none` is `Some(None)`; `H100` and `H100:2` are devices.
pub(super) fn accelerators(text: &str) -> Option<Option<Accelerators>> {
    if text == "none" {
        return Some(None);
    }
    let (kind, count) = text.split_once(':').unwrap_or((text, "1"));
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let count = count.parse().ok().filter(|count| (1..=1024).contains(count))?;
    let right = !kind.is_empty() && kind.chars().all(allowed);
    right.then(|| Some(Accelerators { kind: kind.to_owned(), count }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_in_falling_units_only() {
        for (text, expected) in [
            ("90s", Some(90.0)),
            ("30m", Some(1800.0)),
            ("1h30m", Some(5400.0)),
            ("1h 30m", Some(5400.0)),
            ("0.5h", Some(1800.0)),
            ("250ms", Some(0.25)),
            ("2d", Some(172_800.0)),
            ("30", None),
            ("30 minutes", None),
            ("30m1h", None),
            ("-5m", None),
            ("m", None),
            ("", None),
            ("1..5h", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn counts_may_end_in_a_magnitude() {
        for (text, expected) in [
            ("135M", Some(135_000_000)),
            ("1.7B", Some(1_700_000_000)),
            ("8k", Some(8000)),
            ("135_000", Some(135_000)),
            ("7", Some(7)),
            ("many", None),
            ("-1", None),
            ("99999999T", None),
        ] {
            assert_eq!(count(text), expected, "{text}");
        }
    }

    #[test]
    fn accelerators_name_a_kind_and_a_number() {
        let devices = |kind: &str, count| Some(Some(Accelerators { kind: kind.into(), count }));
        assert_eq!(accelerators("none"), Some(None));
        assert_eq!(accelerators("H100"), devices("H100", 1));
        assert_eq!(accelerators("A100-80GB:8"), devices("A100-80GB", 8));
        for text in ["", "H100:0", "H100:x", ":2", "a b:1"] {
            assert_eq!(accelerators(text), None, "{text}");
        }
    }
}
