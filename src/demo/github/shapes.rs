//! Builds JSON objects as GitHub's OpenAPI description defines them.
//!
//! Contains field names and addresses. Values come from the handlers.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::objects::{Commit, Entry, Person};

/// Formats RFC 3339 with seconds and `Z`, as every GitHub time is written.
pub(super) fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Returns a stable number for a name: ids have no meaning, but must not change.
pub(super) fn number(name: &str) -> u64 {
    name.bytes()
        .fold(5381_u64, |sum, byte| sum.wrapping_mul(33) ^ u64::from(byte))
        % 900_000_000
        + 10_000_000
}

/// Returns an opaque node id.
pub(super) fn node(kind: &str, name: &str) -> String {
    format!("{kind}_kwDO{:x}", number(name))
}

/// Returns a user or organization.
pub(super) fn account(base: &str, login: &str) -> Value {
    let kind = if login == "finos" { "Organization" } else { "User" };
    let url = format!("{base}/users/{login}");
    json!({
        "login": login,
        "id": number(login),
        "node_id": node("U", login),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", number(login)),
        "gravatar_id": "",
        "url": url,
        "html_url": format!("https://github.com/{login}"),
        "followers_url": format!("{url}/followers"),
        "following_url": format!("{url}/following{{/other_user}}"),
        "gists_url": format!("{url}/gists{{/gist_id}}"),
        "starred_url": format!("{url}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{url}/subscriptions"),
        "organizations_url": format!("{url}/orgs"),
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events{{/privacy}}"),
        "received_events_url": format!("{url}/received_events"),
        "type": kind,
        "user_view_type": "public",
        "site_admin": false,
    })
}

/// Returns the addresses at the root of the API.
pub(super) fn root(base: &str) -> Value {
    let mut body = json!({
        "current_user_authorizations_html_url": "https://github.com/settings/connections/applications{/client_id}",
    });
    for (key, path) in [
        ("current_user_url", "/user"),
        ("authorizations_url", "/authorizations"),
        (
            "code_search_url",
            "/search/code?q={query}{&page,per_page,sort,order}",
        ),
        (
            "commit_search_url",
            "/search/commits?q={query}{&page,per_page,sort,order}",
        ),
        ("emails_url", "/user/emails"),
        ("emojis_url", "/emojis"),
        ("events_url", "/events"),
        ("feeds_url", "/feeds"),
        ("followers_url", "/user/followers"),
        ("following_url", "/user/following{/target}"),
        ("gists_url", "/gists{/gist_id}"),
        (
            "issue_search_url",
            "/search/issues?q={query}{&page,per_page,sort,order}",
        ),
        ("issues_url", "/issues"),
        ("keys_url", "/user/keys"),
        (
            "label_search_url",
            "/search/labels?q={query}&repository_id={repository_id}{&page,per_page}",
        ),
        ("notifications_url", "/notifications"),
        ("organization_url", "/orgs/{org}"),
        (
            "organization_repositories_url",
            "/orgs/{org}/repos{?type,page,per_page,sort}",
        ),
        ("organization_teams_url", "/orgs/{org}/teams"),
        ("public_gists_url", "/gists/public"),
        ("rate_limit_url", "/rate_limit"),
        ("repository_url", "/repos/{owner}/{repo}"),
        (
            "repository_search_url",
            "/search/repositories?q={query}{&page,per_page,sort,order}",
        ),
        (
            "current_user_repositories_url",
            "/user/repos{?type,page,per_page,sort}",
        ),
        ("starred_url", "/user/starred{/owner}{/repo}"),
        ("starred_gists_url", "/gists/starred"),
        ("user_url", "/users/{user}"),
        ("user_organizations_url", "/user/orgs"),
        (
            "user_repositories_url",
            "/users/{user}/repos{?type,page,per_page,sort}",
        ),
        (
            "user_search_url",
            "/search/users?q={query}{&page,per_page,sort,order}",
        ),
    ] {
        body[key] = json!(format!("{base}{path}"));
    }
    body
}

/// Returns an organization in the form used in lists.
pub(super) fn organization(base: &str, login: &str) -> Value {
    let url = format!("{base}/orgs/{login}");
    json!({
        "login": login,
        "id": number(login),
        "node_id": node("U", login),
        "url": url,
        "repos_url": format!("{url}/repos"),
        "events_url": format!("{url}/events"),
        "hooks_url": format!("{url}/hooks"),
        "issues_url": format!("{url}/issues"),
        "members_url": format!("{url}/members{{/member}}"),
        "public_members_url": format!("{url}/public_members{{/member}}"),
        "avatar_url": format!("https://avatars.githubusercontent.com/u/{}?v=4", number(login)),
        "description": "Fintech Open Source Foundation",
    })
}

/// Returns an organization in full.
pub(super) fn whole_organization(
    base: &str,
    login: &str,
    repositories: usize,
    since: DateTime<Utc>,
) -> Value {
    let mut body = organization(base, login);
    let rest = json!({
        "name": "FINOS",
        "html_url": format!("https://github.com/{login}"),
        "type": "Organization",
        "has_organization_projects": true,
        "has_repository_projects": true,
        "public_repos": repositories,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": time(since),
        "updated_at": time(since),
        "archived_at": null,
    });
    if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
        body.extend(rest);
    }
    body
}

/// Returns a repository; `permissions` only for authenticated requests.
pub(super) fn repository(
    base: &str,
    full_name: &str,
    branch: &str,
    pushed: DateTime<Utc>,
    rights: Option<bool>,
) -> Value {
    let (owner, name) = full_name.split_once('/').unwrap_or(("", full_name));
    let url = format!("{base}/repos/{full_name}");
    let html = format!("https://github.com/{full_name}");
    let mut body = json!({
        "id": number(full_name),
        "node_id": node("R", full_name),
        "name": name,
        "full_name": full_name,
        "private": false,
        "owner": account(base, owner),
        "html_url": html,
        "description": null,
        "fork": false,
        "url": url,
    });
    for (key, path) in [
        ("archive_url", "/{archive_format}{/ref}"),
        ("assignees_url", "/assignees{/user}"),
        ("blobs_url", "/git/blobs{/sha}"),
        ("branches_url", "/branches{/branch}"),
        ("collaborators_url", "/collaborators{/collaborator}"),
        ("comments_url", "/comments{/number}"),
        ("commits_url", "/commits{/sha}"),
        ("compare_url", "/compare/{base}...{head}"),
        ("contents_url", "/contents/{+path}"),
        ("contributors_url", "/contributors"),
        ("deployments_url", "/deployments"),
        ("downloads_url", "/downloads"),
        ("events_url", "/events"),
        ("forks_url", "/forks"),
        ("git_commits_url", "/git/commits{/sha}"),
        ("git_refs_url", "/git/refs{/sha}"),
        ("git_tags_url", "/git/tags{/sha}"),
        ("hooks_url", "/hooks"),
        ("issue_comment_url", "/issues/comments{/number}"),
        ("issue_events_url", "/issues/events{/number}"),
        ("issues_url", "/issues{/number}"),
        ("keys_url", "/keys{/key_id}"),
        ("labels_url", "/labels{/name}"),
        ("languages_url", "/languages"),
        ("merges_url", "/merges"),
        ("milestones_url", "/milestones{/number}"),
        ("notifications_url", "/notifications{?since,all,participating}"),
        ("pulls_url", "/pulls{/number}"),
        ("releases_url", "/releases{/id}"),
        ("stargazers_url", "/stargazers"),
        ("statuses_url", "/statuses/{sha}"),
        ("subscribers_url", "/subscribers"),
        ("subscription_url", "/subscription"),
        ("tags_url", "/tags"),
        ("teams_url", "/teams"),
        ("trees_url", "/git/trees{/sha}"),
    ] {
        body[key] = json!(format!("{url}{path}"));
    }
    let rest = json!({
        "git_url": format!("git://github.com/{full_name}.git"),
        "ssh_url": format!("git@github.com:{full_name}.git"),
        "clone_url": format!("{html}.git"),
        "svn_url": html,
        "mirror_url": null,
        "homepage": null,
        "language": null,
        "forks": 0, "forks_count": 0,
        "stargazers_count": 0,
        "watchers": 0, "watchers_count": 0,
        "size": 100,
        "default_branch": branch,
        "open_issues": 0, "open_issues_count": 0,
        "is_template": false,
        "topics": [],
        "has_issues": true, "has_projects": true, "has_wiki": false,
        "has_pages": false, "has_downloads": true, "has_discussions": false,
        "archived": false, "disabled": false,
        "visibility": "public",
        "pushed_at": time(pushed),
        "created_at": "2021-01-12T10:00:00Z",
        "updated_at": time(pushed),
        "license": null,
        "allow_forking": true,
        "web_commit_signoff_required": false,
        "network_count": 0,
        "subscribers_count": 0,
    });
    if let (Some(body), Value::Object(rest)) = (body.as_object_mut(), rest) {
        body.extend(rest);
    }
    if let Some(write) = rights {
        body["permissions"] =
            json!({"admin": write, "maintain": write, "push": write, "triage": write, "pull": true});
    }
    body
}

/// Returns a git reference.
pub(super) fn reference(repo: &str, name: &str, id: &str) -> Value {
    json!({
        "ref": name,
        "node_id": node("REF", name),
        "url": format!("{repo}/git/{name}"),
        "object": {"sha": id, "type": "commit", "url": format!("{repo}/git/commits/{id}")},
    })
}

/// Returns a tree entry at `path`; `size` for blobs.
pub(super) fn entry(repo: &str, path: &str, entry: &Entry, size: usize) -> Value {
    if entry.is_tree() {
        return json!({
            "path": path, "mode": entry.mode, "type": "tree", "sha": entry.id,
            "url": format!("{repo}/git/trees/{}", entry.id),
        });
    }
    json!({
        "path": path, "mode": entry.mode, "type": "blob", "sha": entry.id, "size": size,
        "url": format!("{repo}/git/blobs/{}", entry.id),
    })
}

fn signature(person: &Person) -> Value {
    json!({"name": person.name, "email": person.email, "date": time(person.at)})
}

fn unsigned() -> Value {
    json!({"verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null})
}

fn html_of(repo: &str) -> String {
    let path = repo.split_once("/repos/").map_or("", |(_, path)| path);
    format!("https://github.com/{path}")
}

/// Returns a commit of the git database.
pub(super) fn git_commit(repo: &str, id: &str, commit: &Commit) -> Value {
    let html = html_of(repo);
    json!({
        "sha": id,
        "node_id": node("C", id),
        "url": format!("{repo}/git/commits/{id}"),
        "html_url": format!("{html}/commit/{id}"),
        "author": signature(&commit.author),
        "committer": signature(&commit.committer),
        "tree": {"sha": commit.tree, "url": format!("{repo}/git/trees/{}", commit.tree)},
        "message": commit.message,
        "parents": commit.parents.iter().map(|parent| json!({
            "sha": parent,
            "url": format!("{repo}/git/commits/{parent}"),
            "html_url": format!("{html}/commit/{parent}"),
        })).collect::<Vec<_>>(),
        "verification": unsigned(),
    })
}

/// Returns a commit of the commits list.
pub(super) fn commit(repo: &str, id: &str, commit: &Commit) -> Value {
    let html = html_of(repo);
    json!({
        "sha": id,
        "node_id": node("C", id),
        "commit": {
            "author": signature(&commit.author),
            "committer": signature(&commit.committer),
            "message": commit.message,
            "tree": {"sha": commit.tree, "url": format!("{repo}/git/trees/{}", commit.tree)},
            "url": format!("{repo}/git/commits/{id}"),
            "comment_count": 0,
            "verification": unsigned(),
        },
        "url": format!("{repo}/commits/{id}"),
        "html_url": format!("{html}/commit/{id}"),
        "comments_url": format!("{repo}/commits/{id}/comments"),
        "author": null,
        "committer": null,
        "parents": commit.parents.iter().map(|parent| json!({
            "sha": parent,
            "url": format!("{repo}/commits/{parent}"),
            "html_url": format!("{html}/commit/{parent}"),
        })).collect::<Vec<_>>(),
    })
}

/// Returns a file or folder of the contents API, without its content.
pub(super) fn content(repo: &str, path: &str, reference: &str, entry: &Entry, size: usize) -> Value {
    let (kind, object) = if entry.is_tree() {
        ("dir", "trees")
    } else {
        ("file", "blobs")
    };
    let view = if entry.is_tree() { "tree" } else { "blob" };
    let html = html_of(repo);
    let url = format!("{repo}/contents/{path}?ref={reference}");
    let git = format!("{repo}/git/{object}/{}", entry.id);
    let page = format!("{html}/{view}/{reference}/{path}");
    let raw = html.replacen("https://github.com", "https://raw.githubusercontent.com", 1);
    json!({
        "name": path.rsplit('/').next().unwrap_or_default(),
        "path": path,
        "sha": entry.id,
        "size": if entry.is_tree() { 0 } else { size },
        "url": url,
        "html_url": page,
        "git_url": git,
        "download_url": (!entry.is_tree()).then(|| format!("{raw}/{reference}/{path}")),
        "type": kind,
        "_links": {"self": url, "git": git, "html": page},
    })
}
