//! The tables of the report, in Markdown.

use empiric_workflows::race::display_interval;

use super::tally::{GAINS, Share, Tally};

/// False promotions and false promises.
pub fn errors(rows: &[(&str, &Tally)]) {
    println!(
        "| projects | false promotions of finalists that are not better | projects with one | \
         looks passed of versions that break the promise | broken promises among successes |"
    );
    println!("|---|---|---|---|---|");
    for (name, tally) in rows {
        println!(
            "| {name} | {} | {} | {} | {} |",
            share(tally.false_promotions),
            share(tally.misled),
            share(tally.false_passes),
            share(tally.broken_promises)
        );
    }
}

/// Promotions by the size of the true gain, and what races lose.
pub fn missed(tally: &Tally) {
    println!("| true gain of the finalist, points | promoted | missed |");
    println!("|---|---|---|");
    for (class, found) in tally.by_gain.iter().enumerate() {
        let missed = Share { hits: found.of - found.hits, of: found.of };
        println!(
            "| {} | {} | {} |",
            gains(class),
            share(*found),
            if class == 0 { "-".into() } else { share(missed) }
        );
    }
    println!(
        "\nThe finalist was the truly best candidate of its race in {}; on average it was {:.1} points below it. \
         Promises that the looked-at version keeps were found kept in {}.\n",
        share(tally.best_won),
        100.0 * tally.lost_in_races / f64::from(tally.best_won.of.max(1)),
        share(tally.true_passes)
    );
}

fn gains(class: usize) -> String {
    let points = |gain: f64| format!("{:.0}", gain * 100.0);
    match class {
        0 => "none or less".to_owned(),
        class if class < GAINS.len() => format!("{} to {}", points(GAINS[class - 1]), points(GAINS[class])),
        _ => format!("over {}", points(GAINS[GAINS.len() - 1])),
    }
}

/// Ways to choose a technique, on the same projects.
pub fn policies(rows: &[(&str, &Tally)]) {
    println!(
        "| chosen by | first choice has the largest true gain per cost | true gain, points a project | answers a project | \
         of them by probes | iterations | device seconds | thousand tokens | points per 1000 answers |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let Some((_, reference)) = rows.first() else { return };
    for (name, tally) in rows {
        let projects = f64::from(tally.projects.max(1));
        let each = |sum: f64| sum / projects;
        let answers = each((tally.answers + tally.probed) as f64);
        let gained = 100.0 * each(tally.gained);
        println!(
            "| {name} | {} | {gained:.1} | {answers:.0} | {:.0} | {:.1} | {:.0} | {:.0} | {:.2} |",
            share(tally.first_hits(&reference.costs).0),
            each(tally.probed as f64),
            each(tally.iterations as f64),
            each(tally.seconds),
            each(tally.tokens as f64 / 1000.0),
            1000.0 * gained / answers,
        );
    }
    println!(
        "\nA draw among the usable techniques would hit {:.1} % of the time.",
        100.0 * reference.first_hits(&reference.costs).1
    );
}

/// A share in percent with its 95 % Wilson interval and its counts.
pub fn share(share: Share) -> String {
    if share.of == 0 {
        return "none".to_owned();
    }
    let interval = display_interval(share.hits, share.of);
    format!(
        "{:.1} % [{:.1}, {:.1}] ({} of {})",
        100.0 * f64::from(share.hits) / f64::from(share.of),
        100.0 * interval.low,
        100.0 * interval.high,
        share.hits,
        share.of
    )
}
