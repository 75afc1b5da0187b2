//! `resolve` and `diff`: shows images, and compares images or releases.

use serde_json::{Value, json};

use crate::cli::args::Global;
use crate::cli::documents::Sources;
use crate::cli::environment::Environment;
use crate::cli::output::Output;
use crate::cli::{Ending, carry_out, tables, transfer};
use crate::domain::detail::{self, Layer};
use crate::domain::{
    ImageDetail, ImageSource, Problem, ProblemKind, ReleaseName, Repository, SanitizedText, count, release,
};
use crate::observe::View;
use crate::run::Session;

/// Runs `resolve`.
pub async fn resolve(
    environment: &Environment,
    global: &Global,
    images: &[String],
    to: Option<&str>,
    output: &Output,
) -> Ending {
    let session = environment.session(global, output)?;
    let found = details(&session, images, output).await?;
    let mut standing = Vec::new();
    if let Some(to) = to {
        let to = Repository::parse(to)?;
        for image in &found {
            let present = session.observer.layers_at(image, &to).await?;
            standing.push(present);
        }
    }
    let present = |at: usize, layer: &Layer| standing.get(at).map(|there| there.contains(&layer.digest));
    if output.json {
        let list: Vec<Value> = found
            .iter()
            .enumerate()
            .map(|(at, image)| document(image, &|layer| present(at, layer)))
            .collect();
        let name = session.config.workspace.name.as_str();
        let mut content = vec![("images", json!(list))];
        content.extend(read_now());
        output.document("images", Some(name), content);
        return Ok(0);
    }
    for (at, image) in found.iter().enumerate() {
        output.answer(&describe(image, &|layer| present(at, layer)));
    }
    Ok(0)
}

async fn details(session: &Session, images: &[String], output: &Output) -> Result<Vec<ImageDetail>, Problem> {
    let sources: Vec<ImageSource> = images
        .iter()
        .map(|text| transfer::source(text))
        .collect::<Result<_, _>>()?;
    let hear = carry_out::packing(output);
    let asking = sources
        .iter()
        .map(|source| session.observer.detail(source, &hear));
    let found = futures_util::future::try_join_all(asking).await;
    let Err(problem) = found else { return found };
    // Without a login a registry gives the same answer for a private repository as for one that
    // does not exist, so this is reported as not found.
    let mut strange = problem.kind == ProblemKind::Credentials;
    for source in &sources {
        if let ImageSource::Registry(reference) = source {
            let registries = &session.observer.services().registries;
            strange &= registries.is_anonymous(&reference.repository).await?;
        }
    }
    Err(if strange {
        Problem {
            kind: ProblemKind::NotFound,
            ..problem
        }
    } else {
        problem
    })
}

/// Returns when the registries were read; if one cannot be read, there is no answer.
fn read_now() -> [(&'static str, Value); 2] {
    [
        ("observed_at", json!({ "registries": chrono::Utc::now() })),
        ("errors", json!([])),
    ]
}

type Present<'a> = &'a dyn Fn(&Layer) -> Option<bool>;

fn document(image: &ImageDetail, present: Present<'_>) -> Value {
    let platforms: Vec<Value> = image
        .platforms
        .iter()
        .map(|one| {
            let layers: Vec<Value> = one
                .layers
                .iter()
                .map(|layer| {
                    let mut value = json!({
                        "digest": layer.digest, "size": layer.size, "media_type": layer.media_type,
                    });
                    if let Value::Object(map) = &mut value {
                        if let Some(there) = present(layer) {
                            map.insert("present".to_owned(), json!(there));
                        }
                        if layer.foreign {
                            map.insert("urls".to_owned(), json!(layer.urls));
                        }
                    }
                    value
                })
                .collect();
            let platform = &one.image.platform;
            json!({
                "os": platform.os, "architecture": platform.architecture, "variant": platform.variant,
                "digest": one.image.digest, "config_digest": one.image.config_digest,
                "size": one.image.size, "created": one.created, "labels": one.labels, "env": one.env,
                "entrypoint": one.entrypoint, "command": one.command, "layers": layers,
            })
        })
        .collect();
    let missing: Vec<Value> = image
        .missing
        .iter()
        .map(|one| {
            let platform = one.platform.as_ref();
            json!({
                "digest": one.digest, "os": platform.map(|platform| &platform.os),
                "architecture": platform.map(|platform| &platform.architecture),
                "variant": platform.and_then(|platform| platform.variant.as_ref()),
            })
        })
        .collect();
    json!({
        "reference": image.source.to_string(), "digest": image.digest, "media_type": image.media_type,
        "size": image.size, "platforms": platforms, "attestations": image.attestations,
        "missing": missing, "warnings": warnings(image),
    })
}

/// Returns warnings about an image, as sentences.
fn warnings(image: &ImageDetail) -> Vec<SanitizedText> {
    let mut warnings = image.remarks();
    warnings.extend(image.missing.iter().map(|one| {
        SanitizedText::new(format!(
            "{one} no longer exists: it was probably deleted by a cleanup"
        ))
    }));
    if let Err(problem) = image.check_layers() {
        warnings.extend(problem.causes);
    }
    warnings
}

fn describe(image: &ImageDetail, present: Present<'_>) -> String {
    let mut text = format!(
        "{}\n  digest  {}\n  type    {}\n  size    {}\n",
        image.source,
        image.digest,
        SanitizedText::capped(&image.media_type, 100),
        tables::bytes(image.size)
    );
    let mut to_send = 0;
    let mut counted = std::collections::BTreeSet::new();
    for one in &image.platforms {
        text.push_str(&format!(
            "  {}  config {}\n",
            one.image.platform, one.image.config_digest
        ));
        if let Some(created) = one.created {
            text.push_str(&format!(
                "    created {}\n",
                created.format("%Y-%m-%d %H:%M:%S UTC")
            ));
        }
        for (name, value) in &one.labels {
            text.push_str(&format!(
                "    label   {}={}\n",
                SanitizedText::capped(name, 80),
                SanitizedText::capped(value.as_str(), 120)
            ));
        }
        for layer in &one.layers {
            let there = present(layer);
            if there == Some(false) && !layer.foreign && counted.insert(layer.digest) {
                to_send += layer.size;
            }
            let word = match there {
                _ if layer.foreign => "  external",
                None => "",
                Some(true) => "  present",
                Some(false) => "  to send",
            };
            text.push_str(&format!(
                "    layer   {}  {:>9}{word}\n",
                layer.digest,
                tables::bytes(layer.size)
            ));
        }
    }
    if !image.attestations.is_empty() {
        text.push_str(&format!(
            "  {}\n",
            count(image.attestations.len(), "attestation", "attestations")
        ));
    }
    for warning in warnings(image) {
        text.push_str(&format!("  warning: {warning}\n"));
    }
    if image
        .platforms
        .iter()
        .any(|one| one.layers.iter().any(|layer| present(layer).is_some()))
    {
        text.push_str(&format!("  {} to send\n", tables::bytes(to_send)));
    }
    text
}

/// Runs `diff`, for two releases, else for two images.
pub async fn diff(
    environment: &Environment,
    global: &Global,
    from: &str,
    to: &str,
    output: &Output,
) -> Ending {
    if let (Ok(from), Ok(to)) = (from.parse::<ReleaseName>(), to.parse::<ReleaseName>()) {
        return diff_releases(&environment.session(global, output)?, &from, &to, output).await;
    }
    let session = environment.session(global, output)?;
    let found = details(&session, &[from.to_owned(), to.to_owned()], output).await?;
    let [a, b] = found.as_slice() else {
        return Err(Problem::new(ProblemKind::Internal, "comparing two images"));
    };
    let differs = detail::diff(a, b);
    let same_config = differs.only_before.is_empty()
        && differs.only_after.is_empty()
        && differs.platforms.iter().all(|one| one.same_config);
    if output.json {
        let nothing: Present<'_> = &|_| None;
        let content = json!({
            "from": document(a, nothing), "to": document(b, nothing), "same_digest": differs.same,
            "same_config": same_config, "only_from": differs.only_before, "only_to": differs.only_after,
            "platforms": differs.platforms,
        });
        let mut content = vec![("diff", content)];
        content.extend(read_now());
        output.document("diff", Some(&session.config.workspace.name), content);
        return Ok(0);
    }
    for (sign, image) in [("-", a), ("+", b)] {
        output.answer(&format!("{sign} {}\n  digest  {}\n", image.source, image.digest));
    }
    for (sign, platforms) in [("-", &differs.only_before), ("+", &differs.only_after)] {
        for platform in platforms {
            output.answer(&format!("{sign} platform {platform}\n"));
        }
    }
    for one in &differs.platforms {
        output.answer(&changes(one));
    }
    output.answer(match (differs.same, same_config) {
        (true, _) => "the same digest\n",
        (false, true) => "the same image, compressed differently\n",
        (false, false) => "different images\n",
    });
    Ok(0)
}

fn changes(one: &detail::PlatformDiff) -> String {
    let shared: u64 = one.shared.iter().map(|layer| layer.size).sum();
    let mut text = format!(
        "  {}  {} in common ({})\n",
        one.platform,
        count(one.shared.len(), "layer", "layers"),
        tables::bytes(shared)
    );
    for (sign, layers) in [("-", &one.removed), ("+", &one.added)] {
        for layer in layers {
            text.push_str(&format!(
                "  {sign} layer  {}  {:>9}\n",
                layer.digest,
                tables::bytes(layer.size)
            ));
        }
    }
    let lists = [("env", &one.env), ("label", &one.labels)];
    let words = [&one.entrypoint, &one.command];
    let named = lists
        .iter()
        .flat_map(|(kind, changes)| {
            changes
                .iter()
                .map(move |change| (format!("{kind} {}", change.name), change))
        })
        .chain(
            words
                .into_iter()
                .flatten()
                .map(|change| (change.name.to_string(), change)),
        );
    for (name, change) in named {
        for (sign, value) in [("-", &change.before), ("+", &change.after)] {
            if let Some(value) = value {
                text.push_str(&format!(
                    "  {sign} {name}={}\n",
                    SanitizedText::capped(value.as_str(), 200)
                ));
            }
        }
    }
    text
}

async fn diff_releases(session: &Session, from: &ReleaseName, to: &ReleaseName, output: &Output) -> Ending {
    let snapshot = session
        .observer
        .view(session.observer.cached(), View::ReleaseDiff)
        .await;
    let what = "the list of upstream releases";
    if session.observer.is_offline() {
        snapshot.releases.last(what)?;
    } else {
        snapshot.releases.need(what)?;
    }
    let find = |name: &ReleaseName| {
        snapshot.release(name).ok_or_else(|| {
            Problem::new(
                ProblemKind::NotFound,
                format!("release {name} not found upstream"),
            )
            .hint("list releases with 'windlass releases'")
        })
    };
    let (a, b) = (find(from)?, find(to)?);
    let images = release::diff(a, b);
    let sources = Sources::new().add("releases", &snapshot.releases);
    if output.json {
        let content = json!({ "from": from, "to": to, "images": images });
        let mut content = vec![("diff", content)];
        content.extend(sources.keys());
        output.document("diff", Some(&session.config.workspace.name), content);
        return Ok(0);
    }
    super::warn(&sources, output);
    let mut table = tables::Table::new(&["image", from.as_str(), to.as_str(), ""]);
    for one in &images {
        let word = |tag: Option<&str>| {
            tag.map_or_else(
                || "-".to_owned(),
                |tag| SanitizedText::capped(tag, 60).to_string(),
            )
        };
        let sign = if one.changed { "changed" } else { "same" };
        table.row(vec![
            SanitizedText::capped(one.image, 100).to_string(),
            word(one.from),
            word(one.to),
            sign.to_owned(),
        ]);
    }
    output.answer(&table.text());
    Ok(0)
}
