//! Where the bytes of a blob come from.
//!
//! Owns opening a source as a stream. One variant a kind of source; whoever sends does not know
//! which it is. Must not verify (see `verify`) or buffer.

use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use reqwest::header::AUTHORIZATION;

use super::Registries;
use super::manifest::Blob;
use super::resolve::lied;
use super::wire::{Access, Trouble, origin_of};
use crate::services::http::{self, Answer, Failure};

/// A place that holds blobs.
pub(super) enum BlobSource {
    /// A repository in a registry.
    Registry(Access),
}

impl BlobSource {
    /// The bytes of `blob` from the first one on.
    pub(super) async fn open(
        &self,
        registries: &Registries,
        blob: &Blob,
    ) -> Result<BoxStream<'static, Result<Bytes, String>>, Trouble> {
        match self {
            Self::Registry(access) => from_registry(registries, access, blob).await,
        }
    }
}

async fn from_registry(
    registries: &Registries,
    access: &Access,
    blob: &Blob,
) -> Result<BoxStream<'static, Result<Bytes, String>>, Trouble> {
    let what = format!("blob {} of {}", blob.digest, access.site);
    let url = access.site.url(&format!("blobs/{}", blob.digest))?;
    let http = &registries.shared.http;
    let mut learnt = false;
    let response = loop {
        let authorization = registries.authorization(access).await?;
        let mut request = http.client(&url)?.get(url.clone());
        if let Some(value) = &authorization {
            request = request.header(AUTHORIZATION, value.clone());
        }
        let response = http
            .open(request)
            .await
            .map_err(|failure| Trouble::failed(&failure, &what, &url))?;
        let ours = origin_of(response.url()) == access.site.origin();
        if response.status().as_u16() == 401
            && ours
            && !learnt
            && registries
                .learn(access, response.headers(), authorization.as_ref())
                .await?
        {
            learnt = true;
            continue;
        }
        break response;
    };
    registries.note_quota(&access.site, response.headers());
    if response.status().as_u16() != 200 {
        let answer = Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            url: response.url().clone(),
            body: Bytes::new(),
        };
        return Err(registries.refusal(access, &what, &answer).await);
    }
    if let Some(length) = response.content_length()
        && length != blob.size
    {
        return Err(lied(&what, &format!("{} bytes", blob.size), &format!("{length} bytes")).into());
    }
    let host = http::host_of(&url);
    Ok(response
        .bytes_stream()
        .map(move |piece| piece.map_err(|error| format!("{host}: {}", Failure::of(&error).text)))
        .boxed())
}
