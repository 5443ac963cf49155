//! The budget as reservations: what is promised to work in flight cannot be promised again.

use empiric_schema::budget::{Limits, Resource, Spend};
use empiric_schema::contract::RemainingBudget;

/// What was used and what is promised, against what may be spent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Budget {
    limits: RemainingBudget,
    used: Spend,
    reserved: Spend,
}

impl Budget {
    /// A budget of which nothing is used.
    pub fn new(limits: RemainingBudget) -> Self {
        Self { limits, ..Self::default() }
    }

    /// A whole run's budget.
    pub fn of_limits(limits: &Limits) -> Self {
        Self::new(RemainingBudget {
            device_seconds: limits.device_seconds,
            tokens: limits.tokens,
            usd: limits.usd,
        })
    }

    /// Puts other limits in the place of those that were; what is used and promised stays.
    pub fn set_limits(&mut self, limits: &Limits) {
        self.limits = Self::of_limits(limits).limits;
    }

    /// What was used so far.
    pub fn used(&self) -> Spend {
        self.used
    }

    /// What is neither used nor promised.
    pub fn remaining(&self) -> RemainingBudget {
        let gone = self.used.plus(self.reserved);
        RemainingBudget {
            device_seconds: self.limits.device_seconds.map(|all| (all - gone.device_seconds).max(0.0)),
            tokens: self.limits.tokens.map(|all| all.saturating_sub(gone.tokens)),
            usd: self.limits.usd.map(|all| (all - gone.usd).max(0.0)),
        }
    }

    /// Promises an equal share of what remains to each of `jobs` jobs; zero in a share means no limit.
    ///
    /// Shares, not estimates: a job is never stopped while the run still has means, and all jobs
    /// together can never spend more than there is.
    ///
    /// # Errors
    /// The resource of which too little is left for one job to begin.
    pub fn reserve(&mut self, jobs: u32) -> Result<Spend, Resource> {
        let left = self.remaining();
        let parts = jobs.max(1);
        let share = Spend {
            device_seconds: share_f64(left.device_seconds, parts, 1.0).ok_or(Resource::DeviceSeconds)?,
            tokens: share_u64(left.tokens, parts).ok_or(Resource::Tokens)?,
            usd: share_f64(left.usd, parts, 0.0).ok_or(Resource::Usd)?,
        };
        for _ in 0..parts {
            self.reserved = self.reserved.plus(share);
        }
        Ok(share)
    }

    /// Gives a promise back and books what was used instead.
    pub fn settle(&mut self, share: Spend, used: Spend) {
        self.reserved = self.reserved.minus(share);
        self.used = self.used.plus(used);
    }

    /// Books what a part of the run used under its own budget.
    pub fn book(&mut self, used: Spend) {
        self.used = self.used.plus(used);
    }

    /// The first limit that is used up.
    pub fn exhausted(&self) -> Option<Resource> {
        let left = self.remaining();
        if left.device_seconds.is_some_and(|seconds| seconds < 1.0) {
            return Some(Resource::DeviceSeconds);
        }
        if left.tokens == Some(0) {
            return Some(Resource::Tokens);
        }
        left.usd.is_some_and(|usd| usd <= 0.0 && self.used.usd > 0.0).then_some(Resource::Usd)
    }
}

/// A share of at least `least`; `Some(0.0)` without a limit.
fn share_f64(left: Option<f64>, parts: u32, least: f64) -> Option<f64> {
    let Some(left) = left else { return Some(0.0) };
    let share = left / f64::from(parts);
    (share >= least).then_some(share)
}

/// A share of at least one; `Some(0)` without a limit.
fn share_u64(left: Option<u64>, parts: u32) -> Option<u64> {
    let Some(left) = left else { return Some(0) };
    let share = left / u64::from(parts);
    (share >= 1).then_some(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(limit: u64) -> Budget {
        Budget::new(RemainingBudget { tokens: Some(limit), ..RemainingBudget::default() })
    }

    #[test]
    fn without_limits_a_share_has_none() {
        let mut budget = Budget::default();
        assert_eq!(budget.reserve(8), Ok(Spend::default()));
    }

    #[test]
    fn an_empty_budget_is_refused_by_name() {
        let mut budget = tokens(10);
        budget.book(Spend { tokens: 10, ..Spend::default() });
        assert_eq!(budget.reserve(1), Err(Resource::Tokens));
        assert_eq!(budget.exhausted(), Some(Resource::Tokens));
    }

    #[test]
    fn a_raised_limit_leaves_what_was_used_and_gives_the_rest() {
        let mut budget = tokens(10);
        budget.book(Spend { tokens: 10, ..Spend::default() });
        budget.set_limits(&Limits { tokens: Some(25), ..Limits::default() });
        assert_eq!(budget.exhausted(), None);
        assert_eq!(budget.reserve(1).map(|share| share.tokens), Ok(15));
    }

    #[test]
    fn device_time_under_a_second_is_too_little_to_begin() {
        let mut budget =
            Budget::new(RemainingBudget { device_seconds: Some(3.0), ..RemainingBudget::default() });
        assert_eq!(budget.reserve(4), Err(Resource::DeviceSeconds));
        assert!(budget.reserve(3).is_ok());
    }

    proptest! {
        #[test]
        fn jobs_that_keep_to_their_share_never_pass_the_limit(
            limit in 1u64..100_000,
            rounds in proptest::collection::vec((1u32..9, 0.0f64..1.0), 1..20),
        ) {
            let mut budget = tokens(limit);
            for (jobs, part) in rounds {
                let Ok(share) = budget.reserve(jobs) else { break };
                for _ in 0..jobs {
                    let used = (share.tokens as f64 * part) as u64;
                    budget.settle(share, Spend { tokens: used, ..Spend::default() });
                }
                prop_assert!(budget.used().tokens <= limit);
            }
        }
    }
}
