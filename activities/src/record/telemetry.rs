//! Measurements and verdicts as events and metrics, once they are in the read model.
//!
//! Events go through `tracing`; exporters are left to the program.

use empiric_schema::contract::{Record, RecordBatch};
use empiric_schema::decision::{Decision, DecisionRecord};
use empiric_schema::evidence::Verdict;
use empiric_schema::id::RunId;
use empiric_schema::question::Question;
use empiric_schema::telemetry_names as names;
use empiric_schema::view::Measurement;
use opentelemetry::{KeyValue, global};

/// The split whose figures a gate shows or keeps to itself.
const LOCKED: &str = "test";

/// Tells what the batch has in it.
pub(super) fn tell(batch: &RecordBatch) {
    for record in &batch.records {
        match record {
            Record::Evaluation { measurement, .. } if measurement.split != LOCKED => {
                measured(&batch.run, measurement);
            }
            Record::Decision(decision) => decided(&batch.run, decision),
            Record::Question(question) => asked(&batch.run, question),
            Record::Spend(spend) => {
                let gauge = global::meter("empiric").f64_gauge(names::EMPIRIC_SPEND).build();
                let amounts = [
                    ("device_seconds", spend.device_seconds),
                    ("tokens", spend.tokens as f64),
                    ("usd", spend.usd),
                ];
                for (resource, amount) in amounts {
                    gauge.record(
                        amount,
                        &[of_run(&batch.run), KeyValue::new(names::EMPIRIC_RESOURCE, resource)],
                    );
                }
            }
            _ => {}
        }
    }
}

fn of_run(run: &RunId) -> KeyValue {
    KeyValue::new(names::RUN, run.to_string())
}

fn measured(run: &RunId, measurement: &Measurement) {
    let split = measurement.split.as_str();
    let gauge = global::meter("empiric").f64_gauge(names::EMPIRIC_QUALITY).build();
    gauge.record(
        measurement.accuracy(),
        &[of_run(run), KeyValue::new(names::EMPIRIC_SPLIT, split.to_owned())],
    );
    tracing::info!(
        name: names::GEN_AI_EVALUATION_RESULT,
        run = %run,
        { names::GEN_AI_EVALUATION_NAME } = "accuracy",
        { names::GEN_AI_EVALUATION_SCORE_VALUE } = measurement.accuracy(),
        { names::GEN_AI_EVALUATION_SCORE_LABEL } = format!("{} of {}", measurement.passed, measurement.n),
        { names::EMPIRIC_SPLIT } = split,
        { names::EMPIRIC_VERSION } = %measurement.version,
        "{} on {split}", measurement.label
    );
}

fn decided(run: &RunId, record: &DecisionRecord) {
    match &record.decision {
        Decision::Promote { candidate, incumbent, evidence, .. } => {
            count("promote", evidence.verdict);
            let counts = evidence.counts;
            tracing::info!(
                name: names::EMPIRIC_GATE_DECISION,
                run = %run,
                { names::EMPIRIC_GATE } = "promote",
                { names::EMPIRIC_CANDIDATE } = %candidate,
                { names::EMPIRIC_BASELINE } = %incumbent,
                { names::EMPIRIC_N } = counts.total(),
                { names::EMPIRIC_DELTA } = counts.gain(),
                { names::EMPIRIC_DELTA_LOW } = evidence.gain.low,
                { names::EMPIRIC_DELTA_HIGH } = evidence.gain.high,
                { names::EMPIRIC_P } = evidence.p_better,
                { names::EMPIRIC_VERDICT } = word(evidence.verdict),
                { names::EMPIRIC_RULE } = record.why,
            );
        }
        Decision::Gate { candidate, criteria, verdict, shown, .. } => {
            count("gate", *verdict);
            shown.iter().for_each(|measurement| measured(run, measurement));
            tracing::info!(
                name: names::EMPIRIC_GATE_DECISION,
                run = %run,
                { names::EMPIRIC_GATE } = "gate",
                { names::EMPIRIC_CANDIDATE } = %candidate,
                { names::EMPIRIC_VERDICT } = word(*verdict),
                { names::EMPIRIC_RULE } = record.why,
                criteria = criteria.len(),
            );
        }
        _ => {}
    }
}

/// A warning when nobody answers in time, so that whoever watches the logs can send somebody.
fn asked(run: &RunId, question: &Question) {
    let (about, state) = (question.about.name(), state(question));
    let attributes = [
        of_run(run),
        KeyValue::new(names::EMPIRIC_QUESTION_ABOUT, about),
        KeyValue::new(names::EMPIRIC_QUESTION_STATE, state),
    ];
    global::meter("empiric").u64_counter(names::EMPIRIC_QUESTION).build().add(1, &attributes);
    // The level of an event is part of its declaration.
    macro_rules! event {
        ($level:ident) => {
            tracing::$level!(
                name: names::EMPIRIC_QUESTION,
                run = %run,
                { names::EMPIRIC_QUESTION_NUMBER } = question.number,
                { names::EMPIRIC_QUESTION_ABOUT } = about,
                { names::EMPIRIC_QUESTION_STATE } = state,
                "question {} of {run} is {state}: {}", question.number, question.text
            )
        };
    }
    if state == ESCALATED { event!(warn) } else { event!(info) }
}

/// The state of a question that nobody answered in time.
const ESCALATED: &str = "escalated";

fn state(question: &Question) -> &'static str {
    match (&question.answer, question.escalated) {
        (Some(answer), _) => answer.word(),
        (None, Some(_)) => ESCALATED,
        (None, None) => "asked",
    }
}

fn count(gate: &'static str, verdict: Verdict) {
    let attributes =
        [KeyValue::new(names::EMPIRIC_GATE, gate), KeyValue::new(names::EMPIRIC_VERDICT, word(verdict))];
    global::meter("empiric").u64_counter(names::EMPIRIC_GATE_VERDICTS).build().add(1, &attributes);
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        Verdict::Inconclusive => "inconclusive",
    }
}

#[cfg(test)]
mod tests {
    use empiric_schema::question::{PersonAnswer, QuestionAbout};

    use super::*;

    #[test]
    fn a_question_is_asked_then_escalated_and_an_answer_has_the_last_word() {
        let asked = Question {
            number: 1,
            about: QuestionAbout::Release,
            text: String::new(),
            context: Vec::new(),
            asked: 1.0,
            deadline: 2.0,
            escalated: None,
            requester: None,
            answer: None,
        };
        let late = Question { escalated: Some(2.0), ..asked.clone() };
        let no = PersonAnswer { approved: false, by: "ada".to_owned(), note: String::new(), at: 3.0 };
        let answered = Question { answer: Some(no), ..late.clone() };
        assert_eq!([&asked, &late, &answered].map(state), ["asked", ESCALATED, "rejected"]);
    }
}
