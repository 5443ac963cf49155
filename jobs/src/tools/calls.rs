//! Finds calls in an answer.

use empiric_schema::version::{CALL_BEGIN, CALL_END};

/// A piece of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// Said as it is.
    Text(&'a str),
    /// What stands between the marks.
    Call(&'a str),
}

/// Cuts an answer at its calls. A call that does not end, as in an answer that was cut, is text.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, call, after)) = first_call(rest) {
        pieces.extend([Piece::Text(before), Piece::Call(call)]);
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    pieces
}

fn first_call(text: &str) -> Option<(&str, &str, &str)> {
    let begin = text.find(CALL_BEGIN)?;
    let end = begin + text[begin..].find(CALL_END)?;
    // The innermost beginning counts.
    let begin = text[..end].rfind(CALL_BEGIN)?;
    Some((&text[..begin], &text[begin + CALL_BEGIN.len()..end], &text[end + CALL_END.len()..]))
}

#[cfg(test)]
mod tests {
    use super::Piece::{Call, Text};
    use super::*;

    #[test]
    fn calls_are_cut_out_of_the_text() {
        let check = |text: &str, expected: &[Piece<'_>]| assert_eq!(pieces(text), expected, "{text}");
        check("no call", &[Text("no call")]);
        check("£<<6 * 2>> a day", &[Text("£"), Call("6 * 2"), Text(" a day")]);
        check("<<1>><<2>>", &[Text(""), Call("1"), Text(""), Call("2"), Text("")]);
        check("a << b", &[Text("a << b")]);
        check("a >> b", &[Text("a >> b")]);
        check("a >> b <<1>>", &[Text("a >> b "), Call("1"), Text("")]);
        check("<<1 <<2>>", &[Text("<<1 "), Call("2"), Text("")]);
        check("£<<6 * 102.", &[Text("£<<6 * 102.")]);
    }
}
