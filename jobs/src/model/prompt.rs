//! From messages and texts to the tokens that the network reads.

use super::chat::Message;
use super::error::ModelError;
use super::files::LoadedModel;
use super::tokenizer::ChatTokenizer;

impl LoadedModel {
    /// The tokens of a chat up to where the assistant continues after `answer_cue`.
    ///
    /// # Errors
    /// The template refuses the messages.
    pub fn prompt(&self, messages: &[Message], answer_cue: &str) -> Result<Vec<u32>, ModelError> {
        self.tokenizer.encode(&(self.chat.render(messages)? + answer_cue))
    }
}

impl ChatTokenizer {
    /// The tokens of a text that continues a prompt.
    ///
    /// Both are turned into tokens together, so that a text is cut as it would be in the whole, such as a
    /// word at the space before it. Where the prompt's own tokens would change (its end would be merged with
    /// the text's beginning), the text is cut by itself instead: in generation too the model continues the
    /// tokens that the prompt has alone.
    ///
    /// # Errors
    /// The tokenizer fails.
    pub fn continuation(&self, prompt: &[u32], text: &str) -> Result<Vec<u32>, ModelError> {
        // Nothing is merged over a special token, so only what follows the last one can matter.
        let tail = prompt.iter().rposition(|token| self.is_special(*token)).map_or(0, |last| last + 1);
        let tail = &prompt[tail..];
        let mut together = self.encode(&(self.decode(tail)? + text))?;
        match together.starts_with(tail) {
            true => Ok(together.split_off(tail.len())),
            false => self.encode(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::quantized::GgmlDType;

    use crate::model::tiny::TinyModel;
    use crate::model::{LoadedModel, load};

    fn model() -> LoadedModel {
        let folder = tempfile::tempdir().unwrap();
        load(&TinyModel::new(1, true).write_gguf(folder.path(), GgmlDType::F32)).unwrap()
    }

    #[test]
    fn a_continuation_is_cut_as_in_the_whole_text() {
        let tokenizer = model().tokenizer;
        for (prompt, text) in [("<|im_start|>assistant\n", "the inn"), ("A:", " the"), ("", "in"), ("A", "")]
        {
            let start = tokenizer.encode(prompt).unwrap();
            let whole = tokenizer.encode(&format!("{prompt}{text}")).unwrap();
            let continuation = tokenizer.continuation(&start, text).unwrap();
            assert_eq!([start, continuation].concat(), whole, "{prompt:?} {text:?}");
        }
    }

    #[test]
    fn a_merge_over_the_border_leaves_the_prompt_as_it_is() {
        let tokenizer = model().tokenizer;
        let start = tokenizer.encode("<|im_start|>t").unwrap();
        let merged = tokenizer.encode("<|im_start|>the").unwrap();
        assert!(!merged.starts_with(&start), "the tiny tokenizer merges t, h and e");
        assert_eq!(tokenizer.continuation(&start, "he").unwrap(), tokenizer.encode("he").unwrap());
    }
}
