//! Reads a folder of folders in one request: GraphQL, where REST takes one request per file.
//!
//! An answer counts only if it is complete and every file has the listed object id. GraphQL
//! requires an account and has no validators, so it is used for the first read; REST does the
//! rest.

use std::collections::BTreeMap;

use reqwest::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::json;

use super::GitHub;
use super::account::bearer;
use super::objects::is_blob;
use crate::services::charmhub::at;

/// Requests folders, their files, and the files' texts.
const QUERY: &str = "query($owner: String!, $name: String!, $folder: String!) {
repository(owner: $owner, name: $name) { object(expression: $folder) { ... on Tree { entries { name object {
... on Tree { entries { name object { ... on Blob { oid text isTruncated } } } } } } } } } }";

#[derive(Deserialize)]
struct Response {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    repository: Repository,
}

#[derive(Deserialize)]
struct Repository {
    object: Tree,
}

#[derive(Deserialize)]
struct Tree {
    entries: Vec<Folder>,
}

#[derive(Deserialize)]
struct Folder {
    name: String,
    object: FolderObject,
}

#[derive(Deserialize)]
struct FolderObject {
    /// Absent if the entry is not a folder.
    #[serde(default)]
    entries: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    name: String,
    object: FileObject,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FileObject {
    #[serde(default)]
    oid: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    is_truncated: Option<bool>,
}

impl GitHub {
    /// Returns the files called `file` of every folder in `path` of a branch: object id and bytes,
    /// by folder. `None` if they are not available in one request.
    pub async fn files_of_folders(
        &self,
        repository: &str,
        branch: &str,
        path: &str,
        file: &str,
    ) -> Option<BTreeMap<String, (String, Vec<u8>)>> {
        // An enterprise server has its GraphQL API at another path.
        if self.api.path() != "/" {
            return None;
        }
        let bearer = bearer(self.token.as_ref()?).ok()?;
        let (owner, name) = repository.split_once('/')?;
        let folder = format!("{branch}:{}", path.trim_matches('/'));
        let body = json!({"query": QUERY, "variables": {"owner": owner, "name": name, "folder": folder}});
        let url = at(&self.api, &["graphql"]);
        let client = self.http.confined(&url).ok()?;
        let request = client
            .post(url)
            .header(AUTHORIZATION, bearer)
            .header("Accept", "application/json")
            .header("X-GitHub-Api-Version", super::VERSION)
            .json(&body);
        let answer = self
            .http
            .once(request)
            .await
            .ok()
            .filter(crate::services::http::Answer::ok)?;
        let response: Response = answer.json().ok()?;
        let mut files = BTreeMap::new();
        for folder in response.data.repository.object.entries {
            for found in folder.object.entries {
                if found.name != file {
                    continue;
                }
                let bytes = found.object.text?.into_bytes();
                if found.object.is_truncated != Some(false) || !is_blob(&found.object.oid, &bytes) {
                    return None;
                }
                files.insert(folder.name.clone(), (found.object.oid, bytes));
            }
        }
        Some(files)
    }
}
