//! A process that runs one job after another: a warm runner.
//!
//! It lives as long as its standard input is open and its jobs end in ways that say nothing about the process
//! itself. Who gives it which jobs, and when it is no longer worth its memory, is left to the dispatcher.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver};

use empiric_schema::job::{ExitClass, ServeRequest};

use super::exit_file::ExitFile;
use super::kept::{Kept, Use};
use super::run::run_job;
use super::signals::{self, Slot};
use crate::meter::{self, Meter};

/// Runs the jobs that standard input names ([`ServeRequest`]) until one ends in a way that casts doubt on this
/// process. The class of that job is the process's.
///
/// `around` is called for each job and must call the job once; it is the place for spans and metrics. The
/// job's `exit.json` is there when that call returns. When standard input ends, the process ends at once: its
/// worker is gone, or does not need it any more.
pub fn serve(mut around: impl FnMut(&ServeRequest, &mut dyn FnMut())) -> ExitClass {
    let slot = Arc::new(Slot::default());
    if let Err(error) = signals::end_with_job(slot.clone()) {
        tracing::warn!(%error, "signals cannot be watched: a job that is told to stop will not say so");
    }
    let mut kept = Kept::new(Use::Serving);
    for request in requests() {
        let mut class = ExitClass::BugOrUnknown;
        around(&request, &mut || class = run_one(&request.folder, &slot, &mut kept));
        if !leaves_no_doubt(class) {
            return class;
        }
        if let Err(error) = answer(&request) {
            tracing::error!(%error, "the end of a job cannot be told");
            return ExitClass::TempFail;
        }
    }
    // The thread that reads ends the process; its channel alone never ends.
    ExitClass::Killed
}

fn run_one(folder: &Path, slot: &Slot, kept: &mut Kept) -> ExitClass {
    if let Err(error) = meter::forget_peak() {
        tracing::warn!(%error, "the peak memory of jobs is that of their warm runner");
    }
    let meter = Arc::new(Meter::start());
    let exit_file = Arc::new(ExitFile::new(folder));
    slot.put(exit_file.clone(), meter.clone());
    let class = run_job(folder, &exit_file, &meter, kept);
    slot.clear();
    class
}

/// Whether the process is as good as before. After a panic, a divergence or a failing disk nobody knows.
fn leaves_no_doubt(class: ExitClass) -> bool {
    matches!(class, ExitClass::Success | ExitClass::InvalidInput | ExitClass::BudgetExhausted)
}

fn answer(request: &ServeRequest) -> io::Result<()> {
    let mut output = io::stdout().lock();
    output.write_all(request.answer().as_bytes())?;
    output.flush()
}

/// Reads requests on a thread of its own, which also sees the end of the input in mid-job.
fn requests() -> Receiver<ServeRequest> {
    let (sender, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            match serde_json::from_str(&line) {
                Ok(request) => {
                    // Nobody listens any more once the process is about to end by itself.
                    let _ = sender.send(request);
                }
                Err(error) => {
                    tracing::error!(%error, "a line on standard input is no request");
                    std::process::exit(ExitClass::Config.code());
                }
            }
        }
        std::process::exit(ExitClass::Killed.code());
    });
    requests
}
