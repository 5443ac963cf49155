//! An expression's text to its tokens.

use super::CalculationError;
use super::number::{Number, is_part};

/// A token of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Number(Number),
    Plus,
    Minus,
    Times,
    Over,
    Percent,
    Open,
    Close,
}

/// Cuts an expression. Signs of currencies before numbers are passed over: they are no part of the reckoning.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, CalculationError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            c if is_part(c) => rest.find(|c| !is_part(c)).unwrap_or(rest.len()),
            c => c.len_utf8(),
        };
        let (token, after) = rest.split_at(length);
        if is_part(first) {
            tokens.push(Token::Number(Number::parse(token)?));
        } else if !is_currency_of(first, after) {
            tokens.push(sign(first).ok_or_else(|| CalculationError::Unexpected(token.to_owned()))?);
        }
        rest = after.trim_start();
    }
    Ok(tokens)
}

fn is_currency_of(first: char, after: &str) -> bool {
    matches!(first, '£' | '$' | '€') && after.trim_start().starts_with(|c: char| c.is_ascii_digit())
}

fn sign(c: char) -> Option<Token> {
    Some(match c {
        '+' => Token::Plus,
        '-' | '−' => Token::Minus,
        '*' | '×' | 'x' => Token::Times,
        '/' | '÷' => Token::Over,
        '%' => Token::Percent,
        '(' => Token::Open,
        ')' => Token::Close,
        _ => return None,
    })
}
