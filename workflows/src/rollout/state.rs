//! Where a rollout stands. Pure data with the few changes that keep it legal.

use empiric_schema::artifact::Digest;
use empiric_schema::contract::Cursor;
use empiric_schema::evidence::Verdict;
use empiric_schema::rollout::{Judged, PromotionQuestion, Window};
use serde::{Deserialize, Serialize};

use super::rules::Rules;
use crate::evidence::promise::PromiseStream;

/// Where a rollout stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RolloutState {
    /// Of the exposure; rises with everything that changes who sees what, and with every answer of a person.
    pub revision: u64,
    /// The version that is on its way up, or watched where it has got to.
    pub subject: Option<Subject>,
    /// A version that kept its promise at full exposure.
    pub last_good: Option<Digest>,
    /// What a person is asked. Only about the subject and its rung.
    pub question: Option<PromotionQuestion>,
}

/// A version and what was judged of it where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Which.
    pub version: Digest,
    /// Place on the ladder.
    pub place: usize,
    /// Unix seconds when it got there.
    pub since: f64,
    /// How far its rows were counted; none before the first window.
    pub cursor: Option<Cursor>,
    /// Everything that was judged there.
    pub judged: Judged,
    /// The same as a stream.
    pub stream: PromiseStream,
    /// Everything at which somebody looked for harm there.
    #[serde(default)]
    pub harm: Judged,
    /// The same as a stream.
    #[serde(default)]
    pub harm_stream: PromiseStream,
    /// Whether it was taken back once: then only a person lets it go on.
    pub has_fallen: bool,
    /// Whether it was said that it fails where nothing is left to step back to.
    pub is_stuck: bool,
    /// Who asked for its release: who brought it, or started the run that found it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requester: Option<String>,
}

impl Subject {
    /// A version that has just got to a place.
    pub fn at(version: Digest, place: usize, since: f64) -> Self {
        Self {
            version,
            place,
            since,
            cursor: None,
            judged: Judged::default(),
            stream: PromiseStream::default(),
            harm: Judged::default(),
            harm_stream: PromiseStream::default(),
            has_fallen: false,
            is_stuck: false,
            requester: None,
        }
    }

    /// The same version somewhere else, with nothing judged yet.
    pub fn moved(&self, place: usize, since: f64) -> Self {
        let (has_fallen, requester) = (self.has_fallen, self.requester.clone());
        Self { has_fallen, requester, ..Self::at(self.version.clone(), place, since) }
    }

    /// What its judged answers say of what was promised: harm shown to be too frequent fails, whatever else is
    /// right.
    pub fn verdict(&self, rules: &Rules) -> Verdict {
        match self.harm_verdict(rules) {
            Some(Verdict::Fail) => Verdict::Fail,
            _ => self.stream.verdict(rules.monitor.max_failure_rate, rules.alpha),
        }
    }

    /// What was seen of harm says of the promise about it; `None` where nothing is promised.
    pub fn harm_verdict(&self, rules: &Rules) -> Option<Verdict> {
        rules.max_harm_rate.map(|limit| self.harm_stream.verdict(limit, rules.alpha))
    }

    /// Counts what was judged in a window.
    fn count(&mut self, window: &Window) {
        self.stream.overturn(window.overturned);
        self.judged.failed = self.judged.failed.saturating_sub(window.overturned);
        self.judged.passed += window.overturned;
        self.stream.observe(window.judged.failed, window.judged.passed);
        self.judged.passed += window.judged.passed;
        self.judged.failed += window.judged.failed;
        self.harm_stream.observe(window.harm.failed, window.harm.passed);
        self.harm.passed += window.harm.passed;
        self.harm.failed += window.harm.failed;
    }

    /// Whether enough was judged for the next step.
    pub fn is_sampled(&self, rules: &Rules) -> bool {
        self.judged.total() >= u64::from(rules.needed(self.place))
    }
}

impl RolloutState {
    /// Counts a window of the subject. One without judged answers changes nothing but the cursor.
    pub fn absorb(&mut self, window: &Window, cursor: Cursor) {
        let Some(subject) = &mut self.subject else { return };
        subject.count(window);
        subject.cursor = Some(cursor);
    }

    /// Whether the subject is the version that others are measured by.
    pub fn is_settled(&self) -> bool {
        self.subject.as_ref().is_some_and(|subject| self.last_good.as_ref() == Some(&subject.version))
    }

    /// Whether a new version may begin: nothing is on its way that people are still finding out about. What has
    /// fallen, fails where it is or waits unseen without a question makes room.
    pub fn is_free(&self, rules: &Rules) -> bool {
        let Some(subject) = &self.subject else { return true };
        let is_unseen = self.last_good.is_some() && subject.place < rules.first_of_top();
        let waits = is_unseen && self.question.is_none();
        self.is_settled() || subject.has_fallen || subject.is_stuck || waits
    }

    /// Puts a subject in its place. An open question was about another one.
    pub(super) fn put(&mut self, subject: Subject) {
        self.subject = Some(subject);
        self.question = None;
        self.revision += 1;
    }
}
