//! Who answers a request, and how: a pure function of the exposure and the caller.

use empiric_schema::artifact::Digest;
use empiric_schema::exposure::Exposure;
use empiric_schema::served::{Arm, Audience};
use empiric_schema::spec::StageName;

/// What the caller gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Route {
    /// An answer of this version.
    Answer(Target),
    /// A draft of this version, which waits for a person.
    Draft(Target),
    /// Nothing: the stage is not open to this audience.
    Closed,
}

/// Which version answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Its digest.
    pub(crate) version: Digest,
    /// As what it answers.
    pub(crate) arm: Arm,
    /// The stage that applies to this caller.
    pub(crate) stage: StageName,
}

/// Finds the route. The same client always takes the same one while the exposure stays.
pub(crate) fn route(exposure: &Exposure, audience: Audience, client: &str) -> Route {
    let Some(stage) = stage_for(exposure, audience, client) else {
        return Route::Closed;
    };
    let target = target(exposure, stage, client);
    match (stage, audience) {
        (StageName::Internal, Audience::Users) => Route::Closed,
        // The team sees answers at once in every stage: it is who watches.
        (StageName::Reviewed, Audience::Users) => Route::Draft(target),
        _ => Route::Answer(target),
    }
}

/// Users beyond the traffic of a stage are served as in the stage before it.
fn stage_for(exposure: &Exposure, audience: Audience, client: &str) -> Option<StageName> {
    let is_inside = audience > Audience::Users || share("stage", client) < f64::from(exposure.traffic);
    if is_inside { Some(exposure.stage) } else { exposure.stage_before() }
}

fn target(exposure: &Exposure, stage: StageName, client: &str) -> Target {
    match &exposure.canary {
        Some(canary) if share("canary", client) < f64::from(canary.percent) => {
            Target { version: canary.version.clone(), arm: Arm::Canary, stage }
        }
        _ => Target { version: exposure.serving.clone(), arm: Arm::Serving, stage },
    }
}

/// The place of a client among all, in [0, 100). Each purpose has an order of its own.
fn share(purpose: &str, client: &str) -> f64 {
    let digest = Digest::of(format!("{purpose}\n{client}").as_bytes());
    let head = u32::from_str_radix(&digest.hex()[..8], 16).unwrap_or(0);
    f64::from(head) / f64::from(u32::MAX) * 99.999_999
}

#[cfg(test)]
mod tests {
    use empiric_schema::exposure::Canary;
    use proptest::prelude::*;

    use super::*;

    fn exposure(stage: StageName, traffic: u8) -> Exposure {
        Exposure {
            project: "p".to_owned(),
            revision: 1,
            stage,
            traffic,
            serving: Digest::of(b"serving"),
            canary: None,
            shadow: None,
            last_good: None,
            why: String::new(),
            at: 0.0,
        }
    }

    fn word(route: &Route) -> &'static str {
        match route {
            Route::Answer(_) => "answer",
            Route::Draft(_) => "draft",
            Route::Closed => "closed",
        }
    }

    #[test]
    fn each_stage_is_open_to_its_audience() {
        use StageName::{Direct, Internal, Reviewed};
        for (stage, audience, expected) in [
            (Internal, Audience::Users, "closed"),
            (Internal, Audience::Internal, "answer"),
            (Internal, Audience::Reviewers, "answer"),
            (Reviewed, Audience::Users, "draft"),
            (Reviewed, Audience::Internal, "answer"),
            (Direct, Audience::Users, "answer"),
            (Direct, Audience::Internal, "answer"),
        ] {
            let found = route(&exposure(stage, 100), audience, "c");
            assert_eq!(word(&found), expected, "{stage:?} {audience:?}");
        }
    }

    #[test]
    fn users_beyond_the_traffic_are_served_as_in_the_stage_before() {
        let count = |stage, expected: &str| {
            let routes = (0..2000).map(|n| route(&exposure(stage, 5), Audience::Users, &format!("c{n}")));
            routes.filter(|route| word(route) == expected).count()
        };
        assert!((60..140).contains(&count(StageName::Direct, "answer")));
        assert!((1860..1940).contains(&count(StageName::Direct, "draft")));
        assert!((1860..1940).contains(&count(StageName::Reviewed, "closed")));
    }

    fn arm(percent: u8, client: &str) -> Arm {
        let canary = Some(Canary { version: Digest::of(b"canary"), percent });
        let exposure = Exposure { canary, ..exposure(StageName::Direct, 100) };
        match route(&exposure, Audience::Users, client) {
            Route::Answer(target) => target.arm,
            other => panic!("{other:?}"),
        }
    }

    proptest! {
        #[test]
        fn a_client_stays_with_the_canary_as_its_share_grows(client in ".{0,20}", percent in 0u8..100) {
            prop_assert_eq!(arm(0, &client), Arm::Serving);
            prop_assert_eq!(arm(100, &client), Arm::Canary);
            if arm(percent, &client) == Arm::Canary {
                prop_assert_eq!(arm(percent + 1, &client), Arm::Canary);
            }
        }
    }
}
