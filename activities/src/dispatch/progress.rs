//! Following `progress.jsonl` while it is written.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;

use empiric_schema::job::Progress;

/// Most bytes taken in at once; a job that writes faster than this is only followed more coarsely.
const READ_LIMIT: u64 = 1 << 20;

/// A reader at the end of a growing file.
#[derive(Debug)]
pub(super) struct ProgressTail {
    path: PathBuf,
    offset: u64,
    /// The beginning of a line whose end was not written yet.
    torn: Vec<u8>,
    latest: Progress,
}

impl ProgressTail {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, offset: 0, torn: Vec::new(), latest: Progress::default() }
    }

    /// The last whole line that read as progress; the default before there is one.
    pub(super) fn latest(&self) -> &Progress {
        &self.latest
    }

    /// Reads what is new and gives the number of new lines of progress. A file that is not there or
    /// does not read is no news: progress is for people and watchdogs, never for results.
    pub(super) fn poll(&mut self) -> u32 {
        let Ok(bytes) = self.read() else { return 0 };
        self.offset += bytes.len() as u64;
        self.torn.extend(bytes);
        let Some(end) = self.torn.iter().rposition(|byte| *byte == b'\n') else {
            self.forget_endless_line();
            return 0;
        };
        let rest = self.torn.split_off(end + 1);
        let whole = std::mem::replace(&mut self.torn, rest);
        let mut lines = 0;
        for line in whole.split(|byte| *byte == b'\n') {
            if let Ok(progress) = serde_json::from_slice(line) {
                self.latest = progress;
                lines += 1;
            }
        }
        lines
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(READ_LIMIT).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn forget_endless_line(&mut self) {
        if self.torn.len() as u64 > READ_LIMIT {
            self.torn.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;

    use super::*;

    fn line(step: u64) -> String {
        let progress = Progress { step, ..Progress::default() };
        format!("{}\n", serde_json::to_string(&progress).unwrap())
    }

    #[test]
    fn a_torn_line_counts_once_it_is_whole_and_noise_never() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.jsonl");
        let mut tail = ProgressTail::new(path.clone());
        assert_eq!(tail.poll(), 0);
        let (second, mut file) = (line(2), fs::File::create(&path).unwrap());
        write!(file, "{}not json\n\n{}", line(1), &second[..10]).unwrap();
        assert_eq!((tail.poll(), tail.latest().step), (1, 1));
        write!(file, "{}", &second[10..]).unwrap();
        assert_eq!((tail.poll(), tail.latest().step), (1, 2));
        assert_eq!(tail.poll(), 0);
    }

    #[test]
    fn an_endless_line_does_not_fill_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("progress.jsonl");
        fs::write(&path, vec![b'x'; 3 << 20]).unwrap();
        let mut tail = ProgressTail::new(path);
        for _ in 0..5 {
            assert_eq!(tail.poll(), 0);
        }
        assert!(tail.torn.len() as u64 <= 2 * READ_LIMIT);
    }
}
