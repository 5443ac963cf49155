//! What callers may use: reserved before an answer is begun, settled when it is there.
//!
//! A caller can exceed a limit by at most what an answer uses beyond its reservation, which is the longest prompt
//! that the version has read so far and all tokens that it may write.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::clock::DAY;
use crate::settings::Budget;

/// Why a caller has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exceeded {
    /// Too many requests in this minute.
    Requests,
    /// The day's tokens are used up.
    Tokens,
    /// The day's dollars are used up.
    Dollars,
}

impl Exceeded {
    /// The limit in words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Requests => "requests in a minute",
            Self::Tokens => "tokens in a day",
            Self::Dollars => "dollars in a day",
        }
    }
}

/// Tokens and dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Amount {
    pub(crate) tokens: u64,
    pub(crate) usd: f64,
}

/// A limit that is reached, and when it is worth to come back, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) limit: Exceeded,
    pub(crate) seconds: f64,
}

/// The accounts of all callers. `""` is that of all together.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: Mutex<HashMap<String, Account>>,
}

#[derive(Debug, Default)]
struct Account {
    /// Which day its figures are of.
    day: u64,
    used: Amount,
    reserved: Amount,
    /// When requests of the last minute came.
    minute: VecDeque<f64>,
}

impl Ledger {
    /// What callers used earlier on this day.
    pub(crate) fn restore(&self, caller: &str, used: Amount, now: f64) {
        let mut accounts = self.accounts();
        for name in [caller, ""] {
            let account = account(&mut accounts, name, now);
            account.used.tokens += used.tokens;
            account.used.usd += used.usd;
        }
    }

    /// Takes a reservation from the caller's limits and from those of all together, or from neither.
    pub(crate) fn reserve(
        &self,
        caller: &str,
        limits: [Budget; 2],
        amount: Amount,
        now: f64,
    ) -> Result<(), Refusal> {
        let mut accounts = self.accounts();
        for (name, limit) in [caller, ""].into_iter().zip(limits) {
            account(&mut accounts, name, now).check(&limit, amount, now)?;
        }
        for name in [caller, ""] {
            let account = account(&mut accounts, name, now);
            account.reserved.tokens += amount.tokens;
            account.reserved.usd += amount.usd;
            account.minute.push_back(now);
        }
        Ok(())
    }

    /// Gives a reservation back and books what was used.
    pub(crate) fn settle(&self, caller: &str, reserved: Amount, used: Amount, now: f64) {
        let mut accounts = self.accounts();
        for name in [caller, ""] {
            let account = account(&mut accounts, name, now);
            account.reserved.tokens = account.reserved.tokens.saturating_sub(reserved.tokens);
            account.reserved.usd = (account.reserved.usd - reserved.usd).max(0.0);
            account.used.tokens += used.tokens;
            account.used.usd += used.usd;
        }
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The account of a caller, with a new page for a new day.
fn account<'a>(accounts: &'a mut HashMap<String, Account>, name: &str, now: f64) -> &'a mut Account {
    let account = accounts.entry(name.to_owned()).or_default();
    let day = (now / DAY) as u64;
    if account.day != day {
        (account.day, account.used) = (day, Amount::default());
    }
    while account.minute.front().is_some_and(|at| *at <= now - 60.0) {
        account.minute.pop_front();
    }
    account
}

impl Account {
    fn check(&self, limit: &Budget, amount: Amount, now: f64) -> Result<(), Refusal> {
        let tokens = self.used.tokens + self.reserved.tokens + amount.tokens;
        let usd = self.used.usd + self.reserved.usd + amount.usd;
        let midnight = DAY - now % DAY;
        if limit.requests_per_minute.is_some_and(|most| self.minute.len() >= most as usize) {
            let oldest = self.minute.front().copied().unwrap_or(now);
            return Err(Refusal { limit: Exceeded::Requests, seconds: oldest + 60.0 - now });
        }
        if limit.tokens_per_day.is_some_and(|most| tokens > most) {
            return Err(Refusal { limit: Exceeded::Tokens, seconds: midnight });
        }
        if limit.usd_per_day.is_some_and(|most| usd > most) {
            return Err(Refusal { limit: Exceeded::Dollars, seconds: midnight });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NONE: Budget = Budget { tokens_per_day: None, usd_per_day: None, requests_per_minute: None };

    fn tokens(tokens: u64) -> Amount {
        Amount { tokens, usd: 0.0 }
    }

    #[test]
    fn tokens_of_answers_under_way_count() {
        let (ledger, limit) = (Ledger::default(), Budget { tokens_per_day: Some(100), ..NONE });
        ledger.reserve("a", [limit, NONE], tokens(60), 0.0).unwrap();
        let refused = ledger.reserve("a", [limit, NONE], tokens(60), 0.0).unwrap_err();
        assert_eq!(refused, Refusal { limit: Exceeded::Tokens, seconds: DAY });
        ledger.settle("a", tokens(60), tokens(10), 0.0);
        ledger.reserve("a", [limit, NONE], tokens(60), 0.0).unwrap();
        ledger.reserve("b", [limit, NONE], tokens(60), 0.0).unwrap();
    }

    #[test]
    fn the_limit_of_all_together_holds_for_each() {
        let (ledger, limit) = (Ledger::default(), Budget { usd_per_day: Some(1.0), ..NONE });
        let amount = Amount { tokens: 1, usd: 0.6 };
        ledger.reserve("a", [NONE, limit], amount, 0.0).unwrap();
        assert_eq!(ledger.reserve("b", [NONE, limit], amount, 0.0).unwrap_err().limit, Exceeded::Dollars);
    }

    #[test]
    fn a_new_day_and_a_new_minute_begin_anew() {
        let ledger = Ledger::default();
        let limit = Budget { tokens_per_day: Some(10), requests_per_minute: Some(1), ..NONE };
        ledger.restore("a", tokens(5), 100.0);
        ledger.reserve("a", [limit, NONE], tokens(5), 100.0).unwrap();
        let refused = ledger.reserve("a", [limit, NONE], tokens(0), 130.0).unwrap_err();
        assert_eq!(refused, Refusal { limit: Exceeded::Requests, seconds: 30.0 });
        ledger.settle("a", tokens(5), tokens(5), 100.0);
        assert_eq!(ledger.reserve("a", [limit, NONE], tokens(1), 161.0).unwrap_err().limit, Exceeded::Tokens);
        ledger.reserve("a", [limit, NONE], tokens(10), DAY + 1.0).unwrap();
    }

    proptest! {
        #[test]
        fn reservations_never_exceed_the_limit(amounts in prop::collection::vec(0u64..50, 0..40)) {
            let (ledger, limit) = (Ledger::default(), Budget { tokens_per_day: Some(100), ..NONE });
            let taken = amounts.iter().filter(|amount| {
                ledger.reserve("a", [limit, NONE], tokens(**amount), 0.0).is_ok()
            });
            prop_assert!(taken.sum::<u64>() <= 100);
        }
    }
}
