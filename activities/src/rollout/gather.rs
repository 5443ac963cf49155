//! Questions and answers of production, for a look at drift: different questions alone, a bounded and even sample of
//! them however many there are.

use std::collections::BTreeMap;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::contract::{GatherRequest, Gathered};
use empiric_schema::data::splits::normalise;
use empiric_schema::job::{ServedLine, TextLine};
use serde::Serialize;

use super::collect::JSONL;
use super::{RolloutActivities, RolloutActivityError};

/// Different questions that are kept. More would make a look slower, and it finds what matters with fewer.
const MOST_QUESTIONS: usize = 400;

/// The questions whose digests are smallest: a sample in which each different question has the same chance, however
/// often it was asked, and the same one for every try.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    lines: BTreeMap<Digest, ServedLine>,
    /// Last sequence of the request log.
    pub(crate) until: i64,
}

impl Sample {
    /// Takes a question, unless the same one is there.
    pub(crate) fn take(&mut self, line: ServedLine) {
        let key = Digest::of(normalise(&line.question).as_bytes());
        self.lines.entry(key).or_insert(line);
        if self.lines.len() > MOST_QUESTIONS {
            self.lines.pop_last();
        }
    }
}

impl RolloutActivities {
    /// Gathers what was asked and said since the last look.
    ///
    /// # Errors
    /// Rows do not read, or the store takes nothing.
    pub async fn gather_lines(&self, request: &GatherRequest) -> Result<Gathered, RolloutActivityError> {
        let mut sample = Sample { until: request.after, ..Sample::default() };
        while self.database.sample_served(request, &mut sample).await? {}
        let lines: Vec<ServedLine> = sample.lines.into_values().collect();
        let questions = lines.len() as u32;
        let until = sample.until;
        if questions < request.least {
            return Ok(Gathered { questions, served: None, dev_answers: None, until });
        }
        let before = self.database.dev_answers(&request.version).await?;
        let before: Vec<TextLine> = before.into_iter().map(|(id, text)| TextLine { id, text }).collect();
        let dev_answers = match before.is_empty() {
            true => None,
            false => Some(self.keep_lines("item_results", &before).await?),
        };
        Ok(Gathered {
            questions,
            served: Some(self.keep_lines("request_log", &lines).await?),
            dev_answers,
            until,
        })
    }

    /// Values as JSON lines in the store.
    pub(super) async fn keep_lines<T: Serialize>(
        &self,
        table: &'static str,
        values: &[T],
    ) -> Result<ArtifactRef, RolloutActivityError> {
        let mut lines = String::new();
        for value in values {
            let line = serde_json::to_string(value);
            lines.push_str(&line.map_err(|source| RolloutActivityError::Row { table, source })?);
            lines.push('\n');
        }
        Ok(self.store.put_bytes(lines.into_bytes(), JSONL).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_each_question_once_and_no_more_than_it_should() {
        let line = |number: usize| ServedLine {
            id: number.to_string(),
            question: format!("What of {}?", number % 1000),
            answer: String::new(),
        };
        let (mut sample, mut backwards) = (Sample::default(), Sample::default());
        (0..3000).for_each(|number| sample.take(line(number)));
        (0..1000).rev().for_each(|number| backwards.take(line(number)));
        assert_eq!(sample.lines.len(), MOST_QUESTIONS);
        let questions = |sample: &Sample| -> Vec<String> {
            sample.lines.values().map(|line| line.question.clone()).collect()
        };
        assert_eq!(questions(&sample), questions(&backwards), "order and repeats do not matter");
        let mut few = Sample::default();
        few.take(line(1));
        few.take(ServedLine { question: "what of 1".to_owned(), ..line(2) });
        assert_eq!(few.lines.len(), 1);
    }
}
