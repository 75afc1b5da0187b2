//! stub
mod wanted;
use crate::domain::*;
pub use wanted::Wanted;
/// stub
pub struct Held {
    /// s
    pub source: LocalSource,
    /// s
    pub id: ImageId,
    /// s
    pub names: Vec<Outside>,
    /// s
    pub repo_digests: Vec<Reference>,
    /// s
    pub matched: Digest,
}
/// stub
#[derive(Clone)]
pub struct Engines;
impl Engines {
    /// s
    pub async fn find(&self, _w: &Wanted) -> Result<Vec<Held>, Problem> {
        Ok(vec![])
    }
}
