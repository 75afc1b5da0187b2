//! The sessions of the account: one a minted token.
//!
//! Owns their list. Must not end one: that is the writer's.

use super::{Publisher, at, wire};
use crate::domain::secret::SessionFacts;
use crate::domain::{Problem, SessionId};

impl Publisher {
    /// Every session that the store lists for the account, those that ended or were revoked among
    /// them where `include_inactive` says so.
    pub async fn sessions(&self, include_inactive: bool) -> Result<Vec<SessionFacts>, Problem> {
        let mut url = at(&self.api, &["v1", "tokens"]);
        if include_inactive {
            url.query_pairs_mut().append_pair("include-inactive", "true");
        }
        let tokens: wire::Tokens = self.read_at(&url, "listing the account's sessions").await?;
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
