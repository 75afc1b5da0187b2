//! stub
use crate::domain::*;
use crate::services::registry::{Blob, LocalImage};
use futures_util::future::BoxFuture;
use std::collections::HashSet;
use std::sync::Arc;
/// s
#[derive(Clone)]
pub struct Packing;
/// s
pub struct PackProgress;
impl std::fmt::Display for PackProgress {
    fn fmt(&self, _f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        Ok(())
    }
}
/// s
pub struct Packed {
    /// s
    pub image: Arc<LocalImage>,
}
impl Packing {
    /// s
    pub async fn open<'a>(
        &self,
        _s: &LocalSource,
        _there: &(dyn Fn(Vec<Blob>) -> BoxFuture<'a, Result<HashSet<Digest>, Problem>> + Send + Sync),
        _p: &(dyn Fn(PackProgress) + Send + Sync),
        _c: &tokio_util::sync::CancellationToken,
    ) -> Result<Packed, Problem> {
        Err(Problem::new(Kind::Internal, "stub"))
    }
    /// s
    pub fn release(&self, _i: &LocalImage) {}
}
