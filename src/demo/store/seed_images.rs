//! Creates the initial resource revisions of the demo store, and the images behind them.
//!
//! Numbers the resource revisions and makes the images as the old pipeline did: re-packed, so that
//! manifest digests differ from Docker Hub's while config digests agree.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, Utc};

use super::ACCOUNT_ID;
use super::contents::Contents;
use super::resources::descriptor;
use super::seed::stamp;
use super::state::{Package, ResourceRevision};
use crate::demo::images::Drawing;
use crate::demo::registry::Registry;
use crate::demo::registry::images::{Recipe, make, repacked};
use crate::demo::releases::{self, PUBLISHED};
use crate::domain::Problem;

/// Holds where initial resource revisions are stored.
pub struct Shelf<'a> {
    /// Pushed bytes.
    pub contents: &'a Contents,
    registry: &'a Registry,
    drawing: Drawing,
}

impl<'a> Shelf<'a> {
    /// Returns a value that fills `contents` and the charms' registry.
    pub fn new(contents: &'a Contents, registry: &'a Registry, drawing: Drawing) -> Self {
        Self {
            contents,
            registry,
            drawing,
        }
    }

    /// Adds every image of `image` that was pushed until the last published release, oldest first,
    /// numbered so that the newest is `newest`. Returns the number of each tag.
    pub fn upstream(
        &mut self,
        package: &mut Package,
        resource: &str,
        image: &str,
        newest: u64,
    ) -> Result<BTreeMap<String, u64>, Problem> {
        let last = PUBLISHED.last().map_or("", |(name, _)| name);
        let mut pushed: Vec<(String, String, DateTime<Utc>)> = Vec::new();
        for manifest in releases::all() {
            let Some(tag) = manifest
                .core
                .get(image)
                .filter(|_| manifest.version.as_str() <= last)
            else {
                continue;
            };
            let lag = PUBLISHED.iter().find(|(name, _)| *name == manifest.version);
            let at =
                stamp(&manifest) + Duration::minutes((lag.map_or(0.5, |(_, days)| *days) * 1440.0) as i64);
            match pushed.iter_mut().find(|(_, known, _)| known == tag) {
                // Tags that several releases name were pushed by the first of them.
                Some(_) => {}
                None => pushed.push((manifest.version.clone(), tag.clone(), at)),
            }
        }
        let first = (newest + 1).saturating_sub(pushed.len() as u64);
        for number in 1..first {
            let at = stamp(&releases::all()[0]) - Duration::days((first - number) as i64);
            self.dummy(package, resource, number, at)?;
        }
        let mut numbers = BTreeMap::new();
        for (number, (release, tag, at)) in (first..).zip(pushed) {
            let recipe = self.drawing.upstream(&release, image, &tag);
            self.image(package, resource, number, &recipe, at)?;
            numbers.insert(tag, number);
        }
        Ok(numbers)
    }

    /// Adds a small image that no release names.
    pub fn dummy(
        &mut self,
        package: &mut Package,
        resource: &str,
        number: u64,
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let recipe = self
            .drawing
            .small(&format!("local/{resource}"), &number.to_string());
        self.image(package, resource, number, &recipe, at)
    }

    fn image(
        &mut self,
        package: &mut Package,
        resource: &str,
        number: u64,
        recipe: &Recipe,
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let image = repacked(&make(recipe));
        self.registry.store(&package.image_path(resource), None, &image)?;
        let text = descriptor(package, resource, &image.digest);
        self.push(package, resource, number, "oci-image", text.as_bytes(), at)
    }

    /// Adds a revision of a file resource.
    pub fn file(
        &mut self,
        package: &mut Package,
        resource: &str,
        number: u64,
        bytes: &[u8],
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        self.push(package, resource, number, "file", bytes, at)
    }

    fn push(
        &mut self,
        package: &mut Package,
        resource: &str,
        number: u64,
        kind: &str,
        bytes: &[u8],
        at: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let hashes = self.contents.put(bytes)?;
        let architecture = if kind == "file" { "all" } else { "amd64" };
        package
            .resources
            .entry(resource.to_owned())
            .or_default()
            .push(ResourceRevision {
                revision: number,
                kind: kind.to_owned(),
                created_at: at,
                created_by: ACCOUNT_ID.to_owned(),
                updated_at: None,
                architectures: vec![architecture.to_owned()],
                hashes,
                pending: false,
            });
        Ok(())
    }
}
