//! Walks over a GGUF header without keeping anything, so that lies are refused before memory is reserved.
//!
//! What the header means is left to [`super::gguf`].

/// Array elements of all metadata together: several times a large vocabulary's tokens, scores, types and
/// merges. The parser takes 32 bytes for each, whatever they take in the file.
const MAX_ELEMENTS: u64 = 6_000_000;
const MAX_DEPTH: usize = 8;

/// Checks that the metadata lies within the bytes and holds no more than a model's would.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut walk = Walk { rest: bytes, short_lengths: false, elements: 0 };
    walk.take(4)?;
    walk.short_lengths = match walk.u32()? {
        1 => true,
        2 | 3 => false,
        other => return Err(format!("its version is {other}; expected 1 to 3")),
    };
    let _tensors = walk.length()?;
    let entries = walk.length()?;
    for _ in 0..entries {
        walk.text()?;
        let kind = walk.u32()?;
        walk.value(kind, 0)?;
    }
    Ok(())
}

struct Walk<'a> {
    rest: &'a [u8],
    /// The first version of the format has lengths of four bytes.
    short_lengths: bool,
    elements: u64,
}

impl<'a> Walk<'a> {
    fn take(&mut self, count: u64) -> Result<&'a [u8], String> {
        let cut = usize::try_from(count).ok().and_then(|count| self.rest.split_at_checked(count));
        let (taken, rest) = cut.ok_or("it ends within its metadata")?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(self.take(4)?.iter().rev().fold(0, |number, byte| number << 8 | u32::from(*byte)))
    }

    fn length(&mut self) -> Result<u64, String> {
        let bytes = self.take(if self.short_lengths { 4 } else { 8 })?;
        Ok(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn text(&mut self) -> Result<(), String> {
        let length = self.length()?;
        self.take(length).map(drop)
    }

    fn value(&mut self, kind: u32, depth: usize) -> Result<(), String> {
        match kind {
            8 => self.text(),
            9 => self.array(depth),
            _ => self.take(width(kind)?).map(drop),
        }
    }

    fn array(&mut self, depth: usize) -> Result<(), String> {
        let (kind, length) = (self.u32()?, self.length()?);
        self.elements = self.elements.saturating_add(length);
        if self.elements > MAX_ELEMENTS || depth > MAX_DEPTH {
            return Err(format!("its arrays hold more than {MAX_ELEMENTS} elements or {MAX_DEPTH} levels"));
        }
        match kind {
            8 | 9 => (0..length).try_for_each(|_| self.value(kind, depth + 1)),
            _ => self.take(width(kind)? * length).map(drop),
        }
    }
}

/// Bytes of a number of this kind.
fn width(kind: u32) -> Result<u64, String> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(format!("a value is of the unknown kind {kind}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(value: &[&[u8]]) -> Vec<u8> {
        let (tensors, entries, key) = (0u64.to_le_bytes(), 1u64.to_le_bytes(), 1u64.to_le_bytes());
        let start = [b"GGUF".as_slice(), &3u32.to_le_bytes(), &tensors, &entries, &key, b"k"];
        [start.concat(), value.concat()].concat()
    }

    #[test]
    fn metadata_within_the_bytes_passes() {
        let array = [9u32.to_le_bytes(), 0u32.to_le_bytes()].concat();
        check(&header(&[&array, &3u64.to_le_bytes(), b"abc"])).unwrap();
    }

    #[test]
    fn large_arrays_and_deep_ones_are_refused() {
        let array = [9u32.to_le_bytes(), 0u32.to_le_bytes()].concat();
        let bytes = vec![0; 7_000_000];
        let error = check(&header(&[&array, &7_000_000u64.to_le_bytes(), &bytes])).unwrap_err();
        assert!(error.contains("more than 6000000 elements"), "{error}");
        let level = [9u32.to_le_bytes().as_slice(), &1u64.to_le_bytes()].concat();
        let deep = level.repeat(100);
        let error = check(&header(&[&9u32.to_le_bytes(), &deep])).unwrap_err();
        assert!(error.contains("8 levels"), "{error}");
    }

    #[test]
    fn lengths_beyond_the_end_and_unknown_kinds_are_refused() {
        let error = check(&header(&[&8u32.to_le_bytes(), &u64::MAX.to_le_bytes()])).unwrap_err();
        assert!(error.contains("ends within"), "{error}");
        let error = check(&header(&[&13u32.to_le_bytes()])).unwrap_err();
        assert!(error.contains("unknown kind 13"), "{error}");
    }
}
