//! Signing what a run offers. The key never leaves the state folder, so that only its workers can offer.

use empiric_schema::contract::{Offered, ReleaseOffer};

use super::{RolloutActivities, RolloutActivityError};
use crate::adapters::signing_key::SigningKey;

impl RolloutActivities {
    /// Signs, and says what a rollout begins with where none goes on.
    ///
    /// # Errors
    /// There is no key, or the database does not answer.
    pub async fn sign_offer(&self, offer: ReleaseOffer) -> Result<Offered, RolloutActivityError> {
        let key = SigningKey::open(&self.state)?;
        let exposure = self.database.exposure(&offer.project).await?;
        Ok(Offered {
            signed: key.sign_offer(offer),
            approver_key: key.public(),
            revision: exposure.map_or(0, |exposure| exposure.revision),
        })
    }
}
