//! Which colours the terminal gets.

use ratatui::style::{Color, Modifier, Style};

/// Whether colours may be used. Without them weight and words carry the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    /// The terminal's own sixteen colours, so that its theme decides what they look like.
    Colour,
    /// None, as `NO_COLOR` asks for.
    Plain,
}

impl Palette {
    /// Follows `NO_COLOR` (no-color.org): set and not empty means none.
    pub(crate) fn from_environment() -> Self {
        match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => Self::Plain,
            _ => Self::Colour,
        }
    }

    /// Names and what matters now.
    pub(crate) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// What may be overlooked.
    pub(crate) fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// What is going on.
    pub(crate) fn active(self) -> Style {
        self.coloured(Color::Cyan)
    }

    /// Good news.
    pub(crate) fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    /// Something a person should look at.
    pub(crate) fn warn(self) -> Style {
        self.coloured(Color::Yellow)
    }

    /// Bad news.
    pub(crate) fn bad(self) -> Style {
        self.coloured(Color::Red)
    }

    fn coloured(self, colour: Color) -> Style {
        match self {
            Self::Colour => Style::new().fg(colour),
            Self::Plain => Style::new(),
        }
    }
}
