//! Everything that only shows: status, releases, charms, channels, images, credentials, config.
//!
//! Owns the text and documents of reading commands. Must not change anything.

use serde_json::{Value, json};

use super::args::{ConfigWhat, Global};
use super::documents::{self, Sources};
use super::environment::Environment;
use super::output::Output;
use super::{Ending, tables};
use crate::domain::charm::ChannelRow;
use crate::domain::credential::CredentialFacts;
use crate::domain::{CharmName, Kind, Outside, Problem, Reference, ReleaseName, ResolvedImage, Snapshot};
use crate::plan::evidence::{self, Published};
use crate::run::Session;

fn warn(sources: &Sources, output: &Output) {
    for error in sources.errors() {
        let text = |key: &str| {
            error
                .pointer(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        output.say(&format!(
            "warning: {}: {}",
            text("/source"),
            Outside::new(text("/problem/summary"))
        ));
    }
}

fn published(snapshot: &Snapshot, session: &Session, release: &crate::domain::Release) -> &'static str {
    match evidence::standing(&session.config.workspace, snapshot, release).published {
        Some(Published::Yes) => "published",
        Some(Published::Partly) => "partly",
        Some(Published::No) => "new",
        None => "unknown",
    }
}

fn upstream_sources(snapshot: &Snapshot) -> Sources {
    Sources::new()
        .add("releases", &snapshot.releases)
        .add("markers", &snapshot.markers)
}

fn served_sources(snapshot: &Snapshot) -> Sources {
    snapshot
        .served
        .iter()
        .fold(Sources::new(), |sources, (charm, rows)| {
            sources.add(charm.as_str(), rows)
        })
}

/// `releases`.
pub async fn releases(session: &Session, output: &Output) -> Ending {
    session.config.workspace.upstream()?;
    let snapshot = session.observer.refresh(session.observer.cached()).await;
    let Some(list) = &snapshot.releases.value else {
        return Err(snapshot
            .releases
            .problem
            .clone()
            .unwrap_or_else(|| nothing_seen("releases")));
    };
    let all = list.iter().chain(&snapshot.withdrawn);
    let sources = upstream_sources(&snapshot);
    if output.json {
        let workspace = &session.config.workspace;
        let mut releases: Vec<Value> = all.map(|r| documents::release(workspace, &snapshot, r)).collect();
        releases.extend(evidence::phantoms(&snapshot).iter().map(phantom));
        let mut content = vec![("releases", json!(releases))];
        content.extend(sources.keys());
        output.document("releases", Some(&workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    let mut table = tables::Table::new(&["release", "made", "state", "images", "notes"]);
    for release in all {
        let images: Vec<String> = session
            .config
            .workspace
            .fed_charms()
            .flat_map(crate::config::workspace::Charm::fed)
            .filter_map(|(_, key)| release.images.get(key))
            .map(|tag| Outside::capped(tag, 30).to_string())
            .collect();
        let notes: Vec<String> = evidence::warnings(&session.config.workspace, &snapshot, release)
            .iter()
            .map(|warning| warning.text.to_string())
            .collect();
        table.row(vec![
            release.name.to_string(),
            release
                .made_at()
                .map(|at| at.format("%Y-%m-%d").to_string())
                .unwrap_or_default(),
            published(&snapshot, session, release).to_owned(),
            images.join(" "),
            notes.join("; "),
        ]);
    }
    for name in evidence::phantoms(&snapshot) {
        table.row(vec![
            name.to_string(),
            String::new(),
            "phantom".to_owned(),
            String::new(),
            "a branch without a release".to_owned(),
        ]);
    }
    output.answer(&table.text());
    Ok(0)
}

fn phantom(name: &ReleaseName) -> Value {
    json!({
        "name": name, "timestamp": null, "images": {}, "published": "yes",
        "evidence": ["a marker branch exists"], "same_as": [],
        "warnings": [{"kind": "phantom", "text": "a marker branch without a release upstream"}],
        "held": false,
    })
}

fn nothing_seen(what: &str) -> Problem {
    Problem::new(Kind::NotFound, format!("no {what} were ever seen here"))
        .hint("run it once without --offline")
}

/// The rows to show of a charm: what the public is served, `latest` first, then newest tracks.
fn rows<'a>(snapshot: &'a Snapshot, charm: &CharmName) -> Vec<&'a ChannelRow> {
    let served = snapshot.served.get(charm).and_then(|rows| rows.value.as_deref());
    let mut rows: Vec<&ChannelRow> = served.unwrap_or_else(|| snapshot.rows(charm)).iter().collect();
    rows.sort_by(|a, b| {
        let latest = |row: &ChannelRow| row.channel.track != crate::domain::Track::latest();
        (
            latest(a),
            &b.channel.track,
            a.channel.risk,
            &a.channel.branch,
            &a.base,
        )
            .cmp(&(
                latest(b),
                &a.channel.track,
                b.channel.risk,
                &b.channel.branch,
                &b.base,
            ))
    });
    rows
}

fn charm_names(session: &Session) -> Vec<CharmName> {
    let workspace = &session.config.workspace;
    let bundle = workspace.bundle.iter().map(|bundle| bundle.name.clone());
    workspace
        .charms
        .iter()
        .map(|charm| charm.name.clone())
        .chain(bundle)
        .collect()
}

/// `channels`.
pub async fn channels(session: &Session, output: &Output) -> Ending {
    let snapshot = session.observer.refresh(session.observer.cached()).await;
    let sources = served_sources(&snapshot);
    let names = charm_names(session);
    if let Some(problem) = nothing_at_all(&snapshot, &names) {
        return Err(problem);
    }
    if output.json {
        let mut list: Vec<Value> = Vec::new();
        for charm in &names {
            let rows = rows(&snapshot, charm);
            list.extend(
                rows.iter()
                    .map(|row| documents::channel(&session.config.workspace, &snapshot, charm, row)),
            );
            list.extend(not_open(&snapshot, charm, &rows));
        }
        let mut content = vec![("channels", json!(list))];
        content.extend(sources.keys());
        output.document("channels", Some(&session.config.workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    let mut table = tables::Table::new(&[
        "charm",
        "channel",
        "base",
        "revision",
        "resources",
        "release",
        "since",
    ]);
    for charm in &names {
        for row in rows(&snapshot, charm) {
            let (resources, named) = serving(session, &snapshot, charm, row);
            table.row(vec![
                charm.to_string(),
                row.channel.to_string(),
                row.base.as_ref().map(ToString::to_string).unwrap_or_default(),
                row.revision.to_string(),
                resources,
                named,
                row.released_at
                    .map(|at| at.format("%Y-%m-%d").to_string())
                    .unwrap_or_default(),
            ]);
        }
    }
    output.answer(&table.text());
    Ok(0)
}

fn nothing_at_all(snapshot: &Snapshot, names: &[CharmName]) -> Option<Problem> {
    let any = names.iter().any(|charm| {
        snapshot
            .served
            .get(charm)
            .is_some_and(|rows| rows.value.is_some())
            || !snapshot.rows(charm).is_empty()
    });
    if any || names.is_empty() {
        return None;
    }
    let first = names
        .iter()
        .find_map(|charm| snapshot.served.get(charm).and_then(|rows| rows.problem.clone()));
    Some(first.unwrap_or_else(|| nothing_seen("channels")))
}

/// Channels of known tracks that serve nothing of their own: `tracking` where they follow a more
/// trusted risk that does, else `closed`.
fn not_open(snapshot: &Snapshot, charm: &CharmName, open: &[&ChannelRow]) -> Vec<Value> {
    use crate::domain::{Channel, Risk, Track};
    let facts = snapshot.charms.get(charm).and_then(|facts| facts.value.as_ref());
    let mut tracks: Vec<Track> = facts.map(|facts| facts.tracks.clone()).unwrap_or_default();
    for row in open {
        if !tracks.contains(&row.channel.track) {
            tracks.push(row.channel.track.clone());
        }
    }
    let mut list = Vec::new();
    for track in tracks {
        for risk in Risk::ALL {
            let channel = Channel::new(track.clone(), risk);
            if open.iter().any(|row| row.channel == channel) {
                continue;
            }
            // A channel without a release serves what the next more trusted risk serves.
            let followed = Risk::ALL.into_iter().filter(|other| *other < risk).any(|other| {
                open.iter()
                    .any(|row| row.channel == Channel::new(track.clone(), other))
            });
            list.push(json!({
                "charm": charm, "channel": channel, "base": null, "revision": null, "resources": [],
                "status": if followed { "tracking" } else { "closed" },
            }));
        }
    }
    list
}

fn serving(session: &Session, snapshot: &Snapshot, charm: &CharmName, row: &ChannelRow) -> (String, String) {
    let mut resources = Vec::new();
    let mut named: Vec<String> = Vec::new();
    for attached in &row.resources {
        let Some(revision) = attached.revision else {
            continue;
        };
        let (image, releases) = documents::behind(
            &session.config.workspace,
            snapshot,
            charm,
            &attached.name,
            revision,
        );
        let digest = image
            .map(|image| format!(" {}", image.digest.short()))
            .unwrap_or_default();
        resources.push(format!("{} {revision}{digest}", attached.name));
        // Of several names for one image the one of this track reads best.
        let month = row.channel.track.as_str();
        let best = releases
            .iter()
            .find(|name| name.month() == month)
            .or(releases.first());
        named.extend(best.map(ToString::to_string));
    }
    named.dedup();
    (resources.join(", "), named.join(" "))
}

/// `charms`.
pub async fn charms(session: &Session, output: &Output) -> Ending {
    let snapshot = session.observer.in_depth(session.observer.cached()).await;
    let names = charm_names(session);
    let sources = names.iter().fold(Sources::new(), |sources, charm| {
        match snapshot.charms.get(charm) {
            Some(facts) => sources.add(charm.as_str(), facts),
            None => sources,
        }
    });
    let known: Vec<_> = names
        .iter()
        .filter_map(|charm| Some((charm, snapshot.charms.get(charm)?.value.as_ref()?)))
        .collect();
    if known.is_empty() {
        let first = names
            .iter()
            .find_map(|charm| snapshot.charms.get(charm).and_then(|facts| facts.problem.clone()));
        return Err(first.unwrap_or_else(|| nothing_seen("charms")));
    }
    let workspace = &session.config.workspace;
    if output.json {
        let list: Vec<Value> = known
            .iter()
            .map(|(charm, facts)| {
                let resources: Vec<Value> = facts
                    .resources
                    .iter()
                    .map(|(name, revisions)| {
                        let kind = facts.declared.iter().find(|d| &d.name == name).map(|d| &d.kind);
                        let revisions: Vec<Value> = revisions
                            .iter()
                            .map(|r| {
                                let (image, release) =
                                    documents::behind(workspace, &snapshot, charm, name, r.revision);
                                json!({
                                    "revision": r.revision, "created_at": r.created_at, "size": r.size,
                                    "architectures": r.architectures,
                                    "digest": image.as_ref().map(|i| i.digest),
                                    "config_digest": image.as_ref().and_then(crate::domain::charm::ImageBehind::config_digest),
                                    "release": release,
                                })
                            })
                            .collect();
                        json!({ "name": name, "type": kind, "revisions": revisions })
                    })
                    .collect();
                json!({ "name": charm, "revisions": facts.revisions, "resources": resources })
            })
            .collect();
        let mut content = vec![("charms", json!(list))];
        content.extend(sources.keys());
        output.document("charms", Some(&workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    for (charm, facts) in known {
        output.answer(&format!("{charm}\n"));
        let mut table = tables::Table::new(&["  revision", "version", "status", "uploaded", "bases"]);
        for revision in facts.revisions.iter().take(6) {
            let bases: Vec<String> = revision.bases.iter().map(ToString::to_string).collect();
            table.row(vec![
                format!("  {}", revision.revision),
                revision.version.to_string(),
                revision.status.to_string(),
                revision.created_at.format("%Y-%m-%d").to_string(),
                bases.join(", "),
            ]);
        }
        output.answer(&table.text());
        for (name, revisions) in &facts.resources {
            let Some(newest) = revisions.first() else { continue };
            let (image, named) = documents::behind(workspace, &snapshot, charm, name, newest.revision);
            let digest = image
                .map(|image| format!(" {}", image.digest.short()))
                .unwrap_or_default();
            let release = named
                .first()
                .map(|name| format!(" of {name}"))
                .unwrap_or_default();
            output.answer(&format!(
                "  {name}: {} revisions, newest {}{digest}{release}\n",
                revisions.len(),
                newest.revision
            ));
        }
    }
    Ok(0)
}

/// `status`: one page.
pub async fn status(session: &Session, output: &Output) -> Ending {
    let snapshot = session.observer.refresh(session.observer.cached()).await;
    let workspace = &session.config.workspace;
    let open: Vec<_> = session
        .journal
        .open_runs()?
        .into_iter()
        .map(|run| run.id)
        .collect();
    let new: Vec<&ReleaseName> = snapshot
        .releases
        .value
        .iter()
        .flatten()
        .filter(|release| {
            release.name.as_str() > workspace.upstream.as_ref().map_or("", |u| u.since.as_str())
        })
        .filter(|release| evidence::standing(workspace, &snapshot, release).published != Some(Published::Yes))
        .filter(|release| evidence::twins(&snapshot, release).is_empty())
        .map(|release| &release.name)
        .collect();
    let sources = upstream_sources(&snapshot).add("credential", &snapshot.credential);
    if output.json {
        let mut content = vec![(
            "status",
            json!({
                "world": snapshot.world,
                "unpublished": new,
                "credential": snapshot.credential.value,
                "github": snapshot.github.value,
                "quota": snapshot.quota,
                "open_runs": open,
            }),
        )];
        content.extend(sources.keys());
        output.document("status", Some(&workspace.name), content);
        return Ok(0);
    }
    warn(&sources, output);
    output.answer(&format!("workspace {} on {}\n", workspace.name, snapshot.world));
    if let Some(releases) = &snapshot.releases.value {
        let names: Vec<String> = new.iter().take(6).map(ToString::to_string).collect();
        output.answer(&format!(
            "{} releases, not published: {}\n",
            releases.len(),
            names.join(" ")
        ));
    }
    let mut table = tables::Table::new(&["charm", "channel", "base", "revision", "resources", "release"]);
    for charm in charm_names(session) {
        for row in rows(&snapshot, &charm)
            .iter()
            .filter(|row| row.channel.track == crate::domain::Track::latest())
        {
            let (resources, named) = serving(session, &snapshot, &charm, row);
            table.row(vec![
                charm.to_string(),
                row.channel.to_string(),
                row.base.as_ref().map(ToString::to_string).unwrap_or_default(),
                row.revision.to_string(),
                resources,
                named,
            ]);
        }
    }
    output.answer(&table.text());
    if let Some(facts) = &snapshot.credential.value {
        output.answer(&credential_line(facts, &snapshot));
    }
    if let Some(quota) = snapshot.quota {
        output.answer(&format!(
            "Docker Hub: {} of {} pulls left\n",
            quota.remaining, quota.limit
        ));
    }
    for run in open {
        output.answer(&format!("run {run} is open: windlass resume {run}\n"));
    }
    Ok(0)
}

fn credential_line(facts: &CredentialFacts, snapshot: &Snapshot) -> String {
    let who = facts
        .account
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    let end = match (facts.expires_at, facts.days_left(snapshot.taken_at)) {
        (Some(at), Some(days)) => format!("ends {} ({days} d)", at.format("%Y-%m-%d %H:%M UTC")),
        _ => "end unknown".to_owned(),
    };
    format!("{} of {who}: {end}\n", facts.name)
}

/// `whoami`.
pub async fn whoami(session: &Session, output: &Output) -> Ending {
    let facts = session.observer.services().publisher().await?.whoami().await?;
    let now = chrono::Utc::now();
    if output.json {
        let content = json!({
            "account": facts.account, "permissions": facts.scopes, "packages": facts.packages,
            "channels": facts.channels, "expires_at": facts.expires_at, "expires_from": facts.expires_from,
            "days_left": facts.days_left(now), "source": facts.source,
        });
        output.document(
            "whoami",
            Some(&session.config.workspace.name),
            vec![("credential", content)],
        );
        return Ok(0);
    }
    let snapshot = Snapshot {
        taken_at: now,
        ..Snapshot::default()
    };
    let mut text = credential_line(&facts, &snapshot);
    text.push_str(&format!("from {}\n", facts.source));
    let list = |items: Vec<String>| {
        items
            .iter()
            .map(|item| format!("  - {item}\n"))
            .collect::<String>()
    };
    text.push_str("permissions:\n");
    text.push_str(&list(facts.scopes.iter().map(ToString::to_string).collect()));
    if let Some(packages) = &facts.packages {
        text.push_str("packages:\n");
        let name = |p: &crate::domain::credential::PackageScope| {
            let name = p
                .name
                .as_ref()
                .or(p.id.as_ref())
                .map(ToString::to_string)
                .unwrap_or_default();
            format!("{name} ({})", p.kind)
        };
        text.push_str(&list(packages.iter().map(name).collect()));
    }
    output.answer(&text);
    Ok(0)
}

async fn resolve_all(environment: &Environment, images: &[String]) -> Result<Vec<ResolvedImage>, Problem> {
    let cache = environment.folders().ok().map(|(_, cache)| cache);
    let services = environment.services(cache)?;
    let references: Vec<Reference> = images
        .iter()
        .map(|text| Reference::parse(text))
        .collect::<Result<_, _>>()?;
    futures_util::future::try_join_all(references.iter().map(|r| services.registries.resolve(r))).await
}

/// `resolve`.
pub async fn resolve(
    environment: &Environment,
    global: &Global,
    images: &[String],
    output: &Output,
) -> Ending {
    let found = resolve_all(environment, images).await?;
    if output.json {
        let list: Vec<Value> = found
            .iter()
            .map(|image| {
                let platforms: Vec<Value> = image
                    .platforms
                    .iter()
                    .map(|p| {
                        json!({
                            "os": p.platform.os, "architecture": p.platform.architecture,
                            "variant": p.platform.variant, "digest": p.digest,
                            "config_digest": p.config_digest,
                        })
                    })
                    .collect();
                json!({
                    "reference": image.reference.to_string(), "digest": image.digest,
                    "media_type": image.media_type, "size": image.size, "platforms": platforms,
                    "attestations": image.attestations,
                })
            })
            .collect();
        let workspace = environment
            .config(global)
            .ok()
            .map(|config| config.workspace.name);
        output.document("images", workspace.as_deref(), vec![("images", json!(list))]);
        return Ok(0);
    }
    for image in &found {
        output.answer(&describe(image));
    }
    Ok(0)
}

fn describe(image: &ResolvedImage) -> String {
    let mut text = format!(
        "{}\n  digest  {}\n  type    {}\n  size    {}\n",
        image.reference,
        image.digest,
        Outside::capped(&image.media_type, 100),
        tables::bytes(image.size)
    );
    for platform in &image.platforms {
        text.push_str(&format!(
            "  {}  config {}\n",
            platform.platform, platform.config_digest
        ));
    }
    if !image.attestations.is_empty() {
        text.push_str(&format!("  {} attestations\n", image.attestations.len()));
    }
    text
}

/// `diff`: of two releases, else of two images.
pub async fn diff(
    environment: &Environment,
    global: &Global,
    from: &str,
    to: &str,
    output: &Output,
) -> Ending {
    if let (Ok(from), Ok(to)) = (from.parse::<ReleaseName>(), to.parse::<ReleaseName>()) {
        return diff_releases(&environment.session(global)?, &from, &to, output).await;
    }
    let found = resolve_all(environment, &[from.to_owned(), to.to_owned()]).await?;
    let [a, b] = found.as_slice() else {
        return Err(Problem::new(Kind::Internal, "two images were asked for"));
    };
    let same_config = a.config_digests().eq(b.config_digests());
    if output.json {
        let content = json!({
            "from": a, "to": b, "same_digest": a.digest == b.digest, "same_config": same_config,
        });
        output.document("diff", None, vec![("diff", content)]);
        return Ok(0);
    }
    output.answer(&describe(a));
    output.answer(&describe(b));
    output.answer(match (a.digest == b.digest, same_config) {
        (true, _) => "the same image\n",
        (false, true) => "the same configs under other manifests: layers were packed differently\n",
        (false, false) => "different images\n",
    });
    Ok(0)
}

async fn diff_releases(session: &Session, from: &ReleaseName, to: &ReleaseName, output: &Output) -> Ending {
    let snapshot = session.observer.refresh(session.observer.cached()).await;
    snapshot.releases.need("the list of upstream releases")?;
    let find = |name: &ReleaseName| {
        snapshot.release(name).ok_or_else(|| {
            Problem::new(Kind::NotFound, format!("there is no release {name} upstream"))
                .hint("'windlass releases' lists them")
        })
    };
    let (a, b) = (find(from)?, find(to)?);
    let mut keys: Vec<&String> = a.images.keys().chain(b.images.keys()).collect();
    keys.sort();
    keys.dedup();
    if output.json {
        let images: Vec<Value> = keys
            .iter()
            .map(|key| {
                let (was, is) = (a.images.get(*key), b.images.get(*key));
                json!({ "image": key, "from": was, "to": is, "changed": was != is })
            })
            .collect();
        let content = json!({ "from": from, "to": to, "images": images });
        output.document(
            "diff",
            Some(&session.config.workspace.name),
            vec![("diff", content)],
        );
        return Ok(0);
    }
    let mut table = tables::Table::new(&["image", from.as_str(), to.as_str(), ""]);
    for key in keys {
        let word = |tag: Option<&String>| {
            tag.map_or_else(|| "-".to_owned(), |tag| Outside::capped(tag, 60).to_string())
        };
        let (was, is) = (a.images.get(key), b.images.get(key));
        let sign = if was == is { "same" } else { "changed" };
        table.row(vec![
            Outside::capped(key, 100).to_string(),
            word(was),
            word(is),
            sign.to_owned(),
        ]);
    }
    output.answer(&table.text());
    Ok(0)
}

/// `config check` and `config show`.
pub fn config(environment: &Environment, global: &Global, what: &ConfigWhat, output: &Output) -> Ending {
    let config = environment.config(global)?;
    let endpoints = crate::services::endpoints::Endpoints::from_env(|name| environment.variable(name))?;
    let user_file = config
        .user_file
        .as_ref()
        .map(|path| Outside::new(path.display().to_string()));
    if output.json {
        let content = json!({
            "workspace": config.workspace, "chosen_by": config.chosen_by.to_string(),
            "workspace_from": config.workspace_from.to_string(), "user": config.user, "user_file": user_file,
            "world": endpoints.world(),
        });
        output.document("config", Some(&config.workspace.name), vec![("config", content)]);
        return Ok(0);
    }
    output.answer(&format!(
        "workspace {} ({}; chosen by: {})\n",
        config.workspace.name, config.workspace_from, config.chosen_by
    ));
    if let Some(file) = user_file {
        let there = config.user_file.as_ref().is_some_and(|path| path.exists());
        output.answer(&format!(
            "user file {file}{}\n",
            if there { "" } else { " (not there: defaults)" }
        ));
    }
    output.answer(&format!("world {}\n", endpoints.world()));
    match what {
        ConfigWhat::Check => output.answer("sound\n"),
        ConfigWhat::Show => {
            output.answer("\n");
            for line in crate::domain::text::lines(&config.workspace_text) {
                output.answer(&format!("{line}\n"));
            }
        }
    }
    Ok(0)
}
