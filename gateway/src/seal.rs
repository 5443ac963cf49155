//! Signatures of decisions about drafts: who decided what about exactly which draft, and when.
//!
//! HMAC-SHA256 with a key in the state folder. It proves that a decision went through this program; it does not
//! keep those out who can read the state folder.

use std::fmt;
use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::error::GatewayError;

const KEY_BYTES: usize = 32;

/// Signs and checks. The key is never shown.
#[derive(Clone)]
pub struct Seal {
    /// Has taken the key and nothing else.
    begun: Hmac<Sha256>,
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal")
    }
}

impl Seal {
    /// Reads the key, or makes one that only its owner may read.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn open(path: &Path) -> Result<Self, GatewayError> {
        let failed = |source| GatewayError::Seal { path: path.to_owned(), source };
        let key = match make(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => read(path),
            made => made,
        };
        let key = key.map_err(failed)?;
        let begun = Hmac::new_from_slice(&key).map_err(|error| failed(io::Error::other(error)))?;
        Ok(Self { begun })
    }

    /// The signature of these parts, in this order, as hexadecimal digits.
    pub fn sign(&self, parts: &[&str]) -> String {
        hex::encode(self.code(parts).finalize().into_bytes())
    }

    /// Whether the signature is that of these parts.
    pub fn is_genuine(&self, parts: &[&str], signature: &str) -> bool {
        let Ok(signature) = hex::decode(signature) else { return false };
        self.code(parts).verify_slice(&signature).is_ok()
    }

    fn code(&self, parts: &[&str]) -> Hmac<Sha256> {
        let mut code = self.begun.clone();
        for part in parts {
            // Lengths keep `ab`, `c` and `a`, `bc` apart.
            code.update(&(part.len() as u64).to_be_bytes());
            code.update(part.as_bytes());
        }
        code
    }
}

fn make(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let key: [u8; KEY_BYTES] = rand::random();
    file.write_all(&key)?;
    file.sync_all()?;
    Ok(key)
}

fn read(path: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let mut key = [0; KEY_BYTES];
    OpenOptions::new().read(true).open(path)?.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_signature_holds_for_its_parts_alone() {
        let folder = tempfile::tempdir().unwrap();
        let seal = Seal::open(&folder.path().join("key")).unwrap();
        let signature = seal.sign(&["draft", "approved", "ada"]);
        assert!(seal.is_genuine(&["draft", "approved", "ada"], &signature));
        for other in
            [["draft", "rejected", "ada"], ["draft", "approve", "dada"], ["draf", "tapproved", "ada"]]
        {
            assert!(!seal.is_genuine(&other, &signature), "{other:?}");
        }
        assert!(!seal.is_genuine(&["draft", "approved", "ada"], "no digits"));
    }

    #[test]
    fn the_key_stays_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let first = Seal::open(&path).unwrap().sign(&["x"]);
        assert_eq!(Seal::open(&path).unwrap().sign(&["x"]), first);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(format!("{:?}", Seal::open(&path).unwrap()), "Seal");
    }

    #[test]
    fn a_torn_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "short").unwrap();
        assert!(Seal::open(&path).unwrap_err().to_string().contains("signing key"));
    }
}
