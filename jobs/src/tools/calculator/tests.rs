use proptest::prelude::*;

use super::fraction::Fraction;
use super::{CalculationError, calculate, numbers};

fn check(expression: &str, expected: &str) {
    assert_eq!(calculate(expression).as_deref(), Ok(expected), "{expression}");
}

fn refuse(expression: &str, expected: &str) {
    let error = calculate(expression).unwrap_err().to_string();
    assert!(error.contains(expected), "{expression}: {error}");
}

#[test]
fn results_are_written_as_people_write_them() {
    check("6 * 35", "210");
    check("6 * 102.50", "615.00");
    check("45 * 12 / 100", "5.40");
    check("2 * 6.10 + 4.45", "16.65");
    check("5 * 13 * 1.4", "91");
    check("780 / 15", "52");
    check("(4 - 1) * 12.80", "38.40");
    check("310 * 6", "1860");
    check("0.1 + 0.2", "0.30");
    check("1 / 8", "0.125");
    check("1000 / 3", "333.33");
    check("2000 / 3", "666.67");
    check("-2000 / 3", "-666.67");
    check("1 / 300", "0.0033");
    check("1 / 3 * 3", "1");
    check("0 * 1.25", "0.00");
    check("-(3 - 5)", "2");
    check("2 - -3", "5");
}

#[test]
fn signs_of_people_are_read() {
    check("6 × £102.50 = 700", "615.00");
    check("1,860 ÷ 6", "310");
    check("$ 5 x 2", "10");
    check("7 − 9", "-2");
    check(".5*4", "2");
}

#[test]
fn percent_signs_are_hundredths_or_remainders() {
    check("45 * 12 %", "5.40");
    check("12% * 45", "5.40");
    check("50% - 3", "-2.50");
    check("10 % 3", "1");
    check("-10 % 3", "-1");
    check("10 % (2 + 2)", "2");
    check("7.5 % 2", "1.50");
}

#[test]
fn what_is_no_arithmetic_is_refused_in_words() {
    refuse("1 / 0", "division by zero");
    refuse("5 % (2 - 2)", "division by zero");
    refuse("", "ends where a number");
    refuse("6 *", "ends where a number");
    refuse("(1 + 2", "ends where a number");
    refuse("1 + 2)", "`)` is not arithmetic");
    refuse("* 6", "`*` is not arithmetic");
    refuse("six * 2", "`s` is not arithmetic");
    refuse("1 2", "a number after a number");
    refuse("1.2.3", "`1.2.3` is not arithmetic");
    refuse("1,23", "`1,23` is not arithmetic");
    refuse("5.", "`5.` is not arithmetic");
    refuse(&"9".repeat(25), "too large");
    refuse(&["9".repeat(24), "9".repeat(24)].join("*"), "too large");
    refuse(&"(".repeat(60), "too deep");
    refuse(&"1+".repeat(200), "too long");
}

#[test]
fn numbers_are_found_in_texts() {
    let found = |text| numbers(text).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
    assert_eq!(found("about £1,860.50, or 3."), [8..16, 21..22]);
    assert!(found("no number").is_empty());
    assert_eq!(numbers("615.00")[0].1, Fraction::new(615, 1).unwrap());
}

/// An expression over whole hundredths with the value that it has by floating point and by whole numbers.
#[derive(Debug, Clone)]
enum Tree {
    Hundredths(i64),
    Sum(Box<Tree>, Box<Tree>),
    Difference(Box<Tree>, Box<Tree>),
    Product(Box<Tree>, Box<Tree>),
}

impl Tree {
    fn text(&self) -> String {
        match self {
            Self::Hundredths(value) => {
                let sign = if *value < 0 { "-" } else { "" };
                format!("{sign}{}.{:02}", value.abs() / 100, value.abs() % 100)
            }
            Self::Sum(left, right) => format!("({} + {})", left.text(), right.text()),
            Self::Difference(left, right) => format!("({} - {})", left.text(), right.text()),
            Self::Product(left, right) => format!("({} * {})", left.text(), right.text()),
        }
    }

    /// The value times ten to the power of the second number.
    fn scaled(&self) -> (i128, u32) {
        let aligned = |left: &Tree, right: &Tree| {
            let ((a, x), (b, y)) = (left.scaled(), right.scaled());
            let places = x.max(y);
            (a * 10i128.pow(places - x), b * 10i128.pow(places - y), places)
        };
        match self {
            Self::Hundredths(value) => (i128::from(*value), 2),
            Self::Sum(left, right) => {
                let (a, b, places) = aligned(left, right);
                (a + b, places)
            }
            Self::Difference(left, right) => {
                let (a, b, places) = aligned(left, right);
                (a - b, places)
            }
            Self::Product(left, right) => {
                let ((a, x), (b, y)) = (left.scaled(), right.scaled());
                (a * b, x + y)
            }
        }
    }
}

/// At most five numbers below a thousand: every intermediate value fits by far.
fn trees() -> impl Strategy<Value = Tree> {
    let leaf = (-99_999i64..99_999).prop_map(Tree::Hundredths);
    leaf.prop_recursive(3, 5, 2, |inner| {
        let two = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            two().prop_map(|(left, right)| Tree::Sum(left, right)),
            two().prop_map(|(left, right)| Tree::Difference(left, right)),
            two().prop_map(|(left, right)| Tree::Product(left, right)),
        ]
    })
}

proptest! {
    #[test]
    fn expressions_are_calculated_as_in_whole_numbers(tree in trees()) {
        let (value, places) = tree.scaled();
        prop_assume!(places <= 12);
        let shown = calculate(&tree.text()).unwrap();
        let (whole, decimals) = shown.split_once('.').unwrap();
        prop_assert!(decimals.len() >= 2);
        let digits: i128 = format!("{whole}{decimals}").parse().unwrap();
        let (shown_places, least) = (decimals.len() as u32, places.min(decimals.len() as u32));
        prop_assert_eq!(digits * 10i128.pow(places - least), value * 10i128.pow(shown_places - least));
    }

    #[test]
    fn quotients_are_rounded_half_away_from_zero(top in -1_000_000i128..1_000_000, bottom in 1i128..5_000) {
        let shown = calculate(&format!("{top} / {bottom}").replace("-", "- ")).unwrap();
        let (whole, decimals) = shown.split_once('.').unwrap_or((&shown, ""));
        let digits: i128 = format!("{whole}{decimals}").parse().unwrap();
        // |shown - top / bottom| <= half of the last place
        let scale = 10i128.pow(decimals.len() as u32);
        prop_assert!((digits * bottom - top * scale).abs() * 2 <= bottom);
    }

    #[test]
    fn no_text_breaks_the_calculator(text in "[0-9+*/%() .,x=£-]{0,40}") {
        let result: Result<String, CalculationError> = calculate(&text);
        if let Ok(shown) = result {
            prop_assert!(!shown.is_empty());
        }
    }
}
