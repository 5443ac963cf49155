//! A thread that answers: [`Answerer::answer_each`] for whole answers, [`Answerer::answer_stream`] for streams.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use empiric_jobs::answer::{Answer, AnswerError, AnswerObserver, Answerer, Question};
use empiric_jobs::model::{Flow, Totals};

use super::lane::{Load, Queue};
use super::work::{Fault, Said, Work};
use crate::error::chain;

/// One thread of a lane.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) answerer: Arc<Answerer>,
    pub(super) work: Queue,
    pub(super) load: Arc<Load>,
    pub(super) batch: usize,
}

impl Worker {
    /// Answers until the lane is dropped.
    pub(super) fn run(self) {
        while let Some(works) = self.next() {
            self.load.taken(works.len());
            let (gone, wanted): (Vec<Work>, Vec<Work>) = works.into_iter().partition(Work::is_abandoned);
            gone.into_iter().for_each(|work| work.finish(Err(Fault::Abandoned)));
            let (streams, wholes): (Vec<Work>, Vec<Work>) =
                wanted.into_iter().partition(|work| work.pieces.is_some());
            self.answer_together(wholes);
            streams.into_iter().for_each(|work| self.answer_in_pieces(work));
        }
    }

    /// The next question, with others that wait already.
    fn next(&self) -> Option<Vec<Work>> {
        let queue = self.work.lock().unwrap_or_else(PoisonError::into_inner);
        let mut works = vec![queue.recv().ok()?];
        works.extend(queue.try_iter().take(self.batch - 1));
        Some(works)
    }

    fn answer_together(&self, works: Vec<Work>) {
        if works.is_empty() {
            return;
        }
        let inputs: Vec<String> = works.iter().map(|work| work.input.clone()).collect();
        let questions: Vec<Question<'_>> =
            inputs.iter().map(|input| Question::from(input.as_str())).collect();
        let (begun, size) = (Instant::now(), works.len());
        let mut replies = Replies { worker: self, begun, size, works: works.into_iter().map(Some).collect() };
        let outcome = guarded(|| self.answerer.answer_each(&questions, size, &mut replies).map(drop));
        let left: Vec<Work> = replies.works.into_iter().flatten().collect();
        match outcome {
            Ok(()) => left.into_iter().for_each(|work| work.finish(Err(Fault::Stopped))),
            Err(fault) if size == 1 => left.into_iter().for_each(|work| work.finish(Err(fault.clone()))),
            // One question that cannot be answered must not take the others with it.
            Err(_) => left.into_iter().for_each(|work| self.answer_together(vec![work])),
        }
    }

    fn answer_in_pieces(&self, work: Work) {
        let begun = Instant::now();
        let mut hand_over = |piece: &str| match &work.pieces {
            Some(pieces) if pieces.send(piece.to_owned()).is_ok() && !work.is_abandoned() => Flow::Continue,
            _ => Flow::Stop,
        };
        let question = Question::from(work.input.as_str());
        let outcome = guarded(|| self.answerer.answer_stream(&question, &mut hand_over));
        let outcome = match outcome {
            Ok(Some(answer)) => Ok(self.said(answer, begun, 1)),
            Ok(None) => Err(Fault::Stopped),
            Err(fault) => Err(fault),
        };
        work.finish(outcome);
    }

    fn said(&self, answer: Answer, begun: Instant, size: usize) -> Said {
        self.load.answered(begun.elapsed().as_secs_f64() / size as f64, answer.prompt_tokens);
        let chunks = self.answerer.chunks();
        let text = |chunk: u32| chunks.get(chunk as usize).map(|chunk| chunk.passage()).unwrap_or_default();
        let passages = answer.passages.iter().map(|passage| text(passage.chunk)).collect();
        Said { answer, passages }
    }
}

/// Hands each answer over as soon as it is there.
struct Replies<'a> {
    worker: &'a Worker,
    begun: Instant,
    size: usize,
    works: Vec<Option<Work>>,
}

impl AnswerObserver for Replies<'_> {
    fn before_pass(&mut self, _: Totals) -> Flow {
        let is_wanted = self.works.iter().flatten().any(|work| !work.is_abandoned());
        if is_wanted { Flow::Continue } else { Flow::Stop }
    }

    fn answered(&mut self, index: usize, answer: Answer) -> Flow {
        if let Some(work) = self.works[index].take() {
            work.finish(Ok(self.worker.said(answer, self.begun, self.size)));
        }
        Flow::Continue
    }
}

/// A defect that ends one answer must not end the thread that gives all others.
fn guarded<T>(answer: impl FnOnce() -> Result<T, AnswerError>) -> Result<T, Fault> {
    match catch_unwind(AssertUnwindSafe(answer)) {
        Ok(outcome) => outcome.map_err(|error| Fault::Failed(chain(&error))),
        Err(_) => Err(Fault::Failed("the model runtime broke down over this question".to_owned())),
    }
}
