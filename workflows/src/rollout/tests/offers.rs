//! What runs offer, and when its turn comes.

use empiric_schema::contract::ReleaseOffer;

use super::*;

fn offer(name: &str) -> ReleaseOffer {
    ReleaseOffer {
        project: "p".to_owned(),
        version: version(name),
        run: empiric_schema::id::RunId::new("p-1"),
        by: Some("ada".to_owned()),
    }
}

fn subject_of(books: &Books) -> Option<(Digest, usize)> {
    books.state.subject.as_ref().map(|subject| (subject.version.clone(), subject.place))
}

#[test]
fn what_a_run_offers_begins_at_the_first_step_and_once() {
    let rules = rules();
    let mut books = Books::begin(4);
    books.offer(&rules, &offer("new"), 1.0);
    assert_eq!(subject_of(&books), Some((version("new"), 0)));
    let revision = books.state.revision;
    books.offer(&rules, &offer("new"), 2.0);
    assert_eq!((books.state.revision, books.offered.clone()), (revision, None), "the same is no news");
}

#[test]
fn an_offer_waits_until_what_is_on_its_way_has_got_through_or_fallen() {
    let rules = rules();
    let mut books = books(standing(1, 0, 0));
    books.offer(&rules, &offer("next"), 1.0);
    assert_eq!(subject_of(&books), Some((version("new"), 1)), "one at a time");
    assert!(books.view(&rules, "p", 1.0).decisions.iter().any(|one| one.act == RolloutAct::Offered));
    books.observe(&rules, &seen(12, 8), 2.0);
    assert_eq!(subject_of(&books), Some((version("next"), 0)), "the one that fell makes room");
    books.offer(&rules, &offer("later"), 3.0);
    books.offer(&rules, &offer("latest"), 3.0);
    books.observe(&rules, &seen(12, 8), 4.0);
    assert_eq!(subject_of(&books), Some((version("latest"), 0)), "the latest offer stands");
}

#[test]
fn an_offer_beside_a_good_version_is_seen_by_users_only_as_the_spec_says() {
    let good = || books(with_good(standing(3, 0, 20), "new"));
    let (plain, mut settled) = (rules(), good());
    settled.offer(&plain, &offer("next"), 1.0);
    assert_eq!(subject_of(&settled), Some((version("next"), 2)), "a canary");
    for careful in [Rules { asks: true, ..rules() }, Rules { approver: Approver::Other, ..rules() }] {
        let mut settled = good();
        settled.offer(&careful, &offer("next"), 1.0);
        assert_eq!(subject_of(&settled), Some((version("next"), 0)), "unseen");
        let asked = settled.state.question.clone().unwrap();
        assert_eq!((asked.version, asked.to), (version("next"), careful.rung(2)));
    }
}
