//! Reads the publisher's side of the store: whoami, packages, revisions, resources and the channel
//! map.
//!
//! Must not change anything.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;
use secrecy::SecretString;
use url::Url;

use super::{StoreToken, at, get, json_of, wire};
use crate::domain::charm::{CharmFacts, ResourceFacts};
use crate::domain::credential::{CredentialFacts, ExpiryFrom};
use crate::domain::{CharmName, Problem, ProblemKind, ResourceName, SanitizedText};
use crate::services::http::Http;

/// Holds the push destination for an image of a resource, and its login.
pub struct PushTarget {
    /// `host/path` as the store names it.
    pub image_name: String,
    /// User name of the login.
    pub user: String,
    /// Password of the login.
    pub password: SecretString,
}

/// Reads the publisher's API with a credential.
#[derive(Clone, Debug)]
pub struct Publisher {
    pub(super) http: Http,
    pub(super) api: Url,
    pub(super) token: StoreToken,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Http")
    }
}

impl Publisher {
    /// Returns a client of the API at `api`.
    pub const fn new(http: Http, api: Url, token: StoreToken) -> Self {
        Self { http, api, token }
    }

    /// Returns the credential that is sent.
    pub const fn token(&self) -> &StoreToken {
        &self.token
    }

    async fn read<T: serde::de::DeserializeOwned>(
        &self,
        segments: &[&str],
        what: &str,
    ) -> Result<T, Problem> {
        self.read_at(&at(&self.api, segments), what).await
    }

    pub(super) async fn read_at<T: serde::de::DeserializeOwned>(
        &self,
        url: &Url,
        what: &str,
    ) -> Result<T, Problem> {
        let answer = get(&self.http, url, Some(&self.token), what).await?;
        json_of(&answer, what, Some(self.token.source()))
    }

    /// Reads the account, rights and expiry of the credential. The expiry is read from the token's
    /// caveats, else from the store's list of tokens.
    pub async fn whoami(&self) -> Result<CredentialFacts, Problem> {
        let who: wire::Whoami = self
            .read(
                &["v1", "tokens", "whoami"],
                "reading the account of the credential",
            )
            .await?;
        let mut facts = self.token_facts();
        if let (None, Some(session)) = (facts.expires_at, &facts.session) {
            facts.expires_at = self.listed_end(session.as_str()).await;
            if facts.expires_at.is_some() {
                facts.expires_from = ExpiryFrom::Service;
            }
        }
        Ok(CredentialFacts {
            account: who
                .account
                .username
                .or(who.account.email)
                .or(who.account.display_name),
            scopes: who.permissions.unwrap_or_default(),
            packages: who.packages,
            channels: who.channels,
            ..facts
        })
    }

    /// Returns what the token contains, without asking the store: its source, expiry and session.
    /// Only the store knows the rest.
    pub fn token_facts(&self) -> CredentialFacts {
        let caveats = self.token.caveats();
        CredentialFacts {
            name: SanitizedText::new("Charmhub token"),
            kind: SanitizedText::new("charmhub"),
            source: self.token.source().clone(),
            account: None,
            expires_at: caveats.expires_at,
            expires_from: if caveats.expires_at.is_some() {
                ExpiryFrom::Caveat
            } else {
                ExpiryFrom::Unknown
            },
            scopes: Vec::new(),
            packages: None,
            channels: None,
            session: caveats.session_id.as_deref().map(crate::domain::SessionId::new),
            origin: self.token.origin(),
            token_kind: None,
            remarks: Vec::new(),
            rewrite: self.token.rewrite().map(SanitizedText::new),
        }
    }

    /// Reads the expiry from the store's list. A store that does not list tokens leaves it
    /// unknown, which is not an error.
    async fn listed_end(&self, session: &str) -> Option<chrono::DateTime<chrono::Utc>> {
        let sessions = self.sessions(false).await.ok()?;
        sessions
            .into_iter()
            .find(|item| item.id.as_str() == session)?
            .until
    }

    /// Reads everything about a charm or bundle. `resources` names what it is expected to declare,
    /// so that their revisions are read concurrently; other declared resources are read
    /// afterwards.
    pub async fn charm(&self, charm: &CharmName, resources: &[ResourceName]) -> Result<CharmFacts, Problem> {
        let name = charm.as_str();
        let what = |part: &str| format!("reading {part} of {charm}");
        let package = what("the package");
        let releases = what("the channels");
        let revisions = what("the revisions");
        let declared = what("the resources");
        let root = ["v1", "charm", name];
        let path = |part| ["v1", "charm", name, part];
        let (map, list, resource_list) = (path("releases"), path("revisions"), path("resources"));
        let (package, releases, revisions, declared, uploaded) = tokio::try_join!(
            self.read::<wire::Package>(&root, &package),
            self.read::<wire::Releases>(&map, &releases),
            self.read::<wire::Revisions>(&list, &revisions),
            self.read::<wire::Resources>(&resource_list, &declared),
            try_join_all(resources.iter().map(|resource| self.resource(charm, resource))),
        )?;
        let revisions = newest_first(revisions);
        let mut resources: BTreeMap<_, _> = resources.iter().cloned().zip(uploaded).collect();
        let mut more: Vec<ResourceName> = declared.resources.iter().map(|one| one.name.clone()).collect();
        more.retain(|name| !resources.contains_key(name));
        more.sort();
        more.dedup();
        let lists = try_join_all(more.iter().map(|name| self.resource(charm, name))).await?;
        resources.extend(more.into_iter().zip(lists));
        Ok(CharmFacts {
            id: package.metadata.id,
            bundle: package.metadata.kind == "bundle",
            tracks: package
                .metadata
                .tracks
                .into_iter()
                .map(|track| track.name)
                .collect(),
            guardrails: package
                .metadata
                .track_guardrails
                .into_iter()
                .map(|g| g.pattern)
                .collect(),
            rows: releases.rows(),
            revisions,
            declared: declared.resources.into_iter().map(Into::into).collect(),
            resources,
        })
    }

    /// Reads only the channel map.
    pub async fn rows(&self, charm: &CharmName) -> Result<Vec<crate::domain::charm::ChannelRow>, Problem> {
        let what = format!("reading the channels of {charm}");
        let releases: wire::Releases = self
            .read(&["v1", "charm", charm.as_str(), "releases"], &what)
            .await?;
        Ok(releases.rows())
    }

    /// Reads only the revisions, newest first.
    pub async fn revisions(
        &self,
        charm: &CharmName,
    ) -> Result<Vec<crate::domain::charm::RevisionFacts>, Problem> {
        let what = format!("reading the revisions of {charm}");
        let list: wire::Revisions = self
            .read(&["v1", "charm", charm.as_str(), "revisions"], &what)
            .await?;
        Ok(newest_first(list))
    }

    /// Reads only the tracks.
    pub async fn tracks(&self, charm: &CharmName) -> Result<Vec<crate::domain::Track>, Problem> {
        let what = format!("reading the tracks of {charm}");
        let package: wire::Package = self.read(&["v1", "charm", charm.as_str()], &what).await?;
        Ok(package
            .metadata
            .tracks
            .into_iter()
            .map(|track| track.name)
            .collect())
    }

    /// Reads every revision of a resource, newest first.
    pub async fn resource(
        &self,
        charm: &CharmName,
        resource: &ResourceName,
    ) -> Result<Vec<ResourceFacts>, Problem> {
        let what = format!("reading the revisions of {resource} of {charm}");
        let path = [
            "v1",
            "charm",
            charm.as_str(),
            "resources",
            resource.as_str(),
            "revisions",
        ];
        let list: wire::ResourceRevisions = match self.read(&path, &what).await {
            // A resource that no revision declares yet has no list.
            Err(problem) if problem.kind == ProblemKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut facts: Vec<ResourceFacts> = list
            .revisions
            .into_iter()
            .map(TryInto::try_into)
            .collect::<Result<_, _>>()?;
        facts.sort_by_key(|r| std::cmp::Reverse(r.revision));
        Ok(facts)
    }

    /// Returns where the images of a resource are pushed, and the login for it, which the store
    /// issues only to accounts that may push there.
    pub async fn push_target(
        &self,
        charm: &CharmName,
        resource: &ResourceName,
    ) -> Result<PushTarget, Problem> {
        let path = [
            "v1",
            "charm",
            charm.as_str(),
            "resources",
            resource.as_str(),
            "oci-image",
            "upload-credentials",
        ];
        let what = format!("reading the upload location for {resource} of {charm}");
        let wire: wire::UploadCredentials = self.read(&path, &what).await?;
        Ok(PushTarget {
            image_name: wire.image_name,
            user: wire.username,
            password: SecretString::from(wire.password),
        })
    }
}

fn newest_first(list: wire::Revisions) -> Vec<crate::domain::charm::RevisionFacts> {
    let mut revisions: Vec<_> = list.revisions.into_iter().map(Into::into).collect();
    revisions.sort_by_key(|r: &crate::domain::charm::RevisionFacts| std::cmp::Reverse(r.revision));
    revisions
}
