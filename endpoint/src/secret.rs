//! The key of an endpoint: found by reference, held so that it is not shown, scrubbed from what comes back.

use std::fs::File;
use std::io::{self, Read as _};

use empiric_schema::spec::SecretRef;
use secrecy::{ExposeSecret as _, SecretString};

use crate::error::{EndpointError, SecretProblem};

/// No key is longer; a larger file is another file.
const LONGEST: u64 = 8 << 10;
/// Shorter texts turn up in answers by chance.
const SHORTEST_SCRUBBED: usize = 6;
const SCRUBBED: &str = "[secret]";

/// A key. Its `Debug` shows nothing, and its memory is cleared when it is dropped.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Reads the key from where the reference says. A newline at its end does not count.
    ///
    /// # Errors
    /// The variable is not set, the file cannot be read, or what is there cannot be a key. The message says
    /// where, never what.
    pub fn resolve(reference: &SecretRef) -> Result<Self, EndpointError> {
        let failed = |problem| EndpointError::Secret { reference: reference.to_string(), problem };
        let found = match reference {
            SecretRef::Env(name) => std::env::var(name).map_err(|_| failed(SecretProblem::NotSet)),
            SecretRef::File(path) => read(path).map_err(|source| failed(SecretProblem::Read(source))),
        };
        Self::new(found?).map_err(failed)
    }

    fn new(mut text: String) -> Result<Self, SecretProblem> {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        let is_right = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let secret = Self(SecretString::from(text));
        if is_right { Ok(secret) } else { Err(SecretProblem::NoKey) }
    }

    /// The key itself, for the one header that carries it.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The text without the key: a server, or a proxy before it, may echo what it was sent.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let key = self.expose();
        if key.len() < SHORTEST_SCRUBBED { text.to_owned() } else { text.replace(key, SCRUBBED) }
    }
}

fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    let read = File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if read as u64 > LONGEST {
        return Err(io::Error::other(format!("it has more than {LONGEST} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "sk-canary-0123456789";

    fn file(content: &[u8]) -> (tempfile::TempDir, SecretRef) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, content).unwrap();
        (folder, SecretRef::File(path.display().to_string()))
    }

    fn sentence(error: &EndpointError) -> String {
        let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause} {error:?}")
    }

    #[test]
    fn a_key_is_read_from_its_file_without_the_newline_and_never_shown() {
        let (_folder, reference) = file(format!("{CANARY}\n").as_bytes());
        let secret = Secret::resolve(&reference).unwrap();
        assert_eq!(secret.expose(), CANARY);
        assert!(!format!("{secret:?}").contains("canary"), "{secret:?}");
        assert_eq!(secret.scrub(&format!("bad key {CANARY}!")), "bad key [secret]!");
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_by_place_and_not_by_content() {
        for content in [&b""[..], b"\n", b"sk-canary two", b"sk-canary\nsk-canary", b"sk-canary\xc3\xa9"] {
            let (_folder, reference) = file(content);
            let said = sentence(&Secret::resolve(&reference).unwrap_err());
            assert!(said.contains("file://") && !said.contains("sk-canary"), "{said}");
        }
        let (_folder, reference) = file(&[b'k'; 9000]);
        assert!(sentence(&Secret::resolve(&reference).unwrap_err()).contains("more than 8192 bytes"));
    }

    #[test]
    fn missing_keys_are_named_by_their_reference() {
        let variable = SecretRef::Env("EMPIRIC_TEST_NOT_SET_ANYWHERE".to_owned());
        let said = Secret::resolve(&variable).unwrap_err().to_string();
        assert_eq!(said, "the key `env://EMPIRIC_TEST_NOT_SET_ANYWHERE` cannot be used");
        let said = sentence(&Secret::resolve(&SecretRef::File("/does/not/exist".to_owned())).unwrap_err());
        assert!(said.contains("file:///does/not/exist") && said.contains("No such file"), "{said}");
    }
}
