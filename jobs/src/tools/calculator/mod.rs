//! `<<6 * 102.50>>`: exact arithmetic on decimals.
//!
//! Numbers are exact fractions inside, so that nothing is rounded before the result is shown.

mod expression;
mod fraction;
mod number;
mod token;

pub(super) use expression::calculate;
pub(super) use number::numbers;

#[cfg(test)]
mod tests;

/// Why an expression has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CalculationError {
    /// There is something that is no arithmetic.
    #[error("`{0}` is not arithmetic: expected numbers, + - * / % and brackets")]
    Unexpected(String),
    /// It ends where a number or a bracket should follow.
    #[error("the expression ends where a number or a closing bracket should follow")]
    Unfinished,
    /// Something is divided by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// A number has too many digits.
    #[error("the numbers are too large to be calculated exactly")]
    TooLarge,
    /// The expression is longer, or its brackets deeper, than any that is meant.
    #[error("the expression is too long or its brackets are too deep")]
    TooLong,
}
