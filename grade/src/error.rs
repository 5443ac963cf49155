//! Why an answer cannot be graded.

use empiric_schema::id::ItemId;

/// The assertions do not fit the data.
#[derive(Debug, thiserror::Error)]
pub enum GradeError {
    /// There is nothing to check.
    #[error("there are no assertions: an evaluation needs at least one")]
    NoAssertions,
    /// A pattern does not compile.
    #[error("`{pattern}` is not a regular expression")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        #[source]
        source: Box<::regex::Error>,
    },
    /// The value that an answer is compared with is not a number.
    #[error("item {item}: `{value}` is not a number, but the assertion `number` needs one")]
    NotANumber {
        /// The item.
        item: ItemId,
        /// The value.
        value: String,
    },
    /// The right choice is not among the choices.
    #[error("item {item}: `{value}` is none of the choices {choices:?}")]
    NotAChoice {
        /// The item.
        item: ItemId,
        /// The value.
        value: String,
        /// The choices.
        choices: Vec<String>,
    },
}
