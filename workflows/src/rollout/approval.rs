//! Whether a claim was signed with the project's key and is about what stands now.
//!
//! The public key is an input of the workflow, so that the check is part of its history; the private one never
//! leaves the state folder. A signature is over the version, the step and the revision of the exposure: it serves
//! once. There is no signal that approves.

use empiric_schema::artifact::Digest;
use empiric_schema::contract::{SignedClaim, SignedOffer};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::orders::OrderError;

/// Why a signed claim is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimError {
    /// It was made for another project.
    #[error("the claim is about the project `{given}`, and this is `{here}`")]
    Project {
        /// In the claim.
        given: String,
        /// This one.
        here: String,
    },
    /// Something has changed since, or it was used before.
    #[error("the claim is about what stood before: look again and sign anew")]
    Stale,
    /// It was not signed with the project's key.
    #[error("the signature is not that of the project's key")]
    Signature,
    /// It is signed, and cannot be done.
    #[error(transparent)]
    Order(#[from] OrderError),
}

/// What a claim about a revision has to carry.
pub(super) fn nonce(project: &str, revision: u64) -> String {
    Digest::of(format!("empiric.rollout\n{project}\n{revision}").as_bytes()).hex().to_owned()
}

/// Checks signature, project and revision; `key` is the public key in hexadecimal digits.
///
/// # Errors
/// What is wrong with it, a wrong signature first: who cannot sign learns nothing else.
pub(super) fn verify(
    key: &str,
    signed: &SignedClaim,
    project: &str,
    revision: u64,
) -> Result<(), ClaimError> {
    is_signed(key, &signed.claim.bytes(), &signed.signature)?;
    is_about(&signed.claim.project, project)?;
    if signed.claim.nonce != nonce(project, revision) {
        return Err(ClaimError::Stale);
    }
    Ok(())
}

/// Checks the signature and the project of an offer.
///
/// # Errors
/// What is wrong with it.
pub(super) fn verify_offer(key: &str, signed: &SignedOffer, project: &str) -> Result<(), ClaimError> {
    is_signed(key, &signed.offer.bytes(), &signed.signature)?;
    is_about(&signed.offer.project, project)
}

fn is_signed(key: &str, message: &[u8], signature: &str) -> Result<(), ClaimError> {
    let (Ok(key), Ok(signature)) = (hex::decode(key), hex::decode(signature)) else {
        return Err(ClaimError::Signature);
    };
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(message, &signature).map_err(|_| ClaimError::Signature)
}

fn is_about(given: &str, project: &str) -> Result<(), ClaimError> {
    match given == project {
        true => Ok(()),
        false => Err(ClaimError::Project { given: given.to_owned(), here: project.to_owned() }),
    }
}
