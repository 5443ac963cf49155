//! Versions that runs offer: each begins when nothing else is on its way, and never further up than the rules of the
//! spec let it without a person.

use empiric_schema::contract::ReleaseOffer;
use empiric_schema::rollout::RolloutAct;

use super::{Books, Entry};
use crate::rollout::rules::Rules;
use crate::rollout::state::Subject;

impl Books {
    /// A run offers a version. The latest offer stands; a version that is there already is not brought again.
    pub(in crate::rollout) fn offer(&mut self, rules: &Rules, offer: &ReleaseOffer, now: f64) {
        if self.is_there(offer) {
            return;
        }
        self.offered = Some(offer.clone());
        if !self.take_offer(rules, now) {
            self.say_that_it_waits(rules, offer, now);
        }
    }

    fn is_there(&self, offer: &ReleaseOffer) -> bool {
        let subject = self.state.subject.as_ref().map(|subject| &subject.version);
        [subject, self.state.last_good.as_ref()].contains(&Some(&offer.version))
    }

    fn say_that_it_waits(&mut self, rules: &Rules, offer: &ReleaseOffer, now: f64) {
        let Some(subject) = self.state.subject.clone() else { return };
        let (run, version) = (&offer.run, offer.version.short());
        let why =
            format!("{run} offers {version}, which waits until {} has got through", subject.version.short());
        self.enter(rules, Some(&subject), Entry { act: RolloutAct::Offered, why, by: None }, now);
    }

    /// Begins with what was offered, if its turn has come. Says whether it has.
    pub(super) fn take_offer(&mut self, rules: &Rules, now: f64) -> bool {
        if !self.state.is_free(rules) {
            return false;
        }
        let Some(offer) = self.offered.take() else { return false };
        let entry = rules.entry(self.state.last_good.as_ref());
        let place = if rules.asks { 0 } else { entry };
        let subject = Subject { requester: offer.by, ..Subject::at(offer.version, place, now) };
        self.state.put(subject.clone());
        let why = format!("{} kept its promise on the locked test and offers it", offer.run);
        self.enter(rules, None, Entry { act: RolloutAct::Entered, why: why.clone(), by: None }, now);
        if self.state.last_good.is_some() && place < rules.first_of_top() {
            // Beside a good version it is seen by nobody here, so that nothing would ever be judged of it.
            self.ask(rules, &subject, rules.first_of_top(), &why, now);
        }
        true
    }
}
