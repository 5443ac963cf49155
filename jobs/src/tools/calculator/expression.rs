//! Tokens to a result: recursive descent over the usual grammar.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = signed { ("*" | "/" | "%") signed }
//! signed  = "-" signed | percent
//! percent = atom { "%" }
//! atom    = number | "(" sum ")"
//! ```
//! `%` before a number or a bracket is the remainder, anywhere else it means hundredths: `10 % 3` is 1 and
//! `45 * 12 %` is 5.40.

use super::CalculationError;
use super::fraction::{Fraction, Style};
use super::token::{Token, tokens};

/// Longest expression, in bytes.
const MOST_BYTES: usize = 256;
/// Deepest nesting of brackets and signs.
const MOST_DEPTH: usize = 32;

/// The result of an expression, as text. What stands from an equals sign on is passed over: it is somebody's
/// own result.
///
/// Results are exact where they can be. One that is not whole has at least two decimals, and a whole one has
/// two where a number of the expression has two: `6 * 102.50` is `615.00`.
pub(crate) fn calculate(text: &str) -> Result<String, CalculationError> {
    let (value, style) = evaluate(text)?;
    value.shown(style)
}

/// The result of an expression, and how it is shown.
pub(super) fn evaluate(text: &str) -> Result<(Fraction, Style), CalculationError> {
    if text.len() > MOST_BYTES {
        return Err(CalculationError::TooLong);
    }
    let expression = text.split('=').next().unwrap_or_default();
    let tokens = tokens(expression)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0 };
    let value = parser.sum()?;
    match parser.next() {
        None => Ok((value, style(&tokens))),
        Some(token) => Err(unexpected(token)),
    }
}

fn style(tokens: &[Token]) -> Style {
    let is_money = |token: &Token| matches!(token, Token::Number(number) if number.decimals == 2);
    if tokens.iter().any(is_money) { Style::Money } else { Style::Plain }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<Token> {
        self.tokens.get(self.at).copied()
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn sum(&mut self) -> Result<Fraction, CalculationError> {
        let mut value = self.product()?;
        while let Some(token @ (Token::Plus | Token::Minus)) = self.peek() {
            self.at += 1;
            let other = self.product()?;
            value = if token == Token::Plus { value.plus(other)? } else { value.minus(other)? };
        }
        Ok(value)
    }

    fn product(&mut self) -> Result<Fraction, CalculationError> {
        let mut value = self.signed()?;
        while let Some(token @ (Token::Times | Token::Over | Token::Percent)) = self.peek() {
            self.at += 1;
            let other = self.signed()?;
            value = match token {
                Token::Times => value.times(other)?,
                Token::Over => value.over(other)?,
                _ => value.remainder(other)?,
            };
        }
        Ok(value)
    }

    fn signed(&mut self) -> Result<Fraction, CalculationError> {
        if self.peek() != Some(Token::Minus) {
            return self.percent();
        }
        self.at += 1;
        self.deeper(|parser| Ok(parser.signed()?.negative()))
    }

    fn percent(&mut self) -> Result<Fraction, CalculationError> {
        let mut value = self.atom()?;
        while self.peek() == Some(Token::Percent) && !self.is_remainder() {
            self.at += 1;
            value = value.over(Fraction::new(100, 1)?)?;
        }
        Ok(value)
    }

    /// Whether the percent sign here stands before an operand.
    fn is_remainder(&self) -> bool {
        matches!(self.tokens.get(self.at + 1), Some(Token::Number(_) | Token::Open))
    }

    fn atom(&mut self) -> Result<Fraction, CalculationError> {
        match self.next().ok_or(CalculationError::Unfinished)? {
            Token::Number(number) => Ok(number.value),
            Token::Open => {
                let value = self.deeper(Self::sum)?;
                match self.next() {
                    Some(Token::Close) => Ok(value),
                    Some(token) => Err(unexpected(token)),
                    None => Err(CalculationError::Unfinished),
                }
            }
            token => Err(unexpected(token)),
        }
    }

    fn deeper(
        &mut self,
        parse: impl FnOnce(&mut Self) -> Result<Fraction, CalculationError>,
    ) -> Result<Fraction, CalculationError> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(CalculationError::TooLong);
        }
        let value = parse(self);
        self.depth -= 1;
        value
    }
}

fn unexpected(token: Token) -> CalculationError {
    let text = match token {
        Token::Number(_) => "a number after a number or a bracket",
        Token::Plus => "+",
        Token::Minus => "-",
        Token::Times => "*",
        Token::Over => "/",
        Token::Percent => "%",
        Token::Open => "(",
        Token::Close => ")",
    };
    CalculationError::Unexpected(text.to_owned())
}
