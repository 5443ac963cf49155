//! Exact fractions.

use super::CalculationError;

/// Decimals that are shown at most.
const MOST_PLACES: u32 = 12;
/// Decimals of money, and the fewest of a result that is not whole: `5.40`, not `5.4`.
const MONEY_PLACES: u32 = 2;

/// A fraction in lowest terms; the denominator is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fraction {
    numerator: i128,
    denominator: i128,
}

/// Whether a whole result is shown with two decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// `615`
    Plain,
    /// `615.00`
    Money,
}

impl Fraction {
    /// The fraction of two whole numbers.
    pub(crate) fn new(numerator: i128, denominator: i128) -> Result<Self, CalculationError> {
        if denominator == 0 {
            return Err(CalculationError::DivisionByZero);
        }
        let absolute = |number: i128| number.checked_abs().ok_or(CalculationError::TooLarge);
        let (top, bottom) = (absolute(numerator)?, absolute(denominator)?);
        let divisor = greatest_common_divisor(top, bottom);
        let sign = numerator.signum() * denominator.signum();
        Ok(Self { numerator: sign * (top / divisor), denominator: bottom / divisor })
    }

    pub(crate) fn plus(self, other: Self) -> Result<Self, CalculationError> {
        let left = product(self.numerator, other.denominator)?;
        let right = product(other.numerator, self.denominator)?;
        let sum = left.checked_add(right).ok_or(CalculationError::TooLarge)?;
        Self::new(sum, product(self.denominator, other.denominator)?)
    }

    pub(crate) fn minus(self, other: Self) -> Result<Self, CalculationError> {
        self.plus(other.negative())
    }

    pub(crate) fn times(self, other: Self) -> Result<Self, CalculationError> {
        // Reduced crosswise first, so that only results that are too large themselves are refused.
        let (one, two) =
            (Self::new(self.numerator, other.denominator)?, Self::new(other.numerator, self.denominator)?);
        let top = product(one.numerator, two.numerator)?;
        Self::new(top, product(one.denominator, two.denominator)?)
    }

    pub(crate) fn over(self, other: Self) -> Result<Self, CalculationError> {
        self.times(Self::new(other.denominator, other.numerator)?)
    }

    /// What is left when `other` is taken off as often as it goes; it has the sign of `self`.
    pub(crate) fn remainder(self, other: Self) -> Result<Self, CalculationError> {
        let quotient = self.over(other)?;
        let whole = Self { numerator: quotient.numerator / quotient.denominator, denominator: 1 };
        self.minus(other.times(whole)?)
    }

    pub(crate) fn negative(self) -> Self {
        // No numerator is the least number: `new` refuses it.
        Self { numerator: -self.numerator, ..self }
    }

    /// The fraction in decimals. Exact where it can be; else rounded half away from zero to two decimals, or to
    /// as many as show two digits.
    pub(crate) fn shown(self, style: Style) -> Result<String, CalculationError> {
        let places = match self.exact_places() {
            Some(0) if style == Style::Plain => 0,
            Some(places) => places.max(MONEY_PLACES),
            None => self.rounded_places()?,
        };
        let scaled = self.scaled(places)?;
        let sign = if self.numerator < 0 && scaled != 0 { "-" } else { "" };
        let digits = format!("{scaled:0width$}", width = places as usize + 1);
        let (whole, decimals) = digits.split_at(digits.len() - places as usize);
        let point = if places > 0 { "." } else { "" };
        Ok(format!("{sign}{whole}{point}{decimals}"))
    }

    /// Decimals of the exact value, where they end and are not too many.
    fn exact_places(self) -> Option<u32> {
        (0..=MOST_PLACES).find(|places| 10i128.pow(*places) % self.denominator == 0)
    }

    fn rounded_places(self) -> Result<u32, CalculationError> {
        let mut places = MONEY_PLACES;
        while places < MOST_PLACES && self.scaled(places)? < 10 {
            places += 1;
        }
        Ok(places)
    }

    /// The absolute value times ten to the power of `places`, rounded.
    fn scaled(self, places: u32) -> Result<i128, CalculationError> {
        let top = product(self.numerator.abs(), 10i128.pow(places))?;
        let doubled = product(top, 2)?.checked_add(self.denominator).ok_or(CalculationError::TooLarge)?;
        Ok(doubled / product(self.denominator, 2)?)
    }
}

fn product(left: i128, right: i128) -> Result<i128, CalculationError> {
    left.checked_mul(right).ok_or(CalculationError::TooLarge)
}

/// Of two numbers that are not negative; the second is not zero.
fn greatest_common_divisor(left: i128, right: i128) -> i128 {
    let (mut a, mut b) = (left, right);
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
