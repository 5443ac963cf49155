//! Words of the request log, of drafts, of feedback and of keys, as they stand in the database.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! word_type {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$word_doc])* #[serde(rename = $text)] $word,)+
        }

        impl $name {
            /// The word on the wire and in the database.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)+
                }
            }

            /// The value of a word.
            pub fn of(word: &str) -> Option<Self> {
                match word {
                    $($text => Some(Self::$word),)+
                    _ => None,
                }
            }
        }
    };
}

word_type!(
    /// Which version of an exposure answered.
    Arm {
        /// The one that serves.
        Serving = "serving",
        /// The one on trial.
        Canary = "canary",
        /// The one that answers beside it, seen by nobody.
        Shadow = "shadow",
    }
);
word_type!(
    /// How a request ended.
    Outcome {
        /// The caller has an answer.
        Answered = "answered",
        /// The answer waits for a person, as a draft.
        Drafted = "drafted",
        /// The version could not answer.
        Failed = "failed",
        /// The caller went away before the answer was whole.
        Abandoned = "abandoned",
    }
);
word_type!(
    /// Where a draft stands.
    DraftState {
        /// It waits for a person.
        Pending = "pending",
        /// A person gave it out as it was.
        Approved = "approved",
        /// A person changed it and gave it out.
        Edited = "edited",
        /// A person refused it.
        Rejected = "rejected",
        /// Nobody looked in time, and the spec says that it is then not given.
        Expired = "expired",
    }
);
word_type!(
    /// Whether somebody was told of the decision about a draft.
    CallbackState {
        /// The draft is not decided yet.
        Waiting = "waiting",
        /// Somebody is to be told.
        Due = "due",
        /// The receiver has it.
        Delivered = "delivered",
        /// It was tried often enough, or must not be told any more.
        GivenUp = "given_up",
    }
);
word_type!(
    /// What a reader thinks of an answer.
    Thumb {
        /// Good.
        Up = "up",
        /// Bad.
        Down = "down",
    }
);
word_type!(
    /// Who a key belongs to. The order is that of what they may do: each may do all that the one before may.
    Audience {
        /// Those that the system is made for.
        Users = "users",
        /// The team, which sees answers before users do.
        Internal = "internal",
        /// Those of the team that decide about drafts and see all pages.
        Reviewers = "reviewers",
    }
);

impl DraftState {
    /// Whether nothing changes it any more.
    pub fn is_final(self) -> bool {
        self != Self::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_as_they_are_written() {
        for state in [DraftState::Pending, DraftState::Edited, DraftState::Expired] {
            assert_eq!(DraftState::of(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
        assert_eq!(Audience::of("everybody"), None);
    }

    #[test]
    fn reviewers_may_do_what_users_may() {
        assert!(Audience::Reviewers > Audience::Internal && Audience::Internal > Audience::Users);
    }
}
