//! `preference`: learning from pairs of a better and a worse answer (DPO). The pairs come home from reviews and
//! corrections; learning from them is not built yet.

use super::Setting;

/// Why it is never used for an improvement.
pub(super) const NOT_BUILT: &str = "preference tuning is not built in this version of Empiric";
/// Pairs below which a preference is hardly learned: about as many as fine-tuning needs examples to be worth its
/// price, since each pair says no more than which of two answers is better.
const FEWEST_PAIRS: u32 = 200;

/// Why preference tuning cannot be used here: how many pairs there are, and how many it needs.
pub(super) fn missing(setting: &Setting<'_>) -> Option<String> {
    let pairs = setting.pairs;
    let count =
        format!("{pairs} pairs of a better and a worse answer came home, and it needs {FEWEST_PAIRS}");
    Some(format!("{NOT_BUILT}; {count}"))
}
