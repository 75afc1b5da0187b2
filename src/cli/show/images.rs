//! `resolve` and `diff`: images and releases looked at side by side.

use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::environment::Environment;
use crate::cli::output::Output;
use crate::cli::{Ending, tables};
use crate::domain::{Kind, Outside, Problem, Reference, ReleaseName, ResolvedImage};
use crate::run::Session;

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

async fn resolve_all(environment: &Environment, images: &[String]) -> Result<Vec<ResolvedImage>, Problem> {
    let cache = environment.folders().ok().map(|(_, cache)| cache);
    let services = environment.services(cache)?;
    let references: Vec<Reference> = images
        .iter()
        .map(|text| Reference::parse(text))
        .collect::<Result<_, _>>()?;
    futures_util::future::try_join_all(references.iter().map(|r| services.registries.resolve(r))).await
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
