//! Reads the sessions of the account, one for each minted token.
//!
//! The writer revokes them.

use super::{Publisher, at, wire};
use crate::domain::secret::SessionFacts;
use crate::domain::{Problem, SessionId};

impl Publisher {
    /// Returns every session that the store lists for the account, with `include_inactive` also
    /// those that expired or were revoked.
    pub async fn sessions(&self, include_inactive: bool) -> Result<Vec<SessionFacts>, Problem> {
        let mut url = at(&self.api, &["v1", "tokens"]);
        if include_inactive {
            url.query_pairs_mut().append_pair("include-inactive", "true");
        }
        let tokens: wire::Tokens = self.read_at(&url, "reading the sessions of the account").await?;
        Ok(tokens.macaroons.into_iter().map(Into::into).collect())
    }
}

impl From<wire::TokenItem> for SessionFacts {
    fn from(wire: wire::TokenItem) -> Self {
        Self {
            id: SessionId::new(&wire.session_id),
            description: wire.description,
            since: wire.valid_since,
            until: wire.valid_until,
            revoked_at: wire.revoked_at,
        }
    }
}
