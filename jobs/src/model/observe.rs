//! How work for many prompts is watched and stopped.

/// What was used so far in a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Tokens read for the prompts that were begun, shared beginnings counted for each.
    pub prompt_tokens: u64,
    /// Tokens generated.
    pub completion_tokens: u64,
}

impl std::ops::AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.prompt_tokens += other.prompt_tokens;
        self.completion_tokens += other.completion_tokens;
    }
}

/// Whether work goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Go on.
    Continue,
    /// Stop now; what is unfinished is dropped.
    Stop,
}

/// Watches work for many prompts, each of which leads to a `T`.
pub trait Observer<T = super::Generated> {
    /// Called before each pass of the network with what will have been used after it.
    fn before_pass(&mut self, totals: Totals) -> Flow;
    /// Called with all new tokens of the answer at `index` when it has more and is not complete.
    fn extended(&mut self, _index: usize, _tokens: &[u32]) -> Flow {
        Flow::Continue
    }
    /// Called when all is done for the prompt at `index`. The order is that in which they finish.
    fn finished(&mut self, index: usize, result: T) -> Flow;
}
