//! Ends the job with an exit file when it is told to stop.

use std::sync::{Arc, Mutex, PoisonError};

use empiric_schema::job::{Exit, ExitClass};
use signal_hook::consts::{SIGTERM, SIGUSR1};
use signal_hook::iterator::{Handle, Signals};

use super::exit_file::{ExitFile, Written};
use crate::meter::Meter;

/// Stops listening when dropped.
pub(crate) struct Listener(Handle);

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// The job of the moment in a process that runs one after another.
#[derive(Debug, Default)]
pub(crate) struct Slot(Mutex<Option<(Arc<ExitFile>, Arc<Meter>)>>);

impl Slot {
    pub(crate) fn put(&self, exit_file: Arc<ExitFile>, meter: Arc<Meter>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((exit_file, meter));
    }

    pub(crate) fn clear(&self) {
        self.take();
    }

    fn take(&self) -> Option<(Arc<ExitFile>, Arc<Meter>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Listens for SIGTERM (cancelled by request) and SIGUSR1 (the node is taken away).
pub(crate) fn listen(exit_file: Arc<ExitFile>, meter: Arc<Meter>) -> std::io::Result<Listener> {
    let mut signals = Signals::new([SIGTERM, SIGUSR1])?;
    let handle = signals.handle();
    std::thread::spawn(move || {
        for signal in signals.forever() {
            stop(signal, &exit_file, &meter);
        }
    });
    Ok(Listener(handle))
}

/// Listens for the same signals as long as the process lives, and ends it with the job of the moment.
pub(crate) fn end_with_job(slot: Arc<Slot>) -> std::io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGUSR1])?;
    std::thread::spawn(move || {
        let Some(signal) = signals.forever().next() else { return };
        if let Some((exit_file, meter)) = slot.take() {
            stop(signal, &exit_file, &meter);
        }
        // Between two jobs, or the job had just left its exit file.
        std::process::exit(ExitClass::Preempted.code());
    });
    Ok(())
}

fn stop(signal: i32, exit_file: &ExitFile, meter: &Meter) {
    let (class, message) = match signal {
        SIGUSR1 => (ExitClass::Preempted, "the node is taken away (SIGUSR1)"),
        _ => (ExitClass::Cancelled, "told to stop (SIGTERM)"),
    };
    let exit = Exit {
        class,
        message: message.to_owned(),
        outputs: Default::default(),
        findings: Default::default(),
        usage: meter.usage(),
    };
    match exit_file.write(&exit) {
        // The main thread was first and is about to leave by itself.
        Ok(Written::Before) => {}
        Ok(Written::Now) => std::process::exit(class.code()),
        Err(error) => {
            tracing::error!(%error, "the exit file cannot be written");
            std::process::exit(class.code());
        }
    }
}
