//! An answer handed over piece by piece, as it is generated.
//!
//! The pieces together are the text that [`generate`] gives for the same prompt: half a character and the
//! beginning of a stop text are held back until it is known what they become.

use super::error::ModelError;
use super::files::LoadedModel;
use super::generate::{Generated, GenerationOptions, generate};
use super::observe::{Flow, Observer, Totals};
use super::tokenizer::ChatTokenizer;

/// What decoding gives for bytes that are no character, or not yet.
const REPLACEMENT: char = '\u{fffd}';

/// Answers one prompt and hands over its text as soon as it is certain. Returns the whole answer, or nothing
/// where the receiver stopped it.
///
/// # Errors
/// As [`generate`].
pub fn stream(
    model: &LoadedModel,
    prompt: &[u32],
    options: &GenerationOptions<'_>,
    on_text: &mut dyn FnMut(&str) -> Flow,
) -> Result<Option<Generated>, ModelError> {
    let mut pieces = Pieces {
        tokenizer: &model.tokenizer,
        stop: options.stop,
        handed: String::new(),
        on_text,
        answer: None,
        failure: None,
    };
    generate(model, &[prompt.to_vec()], options, &mut pieces)?;
    match pieces.failure {
        Some(failure) => Err(failure),
        None => Ok(pieces.answer),
    }
}

/// Watches one answer grow.
struct Pieces<'a> {
    tokenizer: &'a ChatTokenizer,
    stop: &'a [String],
    /// What the receiver has.
    handed: String,
    on_text: &'a mut dyn FnMut(&str) -> Flow,
    answer: Option<Generated>,
    failure: Option<ModelError>,
}

impl Pieces<'_> {
    /// Hands over what is new in a text that will not change any more.
    fn hand_over(&mut self, certain: &str) -> Flow {
        match certain.strip_prefix(&self.handed) {
            Some(new) if !new.is_empty() => {
                let flow = (self.on_text)(new);
                self.handed.push_str(new);
                flow
            }
            _ => Flow::Continue,
        }
    }
}

impl Observer for Pieces<'_> {
    fn before_pass(&mut self, _: Totals) -> Flow {
        Flow::Continue
    }

    fn extended(&mut self, _: usize, tokens: &[u32]) -> Flow {
        match self.tokenizer.decode(tokens) {
            Ok(text) => self.hand_over(certain(&text, self.stop)),
            Err(error) => {
                self.failure = Some(error);
                Flow::Stop
            }
        }
    }

    fn finished(&mut self, _: usize, answer: Generated) -> Flow {
        let flow = self.hand_over(&answer.text);
        self.answer = Some(answer);
        flow
    }
}

/// The part of an unfinished text that no further token can change or cut off.
fn certain<'a>(text: &'a str, stop: &[String]) -> &'a str {
    let whole = text.trim_end_matches(REPLACEMENT);
    let held = stop.iter().map(|stop| begun(whole, stop)).max().unwrap_or(0);
    &whole[..whole.len() - held]
}

/// Bytes at the text's end that are the beginning of the stop text: the longest such end.
fn begun(text: &str, stop: &str) -> usize {
    let beginnings = stop.char_indices().map(|(at, _)| at).rev();
    beginnings.into_iter().find(|at| text.ends_with(&stop[..*at])).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_stop_text_is_held_back() {
        let stop = ["\n\nQ:".to_owned(), "END".to_owned()];
        assert_eq!(certain("It is 5.\n", &stop), "It is 5.");
        assert_eq!(certain("It is 5.\n\n", &stop), "It is 5.");
        assert_eq!(certain("It is 5.\n\nQ", &stop), "It is 5.");
        assert_eq!(certain("It is 5.\n\nA", &stop), "It is 5.\n\nA");
        assert_eq!(certain("THE EN", &stop), "THE ");
        assert_eq!(certain("ENEN", &stop), "EN");
        assert_eq!(certain("text", &[]), "text");
    }

    #[test]
    fn half_a_character_is_held_back() {
        let half = String::from_utf8_lossy(&"caf\u{e9}".as_bytes()[..4]).into_owned();
        assert_eq!(certain(&half, &[]), "caf");
    }
}
