//! Lists the tags of a repository, page by page.
//!
//! Pages, tags and bytes are limited; a page may only link to the same registry.

use reqwest::Method;
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;
use url::Url;

use super::Registries;
use super::request::{RequestSpec, is_page, origin_of};
use crate::domain::image::Repository;
use crate::domain::tags::TagList;
use crate::domain::{Problem, ProblemKind};
use crate::services::http::json::json as read_json;

/// Tags that are requested at once.
const PAGE: usize = 1000;
/// Pages that are read.
const PAGES: usize = 20;
/// Tags that are kept.
const MOST: usize = 20_000;

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    tags: Option<Vec<String>>,
}

pub(super) async fn tags(registries: &Registries, repository: &Repository) -> Result<TagList, Problem> {
    let access = registries.endpoint(repository)?.pull();
    let what = format!("the tags of {repository}");
    let mut next = access.site.url("tags/list")?;
    next.query_pairs_mut().append_pair("n", &PAGE.to_string());
    let mut all: Vec<String> = Vec::new();
    let mut read: Vec<Url> = Vec::new();
    loop {
        let answer = registries
            .ask(&access, &what, &RequestSpec::new(Method::GET, next.clone()))
            .await
            .map_err(|trouble| trouble.problem)?;
        if answer.status == 404 {
            return Err(Problem::new(
                ProblemKind::NotFound,
                format!("{repository} not found in its registry"),
            )
            .hint("check the name of the repository"));
        }
        if answer.status != 200 || is_page(&answer) {
            return Err(registries.refusal(&access, &what, &answer).await.problem);
        }
        let page: Page = read_json(&answer.body).map_err(|error| {
            Problem::new(ProblemKind::Invalid, format!("cannot read {what}")).cause(error.to_string())
        })?;
        all.extend(page.tags.unwrap_or_default());
        read.push(next.clone());
        match following(&answer.headers, &next) {
            Some(there) if read.len() < PAGES && all.len() < MOST && !read.contains(&there) => next = there,
            more => {
                let cut = more.is_some();
                all.truncate(MOST);
                return Ok(TagList::new(all, cut));
            }
        }
    }
}

/// Returns the address of the page after the one at `base`, only if it belongs to the same list.
fn following(headers: &HeaderMap, base: &Url) -> Option<Url> {
    let links = headers.get(LINK)?.to_str().ok()?;
    let target = links.split(',').find_map(|link| {
        let (target, relation) = link.trim().strip_prefix('<')?.split_once('>')?;
        relation.contains("next").then_some(target)
    })?;
    let there = base.join(target).ok()?;
    (origin_of(&there) == origin_of(base) && there.path() == base.path()).then_some(there)
}

#[cfg(test)]
mod tests {
    use super::super::test_server::registries;
    use super::*;
    use crate::domain::Reference;
    use crate::services::http::raw::{Raw, Said};

    #[test]
    fn a_page_leads_to_the_next_one_of_the_same_list_only() {
        let base = Url::parse("https://registry.example/v2/a/b/tags/list?n=2").unwrap();
        let next = |link: &str| {
            let headers = [(LINK, link.parse().unwrap())].into_iter().collect();
            following(&headers, &base).map(|url| url.to_string())
        };
        assert_eq!(
            next("</v2/a/b/tags/list?last=x&n=2>; rel=\"next\"").as_deref(),
            Some("https://registry.example/v2/a/b/tags/list?last=x&n=2")
        );
        for other in [
            "<https://elsewhere.example/v2/a/b/tags/list?last=x>; rel=\"next\"",
            "</v2/c/d/tags/list?last=x>; rel=\"next\"",
            "</v2/a/b/tags/list?last=x>; rel=\"last\"",
            "nothing",
        ] {
            assert_eq!(next(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn pages_that_never_end_are_left_and_the_list_says_that_it_is_cut() {
        let server = Raw::start(|request, before| {
            assert!(request.starts_with("GET /v2/a/b/tags/list"), "{request}");
            let body = format!("{{\"tags\": [\"v{before}\"]}}");
            let link = format!("Link: </v2/a/b/tags/list?last=v{before}&n=1000>; rel=\"next\"");
            let head = format!("HTTP/1.1 200 OK\r\n{link}\r\nContent-Length: {}", body.len());
            Said::Bytes(format!("{head}\r\nConnection: close\r\n\r\n{body}").into_bytes())
        })
        .await;
        let host = crate::services::http::host_of(&server.url);
        let repository = Reference::parse(&format!("{host}/a/b:x")).unwrap().repository;
        let list = tags(&registries(), &repository).await.unwrap();
        assert!(list.cut);
        assert_eq!((list.tags.len(), server.count()), (PAGES, PAGES));
    }
}
