//! Keys: making them, and finding out who a caller is.
//!
//! A key is shown once, when it is made; the database has its digest. Callers without a key are let in only where
//! the gateway is reached from this machine alone and no key was ever made.

use std::collections::HashMap;

use empiric_schema::artifact::Digest;
use empiric_schema::db::entity::api_key;
use empiric_schema::served::Audience;

use crate::clock;
use crate::error::GatewayError;
use crate::settings::Budget;
use crate::store::Store;

/// What keys begin with, so that they are recognised where they should not be.
const PREFIX: &str = "emp-";
/// The caller without a key.
const LOCAL: &str = "local";

/// Who asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Caller {
    /// Name of the key; `local` without one.
    pub name: String,
    /// What the caller may do.
    pub audience: Audience,
    /// What the caller may use.
    pub budget: Budget,
    /// Whether nobody needs a key.
    pub is_local: bool,
}

impl Caller {
    fn local() -> Self {
        let budget = Budget::default();
        Self { name: LOCAL.to_owned(), audience: Audience::Reviewers, budget, is_local: true }
    }
}

/// The keys of a project.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Callers by the digest of their key, without those whose key was taken back.
    callers: HashMap<String, Caller>,
    /// Whether any key was ever made, taken back or not.
    any: bool,
}

impl Keys {
    pub(crate) fn new(rows: Vec<api_key::Model>) -> Self {
        let any = !rows.is_empty();
        let valid = rows.into_iter().filter(|row| row.revoked.is_none());
        Self { callers: valid.filter_map(|row| Some((row.digest.clone(), caller(row)?))).collect(), any }
    }

    /// Whether a key was ever made.
    pub(crate) fn is_needed(&self) -> bool {
        self.any
    }

    /// Whose key this is; `None` for one that is unknown or was taken back. Keys are compared by their digests, so
    /// that the time it takes says nothing about them.
    pub(crate) fn find(&self, key: Option<&str>) -> Option<Caller> {
        match key {
            // Clients that insist on a key may send any where none is needed.
            _ if !self.any => Some(Caller::local()),
            Some(key) => self.callers.get(Digest::of(key.as_bytes()).hex()).cloned(),
            None => None,
        }
    }
}

fn caller(row: api_key::Model) -> Option<Caller> {
    let budget = Budget {
        tokens_per_day: row.tokens_per_day.and_then(|tokens| u64::try_from(tokens).ok()),
        usd_per_day: row.usd_per_day,
        requests_per_minute: row.requests_per_minute.and_then(|requests| u32::try_from(requests).ok()),
    };
    Some(Caller { name: row.name, audience: Audience::of(&row.audience)?, budget, is_local: false })
}

/// Makes a key and gives it. It cannot be shown again.
///
/// # Errors
/// The database cannot be written.
pub async fn make(
    store: &Store,
    project: &str,
    name: &str,
    audience: Audience,
    budget: Budget,
) -> Result<String, GatewayError> {
    let bytes: [u8; 32] = rand::random();
    let key = format!("{PREFIX}{}", hex::encode(bytes));
    let row = api_key::Model {
        digest: Digest::of(key.as_bytes()).hex().to_owned(),
        project: project.to_owned(),
        name: name.to_owned(),
        audience: audience.name().to_owned(),
        created: clock::now(),
        revoked: None,
        tokens_per_day: budget.tokens_per_day.and_then(|tokens| i64::try_from(tokens).ok()),
        usd_per_day: budget.usd_per_day,
        requests_per_minute: budget.requests_per_minute.and_then(|requests| i32::try_from(requests).ok()),
    };
    store.add_key(row).await?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, revoked: Option<f64>) -> api_key::Model {
        api_key::Model {
            digest: Digest::of(key.as_bytes()).hex().to_owned(),
            project: "p".to_owned(),
            name: key.to_owned(),
            audience: "internal".to_owned(),
            created: 0.0,
            revoked,
            tokens_per_day: Some(10),
            usd_per_day: None,
            requests_per_minute: Some(-1),
        }
    }

    #[test]
    fn without_any_key_the_caller_is_local() {
        assert!(Keys::default().find(None).unwrap().is_local);
        assert!(Keys::default().find(Some("any")).unwrap().is_local);
    }

    #[test]
    fn a_key_that_was_taken_back_opens_nothing_and_still_closes() {
        let keys = Keys::new(vec![row("old", Some(1.0))]);
        assert_eq!((keys.find(Some("old")), keys.find(None)), (None, None));
        assert!(keys.is_needed());
    }

    #[test]
    fn a_key_says_who_asks_and_what_they_may_use() {
        let caller = Keys::new(vec![row("k", None)]).find(Some("k")).unwrap();
        assert_eq!((caller.name.as_str(), caller.audience), ("k", Audience::Internal));
        assert_eq!(caller.budget, Budget { tokens_per_day: Some(10), ..Budget::default() });
    }
}
