//! Data sets: items and their JSONL form.

mod item;
mod jsonl;
mod line;
mod scan;
pub mod splits;

pub use item::{Expected, Item};
pub use jsonl::{LONGEST_LINE, read_items, write_items};
