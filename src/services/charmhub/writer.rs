//! Writes to the store: tracks, resource revisions, releases.
//!
//! Contains every request that changes Charmhub. Each is sent once: the runner checks before every
//! try. Must not be constructed in a read-only session.

use serde::Serialize;

use super::{Publisher, at, json_of, problem_of, signed, wire};
use crate::domain::{
    Channel, CharmName, CharmRevision, ManifestDigest, Problem, ProblemKind, ResourceName, ResourceRevision,
    SanitizedText, SessionId, Track,
};
use crate::services::http::Answer;
pub use crate::services::http::Written;
use url::Url;

/// The type of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// A file.
    File,
    /// An image, by its descriptor.
    Image,
}

impl ResourceKind {
    /// Returns the store's name of the type.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Image => "oci-image",
        }
    }
}

/// Holds one item of a release request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseItem {
    /// The revision; `None` closes the channel.
    pub revision: Option<CharmRevision>,
    /// The channel in full form.
    pub channel: Channel,
    /// Every resource with its revision.
    pub resources: Vec<ReleaseResource>,
}

/// Holds a resource of such an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReleaseResource {
    /// The resource.
    pub name: ResourceName,
    /// Its revision.
    pub revision: ResourceRevision,
}

/// The state of a review.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReviewState {
    /// Under review; holds the store's name of the state.
    Pending(SanitizedText),
    /// Accepted as this revision: of the resource or of the package, whichever it was pushed as.
    Approved(u64),
    /// Rejected, with the store's reasons.
    Rejected(Vec<SanitizedText>),
}

/// Writes to the store.
#[derive(Clone, Debug)]
pub struct StoreWriter {
    pub(super) publisher: Publisher,
    pub(super) storage: Url,
}

impl StoreWriter {
    /// Returns a writer that acts as `publisher` and uploads bytes to `storage`.
    pub const fn new(publisher: Publisher, storage: Url) -> Self {
        Self { publisher, storage }
    }

    async fn post<B: Serialize + Sync>(
        &self,
        url: &Url,
        body: &B,
        what: &str,
    ) -> Result<Written<Answer>, Problem> {
        let client = self.publisher.http.client(url)?;
        let request = client
            .post(url.clone())
            .header("Accept", "application/json")
            .json(body);
        let request = signed(request, &self.publisher.token);
        let sent = self.publisher.http.write(url, request).await;
        Written::of(sent, what, url, |answer| {
            problem_of(answer, what, Some(self.publisher.token.source()))
        })
    }

    /// Parses the body of a write's answer. An unreadable answer does not mean that nothing
    /// happened.
    fn told<T: serde::de::DeserializeOwned>(&self, answer: &Answer, what: &str) -> Result<T, Problem> {
        json_of(answer, what, Some(self.publisher.token.source()))
    }

    /// Creates a track.
    pub async fn create_track(&self, charm: &CharmName, track: &Track) -> Result<Written<()>, Problem> {
        let url = at(&self.publisher.api, &["v1", "charm", charm.as_str(), "tracks"]);
        let body = serde_json::json!([{"name": track, "automatic-phasing-percentage": null}]);
        let what = format!("creating track {track} of {charm}");
        Ok(self.post(&url, &body, &what).await?.map(drop))
    }

    /// Reads the descriptor of an image, exactly as it must be uploaded. It holds a login: never
    /// shown.
    pub async fn descriptor(
        &self,
        charm: &CharmName,
        resource: &ResourceName,
        digest: ManifestDigest,
    ) -> Result<Descriptor, Problem> {
        let path = [
            "v1",
            "charm",
            charm.as_str(),
            "resources",
            resource.as_str(),
            "oci-image",
            "blob",
        ];
        let url = at(&self.publisher.api, &path);
        let what = format!("requesting the descriptor of {digest} as {resource} of {charm}");
        let body = serde_json::json!({"image-digest": digest});
        let client = self.publisher.http.client(&url)?;
        // The answer depends on the request only, so repeating it does no harm.
        let answer = self
            .publisher
            .http
            .read(|| signed(client.post(url.clone()).json(&body), &self.publisher.token))
            .await
            .map_err(|failure| failure.problem(&what, &url))?;
        if !answer.ok() {
            return Err(problem_of(&answer, &what, Some(self.publisher.token.source())));
        }
        let named = serde_json::from_slice::<wire::Descriptor>(&answer.body)
            .ok()
            .is_some_and(|descriptor| descriptor.image_name.ends_with(&format!("@{digest}")));
        if !named {
            return Err(Problem::new(
                ProblemKind::Service,
                format!("{what}: the response of Charmhub does not name that image"),
            )
            .hint("Charmhub is having problems, or a proxy interferes: try again later"));
        }
        Ok(Descriptor(answer.body))
    }

    /// Makes a stored upload a revision of a resource; it is under review afterwards.
    pub async fn push_resource(
        &self,
        charm: &CharmName,
        resource: &ResourceName,
        upload_id: &str,
        kind: ResourceKind,
        architectures: &[String],
    ) -> Result<Written<()>, Problem> {
        let path = [
            "v1",
            "charm",
            charm.as_str(),
            "resources",
            resource.as_str(),
            "revisions",
        ];
        let url = at(&self.publisher.api, &path);
        let what = format!("creating a revision of {resource} of {charm} from the upload");
        let body = serde_json::json!({
            "upload-id": upload_id, "type": kind.as_str(),
            "bases": [{"name": "all", "channel": "all", "architectures": architectures}],
        });
        self.push(&url, &body, &what).await
    }

    /// Sends the request that makes a stored upload a revision.
    pub(super) async fn push<B: Serialize + Sync>(
        &self,
        url: &Url,
        body: &B,
        what: &str,
    ) -> Result<Written<()>, Problem> {
        let pushed = self.post(url, body, what).await?;
        Ok(
            pushed.and_then(|answer| match self.told::<wire::Pushed>(&answer, what)? {
                pushed if !pushed.status_url.is_empty() => Ok(()),
                _ => Err(Problem::new(ProblemKind::Service, what)),
            }),
        )
    }

    /// Returns the state of the review of an upload; `None` if the store knows no such upload.
    pub async fn review(&self, charm: &CharmName, upload_id: &str) -> Result<Option<ReviewState>, Problem> {
        let mut url = at(
            &self.publisher.api,
            &["v1", "charm", charm.as_str(), "revisions", "review"],
        );
        url.query_pairs_mut().append_pair("upload-id", upload_id);
        let what = format!("checking the review of an upload of {charm}");
        let answer = super::get(&self.publisher.http, &url, Some(&self.publisher.token), &what).await?;
        if answer.status == 404 {
            return Ok(None);
        }
        let reviews: wire::Reviews = json_of(&answer, &what, Some(self.publisher.token.source()))?;
        let Some(review) = reviews.revisions.into_iter().next() else {
            return Ok(None);
        };
        Ok(Some(match (review.status.as_str(), review.revision) {
            ("approved", Some(revision)) => ReviewState::Approved(revision),
            ("rejected", _) => ReviewState::Rejected(wire::told(review.errors)),
            (other, _) => ReviewState::Pending(SanitizedText::capped(other, 40)),
        }))
    }

    /// Releases, or closes the channels of items without a revision; all items take effect together.
    pub async fn release(&self, charm: &CharmName, items: &[ReleaseItem]) -> Result<Written<()>, Problem> {
        let url = at(&self.publisher.api, &["v1", "charm", charm.as_str(), "releases"]);
        let closes = items.iter().all(|item| item.revision.is_none());
        let what = format!(
            "{} {charm}",
            if closes {
                "closing a channel of"
            } else {
                "releasing"
            }
        );
        Ok(self.post(&url, &items, &what).await?.and_then(|answer| {
            match self.told::<wire::ReleasedAnswer>(&answer, &what)? {
                told if told.released.len() >= items.len().min(1) => Ok(()),
                _ => Err(Problem::new(ProblemKind::Service, &what)),
            }
        }))
    }

    /// Revokes a session: its token is refused from then on. Revoking an ended session has no
    /// effect.
    pub async fn revoke(&self, session: &SessionId) -> Result<Written<()>, Problem> {
        let url = at(&self.publisher.api, &["v1", "tokens", "revoke"]);
        let body = serde_json::json!({"session-id": session.as_str()});
        let what = format!("revoking session {session}");
        Ok(self.post(&url, &body, &what).await?.map(drop))
    }
}

/// Holds the text of an image resource. It contains a registry login and is never shown or stored.
pub struct Descriptor(pub(super) bytes::Bytes);

impl Descriptor {
    /// Returns the sha-256 of the text: what the store lists for the revision that holds it.
    pub fn sha256(&self) -> crate::domain::Digest {
        use sha2::{Digest as _, Sha256};
        crate::domain::Digest::from_bytes(Sha256::digest(&self.0).into())
    }
}
