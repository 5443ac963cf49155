//! Statistics that decide: intervals, paired tests, races, gates, and the test ledger.
//!
//! Pure functions of counts and explicit seeds. No clock, no I/O, no ambient randomness and no
//! hash order, so that a replayed workflow reaches the same verdict. The result types live in
//! [`empiric_schema::evidence`], since decision records keep them.
//!
//! Which test answers which question:
//!
//! | question | module |
//! |---|---|
//! | how sure is this rate? | [`interval`] |
//! | does a version meet the specification? does it beat the incumbent? | [`gate`] |
//! | is the candidate better, over a fixed set of items? | [`paired`], graded scores: [`bootstrap`] |
//! | is it better, looked at after every item? | [`sequential`] |
//! | is a promised rate of failures kept, watched for as long as it is promised? | [`promise`] |
//! | which of many candidates goes on? | [`halving`], several finalists: [`holm`] |
//! | what could this much data show at all? | [`power`] |
//! | may the locked test split be looked at once more? | [`ledger`] |
//! | do two splits share items? | [`splits`] |

pub mod bootstrap;
mod distribution;
pub mod gate;
pub mod halving;
pub mod holm;
pub mod interval;
pub mod ledger;
pub mod paired;
pub mod power;
pub mod promise;
pub mod random;
pub mod sequential;
