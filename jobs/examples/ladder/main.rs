//! Climbs the rungs of a project by hand, one job after another: closed-book, passages, an adapter on examples of
//! the train split, the same with a calculator. What a run decides and records is left out; the jobs are the same.
//!
//! Usage: `ladder --model FILE --project FOLDER --work FOLDER [--name value ..]`, see [`options`].

mod jobs;
mod options;
mod rungs;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let options = options::Options::parse(std::env::args().skip(1))?;
    rungs::climb(&options)
}
