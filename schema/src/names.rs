//! Wire names. They outlive the Rust names: a recorded history refers to them for ever.

/// Workflow type of a project's life.
pub const WORKFLOW_LIFECYCLE: &str = "empiric.lifecycle";
/// Workflow type of one iteration of the loop.
pub const WORKFLOW_ITERATION: &str = "empiric.iteration";
/// Task queue of workflows and control activities.
pub const QUEUE_CONTROL: &str = "empiric";
/// Task queue of jobs that need no accelerator.
pub const QUEUE_JOBS_CPU: &str = "jobs.cpu";
/// Activity that freezes data and models.
pub const ACTIVITY_FREEZE: &str = "scope.freeze";
/// Activity that runs one job to its end.
pub const ACTIVITY_JOB_RUN: &str = "job.run";
/// Activity that writes the read model.
pub const ACTIVITY_RECORD: &str = "record.write";
/// Workflow type of a project's rollout.
pub const WORKFLOW_ROLLOUT: &str = "empiric.rollout";
/// Activity that counts a window of the traffic.
pub const ACTIVITY_ROLLOUT_OBSERVE: &str = "rollout.observe";
/// Activity that writes what is served.
pub const ACTIVITY_ROLLOUT_APPLY: &str = "rollout.apply";
/// Activity that tells people.
pub const ACTIVITY_ROLLOUT_NOTIFY: &str = "rollout.notify";
/// Activity that brings failures home.
pub const ACTIVITY_ROLLOUT_COLLECT: &str = "rollout.collect";
/// Activity that offers a run's version to the rollout.
pub const ACTIVITY_ROLLOUT_OFFER: &str = "rollout.offer";
/// Signal that brings an offered version.
pub const SIGNAL_OFFER: &str = "offer";
/// Activity that gathers questions and answers for a look at drift.
pub const ACTIVITY_ROLLOUT_GATHER: &str = "rollout.gather";
/// Activity that looks whether the models of served versions are there.
pub const ACTIVITY_ROLLOUT_MODELS: &str = "rollout.models";
/// Update that says yes or no to a run that looks for another model.
pub const UPDATE_REQUALIFY: &str = "requalify";
/// Update that says yes to more exposure.
pub const UPDATE_APPROVE: &str = "approve";
/// Update that says no to more exposure.
pub const UPDATE_REJECT: &str = "reject";
/// Update that brings a version, or carries one on.
pub const UPDATE_PROMOTE: &str = "promote";
/// Update that steps back.
pub const UPDATE_DEMOTE: &str = "demote";
/// Query that answers with the run's view.
pub const QUERY_VIEW: &str = "view";
/// Update that pauses a run before its next job.
pub const UPDATE_PAUSE: &str = "pause";
/// Update that lets a paused run go on.
pub const UPDATE_RESUME: &str = "resume";
/// Update that answers a question.
pub const UPDATE_ANSWER: &str = "answer";
/// Update that leaves a remark.
pub const UPDATE_REMARK: &str = "remark";
