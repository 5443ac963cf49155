//! Whether what is asked and said is still like the dev split. It tells people, and demotes nothing: other questions
//! are no fault of a version, but what was promised was shown on questions like those of dev. Pure.

use std::collections::BTreeSet;

use empiric_schema::artifact::{ArtifactRef, Digest};
use empiric_schema::job::{AnswerShift, AnswerTrait, DriftSummary, EncoderFiles};
use empiric_schema::rollout::DriftView;
use serde::{Deserialize, Serialize};

use super::rules::Rules;
use super::state::Subject;
use super::watch::Alert;

/// Probability with which a look finds a difference where there is none: with a look an hour, once in six weeks.
const ALPHA: f64 = 0.001;
/// Differences that a look tests: the questions, and two traits of the answers.
const TESTS: f64 = 3.0;
/// The same for each of them (Bonferroni).
pub(super) const ALPHA_EACH: f64 = ALPHA / TESTS;

/// What the questions of production are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct DriftReference {
    /// JSONL of the items of dev.
    pub(super) dev: ArtifactRef,
    /// Who embeds them.
    pub(super) encoder: EncoderFiles,
}

/// What a look came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Looked {
    pub(super) reference: DriftReference,
    /// Different questions since the last look that came to something.
    pub(super) questions: u32,
    /// Last sequence of the request log that was looked at.
    pub(super) until: i64,
    /// Nothing where there were too few.
    pub(super) summary: Option<DriftSummary>,
}

/// Looks at drift: when the next one is due, and what the last one found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct DriftWatch {
    /// Unix seconds.
    next: f64,
    /// What the cursor is about: another version has answers of its own.
    version: Option<Digest>,
    pub(super) cursor: i64,
    pub(super) reference: Option<DriftReference>,
    pub(super) view: Option<DriftView>,
    alerted: BTreeSet<String>,
}

impl DriftWatch {
    /// Whether somebody should look now.
    pub(super) fn is_due(&self, rules: &Rules, subject: Option<&Subject>, now: f64) -> bool {
        let Some(drift) = &rules.monitor.drift else { return false };
        // The first look comes when there may be something to see.
        subject.is_some_and(|subject| now >= self.next.max(subject.since + drift.every_seconds))
    }

    /// A look begins; the next one is due after the interval, however this one ends.
    pub(super) fn begin(&mut self, rules: &Rules, subject: &Subject, now: f64) {
        let every = rules.monitor.drift.as_ref().map_or(f64::INFINITY, |drift| drift.every_seconds);
        self.next = now + every;
        if self.version.as_ref() != Some(&subject.version) {
            (self.version, self.cursor) = (Some(subject.version.clone()), 0);
        }
    }

    /// Keeps what a look found; gives what people were not told before.
    pub(super) fn looked(&mut self, rules: &Rules, looked: &Looked, now: f64) -> Vec<Alert> {
        self.reference = Some(looked.reference.clone());
        let needed = rules.monitor.drift.as_ref().map_or(0, |drift| drift.min_questions);
        let Some(summary) = &looked.summary else {
            self.view = Some(DriftView { questions: looked.questions, ..DriftView::nothing(now, needed) });
            return Vec::new();
        };
        self.cursor = looked.until;
        let found = differences(summary);
        self.view = Some(DriftView {
            questions: looked.questions,
            summary: Some(summary.clone()),
            found: found.iter().map(|alert| alert.why.clone()).collect(),
            ..DriftView::nothing(now, needed)
        });
        self.alerted.retain(|name| found.iter().any(|alert| alert.name == name));
        found.into_iter().filter(|alert| self.alerted.insert(alert.name.to_owned())).collect()
    }

    /// A look that came to nothing says nothing, and what was found before no longer holds.
    pub(super) fn failed(&mut self, rules: &Rules, problem: &str, now: f64) {
        let needed = rules.monitor.drift.as_ref().map_or(0, |drift| drift.min_questions);
        self.view = Some(DriftView { problem: Some(problem.to_owned()), ..DriftView::nothing(now, needed) });
    }
}

/// What has shifted, in words.
fn differences(summary: &DriftSummary) -> Vec<Alert> {
    let questions = (summary.distance > summary.limit).then(|| Alert {
        name: "drift of the questions",
        why: format!(
            "{} different questions are {:.3} from the nearest one of dev, where {:.3} is usual and {:.3} the most that \
             chance gives: what was promised was shown on other questions",
            summary.questions, summary.distance, summary.expected, summary.limit
        ),
    });
    questions.into_iter().chain(summary.answers.iter().filter_map(shift)).collect()
}

fn shift(shift: &AnswerShift) -> Option<Alert> {
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let (name, what, show): (_, String, &dyn Fn(f64) -> String) = match shift.of {
        AnswerTrait::Length => {
            ("drift of lengths", "the median length of the answers".to_owned(), &|length| {
                format!("{length:.0}")
            })
        }
        AnswerTrait::Refusals => {
            ("drift of refusals", "the share of answers that read like refusals".to_owned(), &percent)
        }
        AnswerTrait::Labels => {
            let label = shift.label.as_deref().unwrap_or("a label");
            ("drift of labels", format!("the share of answers with `{label}`"), &percent)
        }
    };
    let why =
        format!("{what} is {}, and was {} on dev (p = {:.4})", show(shift.here), show(shift.before), shift.p);
    (shift.p < ALPHA_EACH).then_some(Alert { name, why })
}

#[cfg(test)]
mod tests {
    use empiric_schema::spec::{DriftSpec, MonitorSpec};

    use super::*;
    use crate::rollout::tests::rules;

    fn watching() -> Rules {
        let drift = Some(DriftSpec { every_seconds: 3600.0, min_questions: 50 });
        Rules { monitor: MonitorSpec { drift, ..MonitorSpec::default() }, ..rules() }
    }

    fn artifact(name: &str) -> ArtifactRef {
        ArtifactRef { digest: Digest::of(name.as_bytes()), size: 1, media_type: "x".to_owned() }
    }

    fn reference() -> DriftReference {
        let encoder = EncoderFiles {
            weights: artifact("w"),
            config: artifact("c"),
            tokenizer: artifact("t"),
            settings: None,
        };
        DriftReference { dev: artifact("dev"), encoder }
    }

    fn looked(distance: f64, p: f64) -> Looked {
        let refusals = AnswerShift { of: AnswerTrait::Refusals, here: 0.2, before: 0.01, p, label: None };
        let summary = DriftSummary {
            questions: 80,
            reference: 100,
            distance,
            expected: 0.3,
            limit: 0.36,
            answers: vec![refusals],
        };
        Looked { reference: reference(), questions: 80, until: 9, summary: Some(summary) }
    }

    #[test]
    fn people_are_told_once_while_it_lasts() {
        let (rules, mut watch) = (watching(), DriftWatch::default());
        let told = |watch: &mut DriftWatch, distance, p| -> Vec<&'static str> {
            watch.looked(&rules, &looked(distance, p), 1.0).into_iter().map(|alert| alert.name).collect()
        };
        assert_eq!(told(&mut watch, 0.36, 0.5), [] as [&str; 0]);
        assert_eq!(told(&mut watch, 0.37, 0.5), ["drift of the questions"]);
        assert_eq!(told(&mut watch, 0.40, 0.0001), ["drift of refusals"]);
        assert_eq!(watch.view.as_ref().unwrap().found.len(), 2, "both are shown");
        assert_eq!(told(&mut watch, 0.30, 0.0001), [] as [&str; 0]);
        assert_eq!(told(&mut watch, 0.40, 0.0001), ["drift of the questions"], "it has come back");
    }

    #[test]
    fn too_few_questions_say_nothing_and_wait_for_more() {
        let (rules, mut watch) = (watching(), DriftWatch::default());
        watch.looked(&rules, &looked(0.40, 0.5), 1.0);
        let few = Looked { questions: 7, until: 30, summary: None, ..looked(0.0, 1.0) };
        assert_eq!(watch.looked(&rules, &few, 2.0), []);
        let view = watch.view.clone().unwrap();
        assert_eq!((view.questions, view.needed, view.summary.is_none()), (7, 50, true));
        assert_eq!(view.words(), "not enough to say: 7 of 50 different questions");
        assert_eq!(watch.cursor, 9, "they are looked at again, with those that come");
        watch.failed(&rules, "the store is away", 3.0);
        assert_eq!(watch.view.unwrap().words(), "could not be looked at: the store is away");
    }

    #[test]
    fn a_look_is_due_after_each_interval() {
        let (rules, mut watch) = (watching(), DriftWatch::default());
        let subject = Subject::at(Digest::of(b"1"), 0, 100.0);
        let due = |watch: &DriftWatch, now: f64| watch.is_due(&rules, Some(&subject), now);
        assert!(!due(&watch, 101.0) && due(&watch, 3700.0));
        assert!(!watch.is_due(&rules, None, 1e9), "there is nothing to look at");
        watch.begin(&rules, &subject, 4000.0);
        assert!(!due(&watch, 7599.0) && due(&watch, 7600.0));
        watch.cursor = 9;
        watch.begin(&rules, &subject, 8000.0);
        assert_eq!(watch.cursor, 9);
        watch.begin(&rules, &Subject::at(Digest::of(b"2"), 0, 100.0), 8000.0);
        assert_eq!(watch.cursor, 0, "another version has other answers");
        let off = Rules { monitor: MonitorSpec::default(), ..rules.clone() };
        assert!(!watch.is_due(&off, Some(&subject), 1e9));
    }
}
