//! The project's key for approvals: made once, readable by its owner alone, never leaving the state folder.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use empiric_schema::contract::{ReleaseClaim, ReleaseOffer, SignedClaim, SignedOffer};
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};

use super::durable::sync_folder;

/// Name of the file in the state folder.
pub const KEY_FILE: &str = "approval.key";

/// A key pair (Ed25519).
#[derive(Debug)]
pub struct SigningKey(Ed25519KeyPair);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file cannot be read or made.
    #[error("the key of approvals {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file holds no key.
    #[error("{} is no Ed25519 key in PKCS#8; without it nothing can be approved", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
    },
    /// The system has no random numbers.
    #[error("the system gives no random numbers for a key")]
    Random,
}

impl SigningKey {
    /// Opens the key of a state folder, and makes it where there is none.
    ///
    /// # Errors
    /// The file cannot be read or made, or is no key.
    pub fn open(state: &Path) -> Result<Self, SigningKeyError> {
        let path = state.join(KEY_FILE);
        let fail = |source| SigningKeyError::File { path: path.clone(), source };
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(state, &path)?,
            read => read.map_err(fail)?,
        };
        let key = Ed25519KeyPair::from_pkcs8(&bytes);
        key.map(Self).map_err(|_| SigningKeyError::Damaged { path: path.clone() })
    }

    /// The public key in hexadecimal digits.
    pub fn public(&self) -> String {
        hex::encode(self.0.public_key())
    }

    /// Signs a claim.
    pub fn sign(&self, claim: ReleaseClaim) -> SignedClaim {
        let signature = hex::encode(self.sign_bytes(&claim.bytes()));
        SignedClaim { claim, signature }
    }

    /// Signs an offer.
    pub fn sign_offer(&self, offer: ReleaseOffer) -> SignedOffer {
        let signature = hex::encode(self.sign_bytes(&offer.bytes()));
        SignedOffer { offer, signature }
    }

    /// The signature of a message, 64 bytes. Messages say in their first line what they are for, so that a signature
    /// for one purpose serves no other.
    pub fn sign_bytes(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).as_ref().to_vec()
    }

    /// Whether this key made the signature.
    pub fn is_genuine(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0.public_key()).verify(message, signature).is_ok()
    }
}

/// Another process may make one at the same moment: the first file stands.
fn make(state: &Path, path: &Path) -> Result<Vec<u8>, SigningKeyError> {
    let fail = |source| SigningKeyError::File { path: path.to_owned(), source };
    let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| SigningKeyError::Random)?;
    let staged = path.with_extension(format!("key.{}", std::process::id()));
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged).map_err(fail)?;
    file.write_all(made.as_ref()).and_then(|()| file.sync_all()).map_err(fail)?;
    let linked = std::fs::hard_link(&staged, path);
    std::fs::remove_file(&staged).map_err(fail)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(fail(error)),
        _ => sync_folder(state).map_err(fail)?,
    }
    std::fs::read(path).map_err(fail)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = SigningKey::open(folder.path()).unwrap().public();
        assert_eq!(SigningKey::open(folder.path()).unwrap().public(), first);
        let mode = std::fs::metadata(folder.path().join(KEY_FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_signature_holds_for_its_message_and_its_key_alone() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [key, other] = folders.each_ref().map(|folder| SigningKey::open(folder.path()).unwrap());
        let signature = key.sign_bytes(b"yes");
        assert!(key.is_genuine(b"yes", &signature) && !key.is_genuine(b"no", &signature));
        assert!(!other.is_genuine(b"yes", &signature) && !key.is_genuine(b"yes", b"short"));
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(KEY_FILE), "x").unwrap();
        let told = SigningKey::open(folder.path()).unwrap_err().to_string();
        assert!(told.contains(KEY_FILE), "{told}");
    }
}
