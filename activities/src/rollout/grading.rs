//! Checks of a sample of the answers. Which answers they are follows from the requests' ids alone, so that every
//! retry of a window grades the same ones.

use empiric_grade::{Given, GradeError, OnlineGrader};
use empiric_schema::artifact::Digest;
use empiric_schema::contract::ObserveRequest;
use empiric_schema::db::entity::request_log;
use empiric_schema::job::ShownPassage;
use empiric_schema::served::Outcome;

use super::tally::{Failed, Graded};

/// The checks of a project.
#[derive(Debug)]
pub(crate) struct Grading {
    grader: OnlineGrader,
    share: f64,
}

impl Grading {
    /// The checks of a window; `None` where the spec has none.
    ///
    /// # Errors
    /// A check that cannot work.
    pub(crate) fn of(request: &ObserveRequest) -> Result<Option<Self>, GradeError> {
        let Some(graders) = &request.graders else { return Ok(None) };
        let grader = OnlineGrader::new(&graders.assertions, &request.labels)?;
        Ok(Some(Self { grader, share: graders.sample }))
    }

    /// Whether the answer to a request is checked.
    pub(crate) fn takes(&self, request: &str) -> bool {
        is_sampled(request, self.share)
    }

    /// What an answer is worth; `None` for one that is not in the sample, that nobody was given, or whose text is
    /// no longer kept: what was not looked at has not passed.
    pub(crate) fn grade(&self, row: &request_log::Model) -> Result<Option<Graded>, GradeError> {
        let is_given = Outcome::of(&row.outcome) == Some(Outcome::Answered);
        let Some(answer) = row.response.as_deref().filter(|_| is_given && self.takes(&row.id)) else {
            return Ok(None);
        };
        let documents = documents(&row.retrieval);
        let grade = self.grader.grade(Given { answer, documents: &documents })?;
        Ok(Some(Graded { failed: Failed::of(!grade.passed), harmful: grade.harmful }))
    }
}

fn documents(retrieval: &serde_json::Value) -> Vec<String> {
    let shown = serde_json::from_value::<Vec<ShownPassage>>(retrieval.clone()).unwrap_or_default();
    shown.into_iter().map(|passage| passage.document).collect()
}

/// The first digits of a digest are uniform over requests, and nobody who asks can choose them.
fn is_sampled(request: &str, share: f64) -> bool {
    let digest = Digest::of(format!("empiric.graders\n{request}").as_bytes());
    let place = u64::from_str_radix(&digest.hex()[..13], 16).unwrap_or(0) as f64;
    place < share * 16_f64.powi(13)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_is_the_same_every_time_and_as_large_as_it_should_be() {
        let sample = |share: f64| -> Vec<u32> {
            (0..4000).filter(|number| is_sampled(&format!("request-{number}"), share)).collect()
        };
        assert_eq!(sample(0.2), sample(0.2));
        let count = sample(0.2).len();
        assert!((700..900).contains(&count), "{count}");
        assert_eq!(sample(1.0).len(), 4000);
        assert!(sample(0.2).iter().all(|number| sample(0.5).contains(number)), "a larger share adds answers");
    }
}
