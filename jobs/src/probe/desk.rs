//! The probes that need no model: what was recorded is read again, and each item gets its gold passage.

use empiric_schema::data::Item;
use empiric_schema::diagnosis::{Category, Probe, Trial};
use empiric_schema::document::Chunk;
use empiric_schema::grade::Assertion;
use empiric_schema::job::ItemResult;

use super::case::{Case, Gold, Shown};
use super::lenient::LenientGrader;
use super::passages::{Passages, holds_answer};
use super::recheck::Recheck;
use crate::grade::GradeError;

/// Who reads recorded answers again.
#[derive(Debug)]
pub(crate) struct Desk<'a> {
    passages: &'a Passages,
    /// The chunks that the version looks up from; none where it does not retrieve.
    looked_up: Option<&'a Passages>,
    recheck: Recheck<'a>,
    lenient: LenientGrader<'a>,
}

impl<'a> Desk<'a> {
    /// `items` are all of the file, those that passed too.
    pub(crate) fn new(
        items: &'a [Item],
        assertions: &'a [Assertion],
        labels: &'a [String],
        passages: &'a Passages,
        looked_up: Option<&'a Passages>,
    ) -> Self {
        let recheck = Recheck::new(items, passages, assertions, labels);
        Self { passages, looked_up, recheck, lenient: LenientGrader::new(assertions, labels) }
    }

    /// Opens the case of a failing item, and closes it if its recorded answer says enough.
    ///
    /// # Errors
    /// The item does not fit an assertion.
    pub(crate) fn open(&self, item: &'a Item, recorded: &'a ItemResult) -> Result<Case<'a>, GradeError> {
        let mut case = Case::new(item, recorded);
        self.read_again(&mut case)?;
        if case.is_open() {
            let (gold, work) = self.passages.gold(item);
            case.gold = gold.map(|chunk| self.gold(item, recorded, chunk.clone()));
            case.work = work;
        }
        Ok(case)
    }

    fn read_again(&self, case: &mut Case<'_>) -> Result<(), GradeError> {
        let (item, recorded) = (case.item, case.recorded);
        if recorded.harmful {
            case.close(Category::Harm, None, "the answer has a forbidden text in it".to_owned());
            return Ok(());
        }
        let defect = self.recheck.defect(item, &recorded.answer);
        note(case, Probe::Recheck, defect.is_some());
        if let Some(why) = defect {
            case.close(Category::EvaluationDefect, Some(Probe::Recheck), why);
            return Ok(());
        }
        let is_right = self.lenient.passes(item, &recorded.answer)?;
        note(case, Probe::LenientGrader, is_right);
        if is_right {
            let why = "right, but not in the form asked for".to_owned();
            case.close(Category::Format, Some(Probe::LenientGrader), why);
        } else if self.recheck.must_be_withheld(item) {
            case.close(Category::Harm, None, "it should have been declined".to_owned());
        } else if self.recheck.must_be_abstained_from(item) {
            case.close(Category::Harm, None, "the documents do not say, and that was not said".to_owned());
        }
        Ok(())
    }

    fn gold(&self, item: &Item, recorded: &ItemResult, chunk: Chunk) -> Gold {
        let shown = match self.looked_up {
            None => Shown::NeverLookedUp,
            Some(looked_up) => self.shown(item, &chunk, recorded, looked_up),
        };
        Gold { chunk, shown }
    }

    /// A shown passage is as good as the gold one if it is of a named document and holds the answer too: the
    /// version may look up from other chunks than those that probes take from.
    fn shown(&self, item: &Item, gold: &Chunk, recorded: &ItemResult, looked_up: &Passages) -> Shown {
        let is_gold = |chunk: &Chunk| {
            let says = || holds_answer(&super::lenient::tokens(&chunk.passage()), item);
            item.documents.contains(&chunk.document) && (chunk.text.contains(&gold.text) || says())
        };
        let shown = recorded.passages.iter().filter_map(|passage| looked_up.get(passage.chunk as usize));
        match (shown.filter(|chunk| is_gold(chunk)).count(), recorded.passages.len()) {
            (0, _) => Shown::Missed,
            (_, 1) => Shown::Alone,
            _ => Shown::Among,
        }
    }
}

fn note(case: &mut Case<'_>, probe: Probe, passed: bool) {
    let answer = case.recorded.answer.clone();
    case.trials.push(Trial { probe, passed, answer });
}

#[cfg(test)]
#[path = "desk_tests.rs"]
mod tests;
