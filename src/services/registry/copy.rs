//! The copy engine.
use super::*;
use crate::domain::Kind;
fn later() -> Problem { Problem::new(Kind::Internal, "not yet") }
pub(super) async fn missing(_: &Registries, _: &Reference, _: &Repository) -> Result<u64, Problem> { Err(later()) }
pub(super) async fn copy(_: &Registries, _: &CopyJob, _: &(dyn Fn(CopyProgress) + Send + Sync), _: &CancellationToken) -> Result<Copied, Problem> { Err(later()) }
