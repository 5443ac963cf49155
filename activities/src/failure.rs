//! Failures as the workflow sees them: a type that names the class, whether a retry makes sense, and
//! one message for people.

use std::error::Error;

use empiric_schema::job::ExitClass;
use temporalio_common::error::ApplicationFailure;
use temporalio_sdk::activities::ActivityError;

use crate::adapters::database::DatabaseError;
use crate::dispatch::{DispatchError, Stop};
use crate::record::RecordError;
use crate::rollout::RolloutActivityError;
use crate::scope::ScopeError;

/// A message without the machinery around it: the SDK shows it as it is.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Message(String);

/// How often a request may end in a class before it is left to a person. `None` leaves it to the
/// activity's own retry policy: whatever the job does, its worker may be lost any number of times.
pub fn tries_allowed(class: ExitClass) -> Option<u32> {
    match class {
        class if !class.is_retryable() => Some(1),
        ExitClass::BugOrUnknown | ExitClass::ArtifactCorrupt | ExitClass::HostOom | ExitClass::Hung => {
            Some(2)
        }
        ExitClass::GpuFault => Some(3),
        ExitClass::CollectiveTimeout => Some(4),
        _ => None,
    }
}

/// The failure of a job; `tries` counts the request's failures of this class, this one included.
pub(crate) fn of_dispatch(error: DispatchError, tries: u32) -> ActivityError {
    match &error {
        DispatchError::Failed(failure) => application(failure.class, tries, &error),
        DispatchError::Stopped(Stop::Cancelled) => ActivityError::cancelled(),
        DispatchError::Stopped(Stop::Draining) => application(ExitClass::Preempted, 1, &error),
        // The server has given the job to somebody else and refuses whatever we answer.
        DispatchError::Superseded => application(ExitClass::Killed, 1, &error),
    }
}

/// The failure of a batch of records.
pub(crate) fn of_record(error: RecordError) -> ActivityError {
    let class = match &error {
        RecordError::Database(error) => class_of_database(error),
        RecordError::Store(error) if error.is_transient() => ExitClass::TempFail,
        RecordError::Store(_) | RecordError::Results { .. } => ExitClass::ArtifactCorrupt,
        RecordError::Json(_) => ExitClass::InvalidInput,
    };
    application(class, tries_allowed(class).unwrap_or(1), &error)
}

/// The failure of a scope. Nothing but a passing fault of network or store is tried again.
pub(crate) fn of_scope(error: ScopeError) -> ActivityError {
    let class = error.class();
    application(class, tries_allowed(class).unwrap_or(1), &error)
}

/// The failure of a rollout's step. Only what passes is tried again.
pub(crate) fn of_rollout(error: RolloutActivityError) -> ActivityError {
    let class = match &error {
        RolloutActivityError::Database(error) => class_of_database(error),
        RolloutActivityError::Store(error) if error.is_transient() => ExitClass::TempFail,
        RolloutActivityError::Webhook(_) => ExitClass::TempFail,
        RolloutActivityError::Key(_) => ExitClass::Permission,
        RolloutActivityError::Left => ExitClass::Preempted,
        RolloutActivityError::Store(_) | RolloutActivityError::Row { .. } => ExitClass::ArtifactCorrupt,
        RolloutActivityError::UnknownVersion(_)
        | RolloutActivityError::Superseded { .. }
        | RolloutActivityError::Grade(_)
        | RolloutActivityError::Data(_) => ExitClass::InvalidInput,
    };
    application(class, tries_allowed(class).unwrap_or(1), &error)
}

fn class_of_database(error: &DatabaseError) -> ExitClass {
    match error {
        error if error.is_transient() => ExitClass::TempFail,
        DatabaseError::DiskFull { .. } => ExitClass::DiskFull,
        DatabaseError::Forbidden { .. } => ExitClass::Permission,
        DatabaseError::Corrupt { .. } => ExitClass::ArtifactCorrupt,
        _ => ExitClass::Config,
    }
}

fn application(class: ExitClass, tries: u32, error: &(dyn Error + 'static)) -> ActivityError {
    let is_final = tries_allowed(class).is_some_and(|allowed| tries >= allowed);
    let failure = ApplicationFailure::builder(Message(with_causes(error)))
        .type_name(class.name().to_owned())
        .non_retryable(is_final)
        .build();
    ActivityError::application(failure)
}

/// The error with its causes in one line each; a cause that says the same again is left out.
pub(crate) fn with_causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let said = current.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::JobFailure;

    fn failed(class: ExitClass, tries: u32) -> ApplicationFailure {
        let failure =
            JobFailure { class, message: "why".into(), log: None, tail: String::new(), source: None };
        match of_dispatch(DispatchError::Failed(failure), tries) {
            ActivityError::Application(failure) => *failure,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn permanent_classes_are_never_tried_again() {
        for class in [
            ExitClass::InvalidInput,
            ExitClass::Config,
            ExitClass::Permission,
            ExitClass::DiskFull,
            ExitClass::GpuOom,
            ExitClass::Diverged,
        ] {
            let failure = failed(class, 1);
            assert!(failure.is_non_retryable(), "{class:?}");
            assert_eq!(failure.type_name(), Some(class.name()));
        }
    }

    #[test]
    fn a_bug_is_tried_once_more_and_a_lost_worker_always() {
        assert!(!failed(ExitClass::BugOrUnknown, 1).is_non_retryable());
        assert!(failed(ExitClass::BugOrUnknown, 2).is_non_retryable());
        assert!(!failed(ExitClass::Killed, 50).is_non_retryable());
        assert!(!failed(ExitClass::CollectiveTimeout, 3).is_non_retryable());
        assert!(failed(ExitClass::CollectiveTimeout, 4).is_non_retryable());
    }

    #[test]
    fn cancelled_and_drained_are_told_apart() {
        let cancelled = of_dispatch(DispatchError::Stopped(Stop::Cancelled), 1);
        assert!(matches!(cancelled, ActivityError::Cancelled { .. }));
        let ActivityError::Application(drained) = of_dispatch(DispatchError::Stopped(Stop::Draining), 9)
        else {
            panic!("a drained job is handed back");
        };
        assert_eq!((drained.type_name(), drained.is_non_retryable()), (Some("preempted"), false));
    }
}
