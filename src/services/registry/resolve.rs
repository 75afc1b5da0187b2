//! References to facts.
use super::*;
use crate::domain::Kind;
fn later() -> Problem { Problem::new(Kind::Internal, "not yet") }
pub(super) async fn head(_: &Registries, _: &Reference) -> Result<Option<Head>, Problem> { Err(later()) }
pub(super) async fn resolve(_: &Registries, _: &Reference) -> Result<ResolvedImage, Problem> { Err(later()) }
pub(super) async fn manifest(_: &Registries, _: &Repository, _: ManifestDigest) -> Result<Manifest, Problem> { Err(later()) }
