//! People who are signed in to the pages. A restart signs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use empiric_schema::artifact::Digest;

/// Name of the cookie.
pub(crate) const COOKIE: &str = "empiric_session";
/// Seconds after which one has to sign in again.
pub(crate) const LIFE: f64 = 12.0 * 3600.0;
/// Most sessions; the oldest ends when another begins.
const MOST: usize = 1000;

/// Sessions by the digest of their token. A session holds its key, so that it ends with it.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    open: Mutex<HashMap<String, Session>>,
}

struct Session {
    key: String,
    begun: f64,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Session")
    }
}

impl Sessions {
    /// Begins a session of a key and gives its token.
    pub(crate) fn begin(&self, key: &str, now: f64) -> String {
        let token = hex::encode(rand::random::<[u8; 32]>());
        let mut open = self.open();
        open.retain(|_, session| now - session.begun < LIFE);
        if open.len() >= MOST
            && let Some(oldest) = oldest(&open)
        {
            open.remove(&oldest);
        }
        open.insert(digest(&token), Session { key: key.to_owned(), begun: now });
        token
    }

    /// The key of a session that goes on.
    pub(crate) fn key(&self, token: &str, now: f64) -> Option<String> {
        let open = self.open();
        let session = open.get(&digest(token)).filter(|session| now - session.begun < LIFE);
        session.map(|session| session.key.clone())
    }

    /// Ends a session.
    pub(crate) fn end(&self, token: &str) {
        self.open().remove(&digest(token));
    }

    fn open(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn oldest(open: &HashMap<String, Session>) -> Option<String> {
    let oldest = open.iter().min_by(|one, other| one.1.begun.total_cmp(&other.1.begun));
    oldest.map(|(token, _)| token.clone())
}

fn digest(token: &str) -> String {
    Digest::of(token.as_bytes()).hex().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_by_time_and_by_hand() {
        let sessions = Sessions::default();
        let token = sessions.begin("key", 0.0);
        assert_eq!(sessions.key(&token, LIFE - 1.0).as_deref(), Some("key"));
        assert_eq!(sessions.key(&token, LIFE), None);
        sessions.end(&token);
        assert_eq!(sessions.key(&token, 0.0), None);
        assert_eq!(sessions.key("guessed", 0.0), None);
    }

    #[test]
    fn sessions_do_not_grow_without_end() {
        let sessions = Sessions::default();
        let first = sessions.begin("k", 0.0);
        for n in 0..MOST {
            sessions.begin("k", 1.0 + n as f64 / 1e6);
        }
        assert_eq!(sessions.open().len(), MOST);
        assert_eq!(sessions.key(&first, 2.0), None);
        assert!(!format!("{sessions:?}").contains("\"k\""), "keys are not printed");
    }
}
