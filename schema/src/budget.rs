//! What may be spent, what is reserved and what was used.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of each thing that a run spends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spend {
    /// Seconds on a device: one worker slot, busy.
    pub device_seconds: f64,
    /// Prompt and completion tokens.
    pub tokens: u64,
    /// United States dollars, for endpoints and priced devices.
    pub usd: f64,
}

impl Spend {
    /// Both amounts together.
    pub fn plus(self, other: Self) -> Self {
        Self {
            device_seconds: self.device_seconds + other.device_seconds,
            tokens: self.tokens + other.tokens,
            usd: self.usd + other.usd,
        }
    }

    /// What is left after `other`, at least zero each.
    pub fn minus(self, other: Self) -> Self {
        Self {
            device_seconds: (self.device_seconds - other.device_seconds).max(0.0),
            tokens: self.tokens.saturating_sub(other.tokens),
            usd: (self.usd - other.usd).max(0.0),
        }
    }
}

/// The limits of a run. `None` means no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Seconds from start to stop, as the workflow's clock counts them.
    pub wall_clock_seconds: Option<f64>,
    /// Seconds of device time.
    pub device_seconds: Option<f64>,
    /// Tokens.
    pub tokens: Option<u64>,
    /// Dollars.
    pub usd: Option<f64>,
    /// Share of a limit at which the view warns, in (0, 1].
    pub warn_at: f64,
}

/// A limit that stops work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Time since the start.
    WallClock,
    /// Device time.
    DeviceSeconds,
    /// Tokens.
    Tokens,
    /// Dollars.
    Usd,
}
