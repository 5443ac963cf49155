//! What a program writes on its two outputs: into the log of the job that it works for at that moment.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe::Receiver;
use tokio::sync::{Notify, oneshot};

use super::log::CappedLog;

/// How much is kept of what a program says while it has no job.
const STRAY_LIMIT: usize = 4096;

/// Where the output of a program goes. Shared by the task that reads the pipe and whoever gives jobs.
#[derive(Debug, Clone, Default)]
pub(super) struct Output(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    job: Option<Job>,
    /// The latest words outside of any job.
    stray: Vec<u8>,
}

#[derive(Debug)]
struct Job {
    log: CappedLog,
    /// What the program writes when it is done with the job; a program with a single job just ends.
    answer: Option<Vec<u8>>,
    /// The last bytes, as long as they may be the beginning of the answer.
    held: Vec<u8>,
    done: Arc<Notify>,
}

impl Output {
    /// From now on everything belongs to this job's log, until `answer` was written. To be called before the
    /// program hears of the job. The result is notified when the answer has come and the log is complete.
    pub(super) fn begin(&self, log: CappedLog, answer: Option<String>) -> Arc<Notify> {
        let done = Arc::new(Notify::new());
        let answer = answer.map(String::into_bytes);
        self.state().job = Some(Job { log, answer, held: Vec::new(), done: done.clone() });
        done
    }

    /// Words that belonged to no job.
    pub(super) fn stray(&self) -> String {
        String::from_utf8_lossy(&self.state().stray).trim().to_owned()
    }

    fn push(&self, bytes: &[u8]) {
        let mut state = self.state();
        let rest = match state.job.take() {
            None => bytes.to_vec(),
            Some(mut job) => match job.push(bytes) {
                Some(rest) => {
                    job.end();
                    rest
                }
                None => {
                    state.job = Some(job);
                    return;
                }
            },
        };
        state.stray.extend(rest);
        let excess = state.stray.len().saturating_sub(STRAY_LIMIT);
        state.stray.drain(..excess);
    }

    /// Nothing more comes.
    fn finish(&self) {
        if let Some(mut job) = self.state().job.take() {
            job.log.push(&job.held);
            job.log.finish();
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    /// Logs the bytes. Gives what follows the answer, once that has come.
    fn push(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let Some(answer) = &self.answer else {
            self.log.push(bytes);
            return None;
        };
        self.held.extend(bytes);
        if let Some(start) = self.held.windows(answer.len()).position(|window| window == answer) {
            let rest = self.held.split_off(start + answer.len());
            self.log.push(&self.held[..start]);
            self.held.clear();
            return Some(rest);
        }
        let ready = self.held.len() - torn(&self.held, answer);
        let kept = self.held.split_off(ready);
        self.log.push(&self.held);
        self.held = kept;
        None
    }

    fn end(mut self) {
        self.log.finish();
        self.done.notify_one();
    }
}

/// Length of the end of `bytes` that may be the beginning of `answer`.
fn torn(bytes: &[u8], answer: &[u8]) -> usize {
    let longest = bytes.len().min(answer.len() - 1);
    (0..=longest).rev().find(|&length| bytes.ends_with(&answer[..length])).unwrap_or(0)
}

/// Reads a pipe until the last writer has closed it, or `end` happens.
pub(super) async fn follow(mut pipe: Receiver, output: Output, end: oneshot::Receiver<()>) {
    let copy = async {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            output.push(&buffer[..count]);
        }
    };
    tokio::select! {
        () = copy => {}
        _ = end => {}
    }
    output.finish();
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::dispatch::log::LogLimits;

    fn log(folder: &Path, name: &str) -> CappedLog {
        CappedLog::create(&folder.join(name), LogLimits::default()).unwrap()
    }

    fn text(folder: &Path, name: &str) -> String {
        fs::read_to_string(folder.join(name)).unwrap()
    }

    #[tokio::test]
    async fn each_job_gets_its_own_words_however_the_pipe_cuts_them() {
        let whole = "one\n\u{1e}not it\n\u{1e}\u{1e}abc\nbetween";
        for cut in 0..=whole.len() {
            let folder = tempfile::tempdir().unwrap();
            let output = Output::default();
            let done = output.begin(log(folder.path(), "first"), Some("\u{1e}abc\n".into()));
            output.push(&whole.as_bytes()[..cut]);
            output.push(&whole.as_bytes()[cut..]);
            done.notified().await;
            assert_eq!(text(folder.path(), "first"), "one\n\u{1e}not it\n\u{1e}", "cut at {cut}");
            assert_eq!(output.stray(), "between");
            output.begin(log(folder.path(), "second"), Some("\u{1e}def\n".into()));
            output.push(b"two\x1e");
            output.finish();
            assert_eq!(text(folder.path(), "second"), "two\u{1e}");
        }
    }

    #[test]
    fn of_words_outside_of_jobs_the_latest_are_kept() {
        let output = Output::default();
        output.push(&[b'x'; 3 * STRAY_LIMIT]);
        output.push(b"last");
        assert_eq!((output.stray().len(), output.stray().ends_with("xlast")), (STRAY_LIMIT, true));
    }
}
