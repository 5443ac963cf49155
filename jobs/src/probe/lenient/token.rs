//! A text as the tokens that lenient reading compares.

use super::{number_words, unit};

/// What a token says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// In lower case and singular.
    Word(String),
    /// From digits or number words.
    Number(f64),
    /// Beside a number, however it was written there.
    Unit(&'static str),
}

/// What stands between a token and the one before it, the strongest of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Gap {
    /// Space or nothing.
    Space,
    /// A dash or slash.
    Dash,
    /// A mark that ends a clause, a bracket or a new line.
    Clause,
    /// The sign of equality.
    Equals,
}

/// A token and what separates it from the one before.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) value: Value,
    pub(crate) gap: Gap,
}

/// The tokens of a text: no case, no punctuation, no articles, numbers as numbers, units under one name.
pub(crate) fn tokens(text: &str) -> Vec<Token> {
    let text = plain(text);
    let mut scanner = Scanner { rest: &text, before: None, gap: Gap::Space, out: Vec::new() };
    while scanner.step() {}
    let tokens = number_words::read(scanner.out);
    singular(without_articles(units(tokens)))
}

/// Lower case, with typographic signs as they are on a keyboard.
fn plain(text: &str) -> String {
    on_keyboard(text).to_lowercase()
}

/// Typographic signs as they are on a keyboard.
pub(crate) fn on_keyboard(text: &str) -> String {
    let fold = |c: char| match c {
        '\u{2018}' | '\u{2019}' | '\u{02bc}' | '`' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c if c.is_whitespace() && c != '\n' => ' ',
        c => c,
    };
    text.chars().map(fold).collect()
}

struct Scanner<'a> {
    rest: &'a str,
    before: Option<char>,
    gap: Gap,
    out: Vec<Token>,
}

impl Scanner<'_> {
    /// Takes one token or one sign; false at the end.
    fn step(&mut self) -> bool {
        let Some(first) = self.rest.chars().next() else {
            return false;
        };
        if first.is_ascii_digit() || self.is_minus(first) {
            self.digits();
        } else if first.is_alphanumeric() {
            self.word();
        } else {
            self.sign(first);
        }
        true
    }

    /// A dash is a minus only where it cannot stand between numbers or words.
    fn is_minus(&self, first: char) -> bool {
        let number = self.rest[first.len_utf8()..].starts_with(|c: char| c.is_ascii_digit());
        first == '-' && number && !self.before.is_some_and(|c| c.is_alphanumeric() || c == ')')
    }

    fn digits(&mut self) {
        let sign = usize::from(self.rest.starts_with('-'));
        let length = sign + number_length(&self.rest[sign..]);
        let letters = self.rest[length..].chars().take_while(|c| c.is_alphabetic());
        let glued: usize = letters.map(char::len_utf8).sum();
        let letters = &self.rest[length..length + glued];
        if letters.is_empty() || unit::of_word(letters).is_some() {
            let value = number(&self.rest[..length]);
            return self.push(value, length);
        }
        // Such as `28th` or room `12a`.
        let length = length + code_length(&self.rest[length..]);
        self.push(Value::Word(self.rest[..length].to_owned()), length);
    }

    fn word(&mut self) {
        let length = code_length(self.rest);
        let text = self.rest[..length].trim_end_matches('\'').replace('\'', "");
        let spoken = contraction(&text);
        for (place, word) in spoken.split(' ').enumerate() {
            let gap = if place == 0 { self.gap } else { Gap::Space };
            self.out.push(Token { value: Value::Word(word.to_owned()), gap });
        }
        self.advance(length);
    }

    fn sign(&mut self, sign: char) {
        if let Some(unit) = unit::of_sign(sign) {
            return self.push(Value::Unit(unit), sign.len_utf8());
        }
        let gap = match sign {
            '-' | '/' => Gap::Dash,
            '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '\n' => Gap::Clause,
            '=' => Gap::Equals,
            _ => Gap::Space,
        };
        let gap = self.gap.max(gap);
        self.advance(sign.len_utf8());
        self.gap = gap;
    }

    fn push(&mut self, value: Value, length: usize) {
        self.out.push(Token { value, gap: self.gap });
        self.advance(length);
    }

    fn advance(&mut self, length: usize) {
        self.before = self.rest[..length].chars().next_back();
        self.rest = &self.rest[length..];
        self.gap = Gap::Space;
    }
}

/// Length of digits with commas between thousands, decimals, or a time of the day.
fn number_length(text: &str) -> usize {
    let run = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let mut length = run(0);
    if length <= 2 && text[length..].starts_with(':') && run(length + 1) == 2 {
        return length + 3;
    }
    if length <= 3 {
        while text[length..].starts_with(',') && run(length + 1) == 3 {
            length += 4;
        }
    }
    if text[length..].starts_with('.') {
        let decimals = run(length + 1);
        length += if decimals > 0 { decimals + 1 } else { 0 };
    }
    length
}

/// A number, or a time of the day as a word.
fn number(text: &str) -> Value {
    match text.replace(',', "").parse() {
        Ok(number) => Value::Number(number),
        Err(_) => Value::Word(text.trim_start_matches('0').to_owned()),
    }
}

/// Length of letters and digits, with apostrophes between letters and dots before digits.
fn code_length(text: &str) -> usize {
    let mut length = 0;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = chars.peek();
        let inside = match c {
            '\'' => next.is_some_and(|next| next.is_alphabetic()),
            '.' => next.is_some_and(char::is_ascii_digit),
            c => c.is_alphanumeric(),
        };
        if !inside {
            break;
        }
        length += c.len_utf8();
    }
    length
}

/// Words that were drawn together, in full.
fn contraction(word: &str) -> String {
    match word {
        "cant" | "cannot" => "can not".to_owned(),
        "wont" => "will not".to_owned(),
        "doesnt" | "dont" | "isnt" | "arent" | "wasnt" | "werent" | "didnt" | "hasnt" | "havent"
        | "shouldnt" | "mustnt" | "couldnt" | "wouldnt" => format!("{} not", word.trim_end_matches("nt")),
        _ => word.to_owned(),
    }
}

fn without_articles(tokens: Vec<Token>) -> Vec<Token> {
    let mut out: Vec<Token> = Vec::with_capacity(tokens.len());
    let mut pending = Gap::Space;
    for mut token in tokens {
        let gap = token.gap.max(pending);
        let is_article =
            matches!(&token.value, Value::Word(word) if ["a", "an", "the"].contains(&word.as_str()));
        pending = if is_article { gap } else { Gap::Space };
        if !is_article {
            token.gap = gap;
            out.push(token);
        }
    }
    out
}

/// Words directly after a number, or after a time, that are units.
fn units(mut tokens: Vec<Token>) -> Vec<Token> {
    for place in 1..tokens.len() {
        let (before, after) = tokens.split_at_mut(place);
        let follows = match &before[place - 1].value {
            Value::Number(_) => true,
            Value::Word(word) => word.contains(':'),
            Value::Unit(_) => false,
        };
        let token = &mut after[0];
        if let (true, Gap::Space | Gap::Dash, Value::Word(word)) = (follows, token.gap, &token.value)
            && let Some(unit) = unit::of_word(word)
        {
            token.value = Value::Unit(unit);
        }
    }
    tokens
}

/// Takes the `s` off longer words, so that one thing and several are alike.
fn singular(mut tokens: Vec<Token>) -> Vec<Token> {
    for token in &mut tokens {
        if let Value::Word(word) = &mut token.value
            && word.len() > 3
            && word.ends_with('s')
            && !word.ends_with("ss")
        {
            word.pop();
        }
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens as text: numbers in brackets, units in angles.
    fn shown(text: &str) -> String {
        let show = |token: &Token| match &token.value {
            Value::Word(word) => word.clone(),
            Value::Number(number) => format!("[{number}]"),
            Value::Unit(unit) => format!("<{unit}>"),
        };
        tokens(text).iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn texts_become_tokens() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
        check("The Car Parks!", "car park");
        check("£4.40.", "<pound> [4.4]");
        check("16 pounds", "[16] <pound>");
        check("1,450.00", "[1450]");
        check("twenty-five minutes", "[25] <minute>");
        check("one hundred and ten", "[110]");
        check("4 thousand", "[4000]");
        check("a dozen, and two", "[12] and [2]");
        check("four and five", "[4] and [5]");
        check("06:30 am", "6:30 <am>");
        check("35ml of it", "[35] <millilitre> of it");
        check("28th of May", "28th of may");
        check("B1.31 and SM-3", "b1.31 and sm [3]");
        check("74-19-55", "[74] [19] [55]");
        check("-5 or (10-12)", "[-5] or [10] [12]");
        check("I can’t share", "i can not share");
        check("doesn't say; second floor", "doe not say second floor");
        check("45 % glass", "[45] <percent> glass");
        check("", "");
    }

    #[test]
    fn marks_between_tokens_are_kept() {
        let gaps: Vec<Gap> = tokens("a b, the c - d = 4\ne").iter().map(|token| token.gap).collect();
        assert_eq!(gaps, [Gap::Space, Gap::Clause, Gap::Dash, Gap::Equals, Gap::Clause]);
    }
}
