//! Reads the anonymous side of the store.
//!
//! Reads channel maps, the resources of all channels in one batched `refresh`, and the images
//! behind resource revisions. Of a resource's blob only `ImageName` is kept: the blob holds a
//! registry login. Must not send a credential.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use url::Url;

use super::{at, get, json_of, wire};
use crate::domain::charm::{Attached, ChannelRow};
use crate::domain::{
    Channel, CharmName, Digest, Problem, ProblemKind, Reference, ResourceName, ResourceRevision,
    SanitizedText, Target,
};
use crate::services::http::{Http, Limit};

/// Actions in one `refresh`; the limit is not documented, this is expected to be well below it.
const BATCH: usize = 80;

/// Reads the consumer API.
#[derive(Clone, Debug)]
pub struct PublicStore {
    http: Http,
    api: Url,
}

/// Holds the public map of one charm, without resources at first.
#[derive(Clone, Debug)]
pub struct PublicMap {
    /// The store's id.
    pub id: String,
    /// Rows without resources.
    pub rows: Vec<ChannelRow>,
    /// sha-256 of the blobs of its resource revisions, as far as the store lists it.
    pub hashes: BTreeMap<(ResourceName, ResourceRevision), Digest>,
}

fn row_of(row: wire::PublicRow) -> Result<ChannelRow, Problem> {
    let channel = row.channel;
    Ok(ChannelRow {
        channel: Channel::from_public(&channel.track, channel.risk, &channel.name)?,
        base: channel.base,
        revision: row.revision.revision,
        resources: Vec::new(),
        released_at: channel.released_at,
    })
}

impl PublicStore {
    /// Returns a client of the API at `api`.
    pub const fn new(http: Http, api: Url) -> Self {
        Self { http, api }
    }

    /// Reads the channel map of `charm`. The map carries no resources; [`PublicStore::resources`]
    /// adds them.
    pub async fn map(&self, charm: &CharmName) -> Result<PublicMap, Problem> {
        let mut url = at(&self.api, &["v2", "charms", "info", charm.as_str()]);
        url.set_query(Some("fields=channel-map"));
        let what = format!("reading the public channels of {charm}");
        let answer = get(&self.http, &url, None, &what).await?;
        let info: wire::Info = json_of(&answer, &what, None)?;
        let rows = info.channel_map.into_iter().map(row_of).collect::<Result<_, _>>();
        let mut rows: Vec<ChannelRow> = rows.map_err(|problem: Problem| {
            problem.within(format!("{what}: the response contains an invalid channel"))
        })?;
        rows.sort_by(ChannelRow::listed);
        Ok(PublicMap {
            id: info.id,
            rows,
            hashes: BTreeMap::new(),
        })
    }

    /// Fills in the resources of every row of every charm, all in as few requests as possible.
    /// Rows without a base (bundles) have none.
    pub async fn resources(&self, maps: &mut BTreeMap<CharmName, PublicMap>) -> Result<(), Problem> {
        let mut wanted = Vec::new();
        for (charm, map) in maps.iter() {
            for (index, row) in map.rows.iter().enumerate() {
                if let Some(base) = &row.base {
                    wanted.push((charm.clone(), index, row.channel.clone(), base.clone()));
                }
            }
        }
        let url = at(&self.api, &["v2", "charms", "refresh"]);
        let what = "reading the public resources";
        for batch in wanted.chunks(BATCH) {
            let actions: Vec<_> = batch
                .iter()
                .enumerate()
                .map(|(key, (charm, _, channel, base))| {
                    serde_json::json!({
                        "action": "download", "instance-key": key.to_string(), "name": charm,
                        "channel": channel, "base": base,
                    })
                })
                .collect();
            let body = serde_json::json!({
                "context": [], "actions": actions,
                "fields": ["bases", "id", "name", "resources", "revision", "type", "version"],
            });
            let client = self.http.client(&url)?;
            let answer = self
                .http
                .limited(Limit::LIST)
                .read(|| {
                    client
                        .post(url.clone())
                        .header("Accept", "application/json")
                        .json(&body)
                })
                .await
                .map_err(|failure| failure.problem(what, &url))?;
            let refreshed: wire::Refreshed = json_of(&answer, what, None)?;
            for result in refreshed.results {
                let Some((charm, index, ..)) = result
                    .instance_key
                    .parse::<usize>()
                    .ok()
                    .and_then(|key| batch.get(key))
                else {
                    continue;
                };
                let Some(map) = maps.get_mut(charm) else {
                    continue;
                };
                let Some(row) = map.rows.get_mut(*index) else {
                    continue;
                };
                match (result.charm, result.error) {
                    (Some(served), _) => {
                        // The map and the answer may be a moment apart; the newer one counts.
                        row.revision = served.revision;
                        for resource in &served.resources {
                            if let Some(hash) = resource.sha256() {
                                map.hashes
                                    .insert((resource.name.clone(), resource.revision), hash);
                            }
                        }
                        row.resources = served
                            .resources
                            .into_iter()
                            .map(|r| Attached {
                                name: r.name,
                                revision: Some(r.revision),
                            })
                            .collect();
                    }
                    (None, Some(error)) => {
                        tracing::debug!(
                            "{charm} {}: {} {}",
                            row.channel,
                            SanitizedText::new(error.code.unwrap_or_default()),
                            SanitizedText::new(error.message.unwrap_or_default())
                        );
                    }
                    (None, None) => {}
                }
            }
        }
        Ok(())
    }

    /// Returns the image that a resource revision points to, by digest. Its blob must have the
    /// sha-256 `expected`, if known; after a mismatch it is requested once more.
    ///
    /// # Errors
    /// [`ProblemKind::Invalid`] if it is not an image (a file, an unreadable blob).
    pub async fn image_of(
        &self,
        id: &str,
        charm: &CharmName,
        resource: &ResourceName,
        revision: ResourceRevision,
        expected: Option<Digest>,
    ) -> Result<Reference, Problem> {
        let file = format!("charm_{id}.{resource}_{}", revision.0);
        let url = at(&self.api, &["api", "v1", "resources", "download", &file]);
        let what = format!("reading revision {} of {resource} of {charm}", revision.0);
        let mut tries = 0;
        let answer = loop {
            let answer = get(&self.http, &url, None, &what).await?;
            if !answer.ok() {
                return Err(super::problem_of(&answer, &what, None));
            }
            let got = Digest::from_bytes(Sha256::digest(&answer.body).into());
            match expected {
                Some(expected) if expected != got && tries > 0 => {
                    return Err(Problem::new(
                        ProblemKind::Service,
                        format!("{what}: Charmhub returned another blob than it lists"),
                    )
                    .cause(format!("expected {expected}, got {got}, twice"))
                    .hint("the blob was discarded: run the same command again later"));
                }
                Some(expected) if expected != got => tries += 1,
                _ => break answer,
            }
        };
        let bad = || {
            Problem::new(
                ProblemKind::Invalid,
                format!("{what}: its blob has no image digest"),
            )
            .hint("it is a file, or the tool that uploaded it set no digest")
        };
        // serde's message would quote the blob, which holds a password: it is dropped on purpose.
        let descriptor: wire::Descriptor = serde_json::from_slice(&answer.body).map_err(|_| bad())?;
        let reference = Reference::parse(&descriptor.image_name).map_err(|_| bad())?;
        match reference.target {
            Target::Digest(_) => Ok(reference),
            Target::Tag(_) => Err(bad()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::services::http::Timeouts;
    use crate::services::http::raw::{Raw, Said};

    const NOW: &str = r#"{"ImageName": "r.test/charm/x/y@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", "Password": "planted"}"#;
    const OLD: &str = r#"{"ImageName": "r.test/charm/x/y@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "Password": "planted"}"#;

    async fn image(server: &Raw, expected: Option<Digest>) -> Result<Reference, Problem> {
        let store = PublicStore::new(Http::new(Timeouts::scaled(1.0)), server.url.clone());
        let (charm, resource) = ("x".parse().unwrap(), "y".parse().unwrap());
        store
            .image_of("id", &charm, &resource, ResourceRevision(3), expected)
            .await
    }

    #[tokio::test]
    async fn a_blob_that_the_store_does_not_list_is_asked_for_once_more() {
        let listed = Digest::from_bytes(Sha256::digest(NOW).into());
        let server = Raw::start(|_, before| Said::json(200, if before == 0 { OLD } else { NOW })).await;
        let found = image(&server, Some(listed)).await.unwrap();
        assert!(found.to_string().contains("bbbb"), "{found}");
        assert_eq!(server.count(), 2);
        let server = Raw::start(|_, _| Said::json(200, OLD)).await;
        let problem = image(&server, Some(listed)).await.unwrap_err();
        assert!(problem.to_string().contains("another blob"), "{problem}");
        assert!(!format!("{problem:?}").contains("planted"));
        assert_eq!(server.count(), 2);
        assert!(image(&server, None).await.is_ok());
    }
}
