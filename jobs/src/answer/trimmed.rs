//! Pieces of a text without the white space around the whole.

use crate::model::Flow;

/// Hands pieces on as if the whole text had been trimmed: white space waits for text that follows it.
#[derive(Debug, Default)]
pub(super) struct Trimmed {
    begun: bool,
    waiting: String,
}

impl Trimmed {
    /// Hands over what of the text so far cannot be its end.
    pub(super) fn hand_over(&mut self, piece: &str, receiver: &mut dyn FnMut(&str) -> Flow) -> Flow {
        self.waiting.push_str(piece);
        let ready = self.waiting.trim_end().len();
        if ready == 0 {
            return Flow::Continue;
        }
        let rest = self.waiting.split_off(ready);
        let ready = std::mem::replace(&mut self.waiting, rest);
        let begun = std::mem::replace(&mut self.begun, true);
        receiver(if begun { &ready } else { ready.trim_start() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_together_are_the_trimmed_text() {
        let text = " \n The  answer\u{a0}is: \n\n 5 \n ";
        for size in 1..6 {
            let mut whole = String::new();
            let mut trimmed = Trimmed::default();
            let letters: Vec<char> = text.chars().collect();
            for piece in letters.chunks(size) {
                let piece: String = piece.iter().collect();
                trimmed.hand_over(&piece, &mut |piece| {
                    assert!(!piece.is_empty());
                    whole.push_str(piece);
                    Flow::Continue
                });
            }
            assert_eq!(whole, text.trim());
        }
    }
}
