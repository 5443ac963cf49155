//! The one thing that a command does with a snapshot, and the choice of how.

use std::io::{self, IsTerminal, Write};

use super::ansi::LiveView;
use super::palette::Palette;
use super::plain::PlainView;
use super::snapshot::Snapshot;

/// Shows a run while it goes on.
pub trait Follow {
    /// Shows the run as it is now. Call it as often as wanted: nothing is said twice.
    ///
    /// # Errors
    /// When nothing can be written any more, such as on a closed pipe.
    fn update(&mut self, snapshot: &Snapshot) -> io::Result<()>;

    /// Shows the run for the last time: it ended, or the follower leaves it.
    ///
    /// # Errors
    /// As [`Follow::update`].
    fn finish(&mut self, snapshot: &Snapshot) -> io::Result<()>;
}

/// A live view where standard error is a terminal, plain lines where it is not.
pub fn on_stderr() -> Box<dyn Follow + Send> {
    let out = io::stderr();
    let simple = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    if out.is_terminal() && !simple {
        return Box::new(LiveView::new(out, Palette::from_environment(), crossterm::terminal::size));
    }
    plain(out)
}

fn plain(out: impl Write + Send + 'static) -> Box<dyn Follow + Send> {
    Box::new(PlainView::new(out))
}
