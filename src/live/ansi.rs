//! Draws frames over each other on a terminal.
//!
//! No raw mode, no alternate screen, no hidden cursor: nothing has to be restored, whatever ends the
//! process, and the last frame stays in the scrollback. Ctrl-C reaches the process as a signal.

use std::io::{self, Write};

use crossterm::cursor::{MoveToColumn, MoveUp};
use crossterm::queue;
use crossterm::style::{ContentStyle, PrintStyledContent, StyledContent};
use crossterm::terminal::{BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate};
use ratatui::backend::IntoCrossterm;
use ratatui::text::Line;

use super::follow::Follow;
use super::frame::{Room, lines};
use super::palette::Palette;
use super::snapshot::Snapshot;

/// How the terminal's size is asked for, once a frame.
type Size = fn() -> io::Result<(u16, u16)>;

/// The live view.
pub(crate) struct LiveView<W: Write> {
    out: W,
    palette: Palette,
    size: Size,
    /// Columns that each line of the last frame takes.
    drawn: Vec<usize>,
}

impl<W: Write> LiveView<W> {
    /// Draws to `out`, which is a terminal of the size that `size` says.
    pub(crate) fn new(out: W, palette: Palette, size: Size) -> Self {
        Self { out, palette, size, drawn: Vec::new() }
    }

    fn draw(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let room = self.room();
        let frame = lines(snapshot, room, self.palette);
        // One write a frame: half a frame is never seen, and no signal finds half a sequence.
        let mut bytes = Vec::new();
        queue!(bytes, BeginSynchronizedUpdate)?;
        self.go_back(&mut bytes, room.width)?;
        for line in &frame {
            write_line(&mut bytes, line)?;
        }
        queue!(bytes, Clear(ClearType::FromCursorDown), EndSynchronizedUpdate)?;
        self.drawn = frame.iter().map(Line::width).collect();
        self.out.write_all(&bytes)?;
        self.out.flush()
    }

    /// Room for a frame. The last column and row stay free, so that nothing wraps or scrolls.
    fn room(&self) -> Room {
        let (width, height) = (self.size)().unwrap_or((80, 24));
        Room { width: width.saturating_sub(1).max(20), height: height.saturating_sub(1).max(3) }
    }

    /// Back to the last frame's first line. A narrower terminal has wrapped its lines.
    fn go_back(&self, bytes: &mut Vec<u8>, width: u16) -> io::Result<()> {
        let columns = usize::from(width) + 1;
        let rows: usize = self.drawn.iter().map(|line| line.div_ceil(columns).max(1)).sum();
        queue!(bytes, MoveToColumn(0))?;
        match u16::try_from(rows) {
            Ok(rows) if rows > 0 => queue!(bytes, MoveUp(rows)),
            _ => Ok(()),
        }
    }
}

impl<W: Write> Follow for LiveView<W> {
    fn update(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.draw(snapshot)
    }

    fn finish(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        self.draw(snapshot)
    }
}

fn write_line(bytes: &mut Vec<u8>, line: &Line<'_>) -> io::Result<()> {
    for span in &line.spans {
        let style: ContentStyle = line.style.patch(span.style).into_crossterm();
        // Control characters of model output and names would move the cursor.
        let text: String = span.content.chars().filter(|c| !c.is_control()).collect();
        queue!(bytes, PrintStyledContent(StyledContent::new(style, text)))?;
    }
    queue!(bytes, Clear(ClearType::UntilNewLine))?;
    bytes.write_all(b"\r\n")
}
