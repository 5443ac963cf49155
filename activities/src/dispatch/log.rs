//! The log of a job's standard output and error, bounded: its beginning and its end are kept.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// How much of a log is kept, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogLimits {
    pub(super) head: usize,
    pub(super) tail: usize,
}

impl Default for LogLimits {
    /// Ten megabytes: more than people read, and nothing to a disk.
    fn default() -> Self {
        Self { head: 8 << 20, tail: 2 << 20 }
    }
}

/// A log file that does not grow over its limits.
#[derive(Debug)]
pub(super) struct CappedLog {
    /// `None` once writing failed: the job's pipe is emptied all the same, or the job would stop.
    file: Option<File>,
    limits: LogLimits,
    written: usize,
    left_out: u64,
    /// The newest bytes, which are written when the log ends.
    tail: VecDeque<u8>,
}

impl CappedLog {
    pub(super) fn create(path: &Path, limits: LogLimits) -> io::Result<Self> {
        let file = Some(File::create(path)?);
        Ok(Self { file, limits, written: 0, left_out: 0, tail: VecDeque::new() })
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.limits.head - self.written;
        let (head, rest) = bytes.split_at(bytes.len().min(room));
        self.write(head);
        self.written += head.len();
        self.tail.extend(rest);
        let excess = self.tail.len().saturating_sub(self.limits.tail);
        self.tail.drain(..excess);
        self.left_out += excess as u64;
    }

    /// Writes the end.
    pub(super) fn finish(&mut self) {
        if self.left_out > 0 {
            let note = format!("\n[... {} bytes left out ...]\n", self.left_out);
            self.write(note.as_bytes());
        }
        let tail: Vec<u8> = std::mem::take(&mut self.tail).into();
        self.write(&tail);
    }

    fn write(&mut self, bytes: &[u8]) {
        let Some(file) = &mut self.file else { return };
        if let Err(error) = file.write_all(bytes) {
            tracing::warn!(%error, "could not write the log of a job; the rest of it is dropped");
            self.file = None;
        }
    }
}

/// The last bytes of a log, as text.
pub(super) fn read_tail(path: &Path, bytes: u64) -> String {
    let read = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut tail = Vec::new();
        file.take(bytes).read_to_end(&mut tail)?;
        Ok(tail)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The last lines of a text, cut to what a failure message may carry.
pub(super) fn last_lines(text: &str, count: usize, most_bytes: usize) -> String {
    let trimmed = text.trim_end();
    let start = trimmed.rmatch_indices('\n').nth(count - 1).map_or(0, |(index, _)| index + 1);
    let lines = &trimmed[start..];
    let from = lines.len().saturating_sub(most_bytes);
    let from = (from..=lines.len()).find(|index| lines.is_char_boundary(*index));
    lines[from.unwrap_or(lines.len())..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginning_and_end_are_kept_and_the_middle_is_counted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("job.log");
        let mut log = CappedLog::create(&path, LogLimits { head: 10, tail: 4 }).unwrap();
        for chunk in ["0123456", "789abc", "def", "ghijklmnop"] {
            log.push(chunk.as_bytes());
        }
        log.finish();
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text, "0123456789\n[... 12 bytes left out ...]\nmnop");
        assert_eq!(read_tail(&path, 4), "mnop");
    }

    #[test]
    fn last_lines_are_whole_characters_within_the_limit() {
        assert_eq!(last_lines("a\nb\nc\n\n", 2, 100), "b\nc");
        assert_eq!(last_lines("a", 5, 100), "a");
        assert_eq!(last_lines("", 5, 100), "");
        assert_eq!(last_lines("ééé", 5, 3), "é");
    }
}
