//! Signatures of decisions about drafts: who decided what about exactly which draft, and when.
//!
//! The key is the project's, with which releases are signed too (Ed25519); keeping it is left to whoever makes the
//! gateway. Decisions of before, signed with a key of the gateway's own (HMAC-SHA256), hold as long as that key is
//! there. It proves that a decision went through this program; it does not keep those out who can read the state
//! folder.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::GatewayError;

/// Bytes of a key of before, and of its signatures.
const EARLIER_BYTES: usize = 32;
/// The first line of what is signed keeps signatures for one purpose from serving another.
const PURPOSE: &[u8] = b"empiric.draft.v1\n";

/// Who has the project's key.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The signature of a message.
    fn sign(&self, message: &[u8]) -> Vec<u8>;

    /// Whether this key made the signature.
    fn is_genuine(&self, message: &[u8], signature: &[u8]) -> bool;
}

/// Signs and checks.
#[derive(Debug, Clone)]
pub struct Seal {
    signer: Arc<dyn Signer>,
    earlier: Option<EarlierKey>,
}

impl Seal {
    /// Signs with this key.
    pub fn new(signer: Arc<dyn Signer>) -> Self {
        Self { signer, earlier: None }
    }

    /// Also holds what was signed with the key of this file, if it is there. Nothing is signed with it any more.
    ///
    /// # Errors
    /// The file cannot be read, or holds no key.
    pub fn with_earlier(self, path: &Path) -> Result<Self, GatewayError> {
        let failed = |source| GatewayError::Seal { path: path.to_owned(), source };
        let earlier = match EarlierKey::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read.map_err(failed)?),
        };
        Ok(Self { earlier, ..self })
    }

    /// The signature of these parts, in this order, as hexadecimal digits.
    pub fn sign(&self, parts: &[&str]) -> String {
        hex::encode(self.signer.sign(&message(PURPOSE, parts)))
    }

    /// Whether the signature is that of these parts.
    pub fn is_genuine(&self, parts: &[&str], signature: &str) -> bool {
        let Ok(signature) = hex::decode(signature) else { return false };
        match &self.earlier {
            Some(key) if signature.len() == EARLIER_BYTES => key.is_genuine(parts, &signature),
            _ => self.signer.is_genuine(&message(PURPOSE, parts), &signature),
        }
    }
}

/// The parts with their lengths, which keep `ab`, `c` and `a`, `bc` apart.
fn message(purpose: &[u8], parts: &[&str]) -> Vec<u8> {
    let framed = |part: &&str| [&(part.len() as u64).to_be_bytes()[..], part.as_bytes()].concat();
    let parts: Vec<u8> = parts.iter().flat_map(framed).collect();
    [purpose, &parts].concat()
}

/// A key of before. It is never shown.
#[derive(Clone)]
struct EarlierKey {
    /// Has taken the key and nothing else.
    begun: Hmac<Sha256>,
}

impl fmt::Debug for EarlierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EarlierKey")
    }
}

impl EarlierKey {
    fn read(path: &Path) -> io::Result<Self> {
        let mut key = [0; EARLIER_BYTES];
        File::open(path)?.read_exact(&mut key)?;
        Ok(Self { begun: Hmac::new_from_slice(&key).map_err(io::Error::other)? })
    }

    fn is_genuine(&self, parts: &[&str], signature: &[u8]) -> bool {
        let mut code = self.begun.clone();
        code.update(&message(b"", parts));
        code.verify_slice(signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use empiric_schema::artifact::Digest;

    use super::*;

    /// A secret that is hashed along.
    #[derive(Debug)]
    struct Secret(&'static str);

    impl Signer for Secret {
        fn sign(&self, message: &[u8]) -> Vec<u8> {
            Digest::of(&[self.0.as_bytes(), message].concat()).hex().as_bytes().to_vec()
        }

        fn is_genuine(&self, message: &[u8], signature: &[u8]) -> bool {
            self.sign(message) == signature
        }
    }

    fn seal() -> Seal {
        Seal::new(Arc::new(Secret("one")))
    }

    #[test]
    fn a_signature_holds_for_its_parts_alone() {
        let signature = seal().sign(&["draft", "approved", "ada"]);
        assert!(seal().is_genuine(&["draft", "approved", "ada"], &signature));
        for other in
            [["draft", "rejected", "ada"], ["draft", "approve", "dada"], ["draf", "tapproved", "ada"]]
        {
            assert!(!seal().is_genuine(&other, &signature), "{other:?}");
        }
        assert!(!seal().is_genuine(&["draft", "approved", "ada"], "no digits"));
    }

    #[test]
    fn signatures_of_before_hold_while_their_key_is_there_and_no_new_ones_are_made() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("review.key");
        let parts = ["draft", "approved"];
        let mut code = Hmac::<Sha256>::new_from_slice(&[7; 32]).unwrap();
        code.update(&message(b"", &parts));
        let before = hex::encode(code.finalize().into_bytes());
        assert!(!seal().with_earlier(&path).unwrap().is_genuine(&parts, &before), "no file, no key");
        assert!(!path.exists());
        std::fs::write(&path, [7; 32]).unwrap();
        let seal = seal().with_earlier(&path).unwrap();
        assert!(seal.is_genuine(&parts, &before) && !seal.is_genuine(&["draft", "rejected"], &before));
        assert_ne!(seal.sign(&parts), before);
        assert!(seal.is_genuine(&parts, &seal.sign(&parts)));
        assert!(!format!("{seal:?}").contains("begun"));
    }

    #[test]
    fn a_torn_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "short").unwrap();
        assert!(seal().with_earlier(&path).unwrap_err().to_string().contains("signing key"));
    }
}
