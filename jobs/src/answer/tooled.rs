//! Answers whose calls are done before they are handed on.

use super::question::{Answer, AnswerObserver, Question};
use crate::model::{Flow, Totals};
use crate::retrieve::Found;
use crate::tools::Toolbox;

/// Stands between an engine and an observer.
pub(super) struct Tooled<'a> {
    pub(super) toolbox: &'a Toolbox,
    pub(super) questions: &'a [Question<'a>],
    pub(super) observer: &'a mut dyn AnswerObserver,
}

impl AnswerObserver for Tooled<'_> {
    fn found(&mut self, found: &[Option<Found<'_>>]) {
        self.observer.found(found);
    }

    fn before_pass(&mut self, totals: Totals) -> Flow {
        self.observer.before_pass(totals)
    }

    fn used(&mut self, totals: Totals) {
        self.observer.used(totals);
    }

    fn answered(&mut self, index: usize, answer: Answer) -> Flow {
        let worked = self.toolbox.work(self.questions[index].input, &answer.text);
        self.observer.answered(index, Answer { text: worked.text, calls: worked.calls, ..answer })
    }
}
