//! Values of flags: what is wrong with one is said before anything is done, and beside its flag.

use empiric_schema::rollout::Rung;
use empiric_schema::spec::{StageName, is_project_name};

/// A name that a project may have.
pub fn project_name(text: &str) -> Result<String, String> {
    match is_project_name(text) {
        true => Ok(text.to_owned()),
        false => Err("expected 1 to 63 lower-case letters, digits and hyphens, such as faq-bot".to_owned()),
    }
}

/// A share of right answers that can be promised.
pub fn accuracy(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(share),
        Ok(percent) if percent > 1.0 && percent <= 100.0 => {
            Err(format!("expected a share above 0 and at most 1; for {percent} % write {}", percent / 100.0))
        }
        _ => Err("expected a share above 0 and at most 1, such as 0.7".to_owned()),
    }
}

/// How many jobs run at the same time.
pub fn slots(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("a worker without slots would take no job; expected 1 or more".to_owned()),
        Ok(slots) => Ok(slots),
        Err(_) => Err("expected a whole number from 1 up".to_owned()),
    }
}

/// Requests in a second.
pub fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
        _ => Err("expected a number above 0, such as 0.5 or 20".to_owned()),
    }
}

/// A step of exposure: `internal`, `reviewed`, `direct` or `direct:5`.
pub fn rung(text: &str) -> Result<Rung, String> {
    let expected =
        || "expected internal, reviewed or direct, such as direct:5 for 5 % of the traffic".to_owned();
    let (stage, traffic) = text.split_once(':').unwrap_or((text, "100"));
    let stages = [StageName::Internal, StageName::Reviewed, StageName::Direct];
    let stage = stages.into_iter().find(|one| one.name() == stage).ok_or_else(expected)?;
    let traffic = traffic.parse::<u8>().ok().filter(|traffic| (1..=100).contains(traffic));
    Ok(Rung { stage, traffic: traffic.ok_or_else(expected)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_a_stage_with_or_without_a_percentage() {
        assert_eq!(rung("direct:5"), Ok(Rung { stage: StageName::Direct, traffic: 5 }));
        assert_eq!(rung("internal"), Ok(Rung { stage: StageName::Internal, traffic: 100 }));
        for wrong in ["", "everybody", "direct:0", "direct:101", "direct:x"] {
            assert!(rung(wrong).unwrap_err().contains("such as direct:5"), "{wrong}");
        }
    }

    #[test]
    fn a_share_is_taken_and_a_percentage_is_explained() {
        assert_eq!(accuracy("0.85"), Ok(0.85));
        assert_eq!(accuracy("1"), Ok(1.0));
        assert!(accuracy("70").unwrap_err().contains("for 70 % write 0.7"));
        for wrong in ["0", "-1", "101", "NaN", "good"] {
            assert!(accuracy(wrong).unwrap_err().contains("such as 0.7"), "{wrong}");
        }
    }

    #[test]
    fn names_are_those_that_a_project_file_takes() {
        assert_eq!(project_name("faq-bot-2"), Ok("faq-bot-2".to_owned()));
        for wrong in ["", "My Project", "-a", "a-", "a_b", &"x".repeat(64)] {
            assert!(project_name(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_worker_needs_a_slot() {
        assert_eq!(slots("2"), Ok(2));
        assert!(slots("0").unwrap_err().contains("1 or more"));
        assert!(slots("two").is_err());
    }

    #[test]
    fn a_rate_is_a_number_above_nothing() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "inf", "NaN", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
