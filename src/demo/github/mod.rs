//! GitHub's REST interface over real git objects.

use std::path::Path;
use std::sync::Arc;

use crate::domain::Problem;

/// The demo's GitHub.
pub struct GitHub;

impl GitHub {
    /// Opens the world's GitHub in `dir`. `token` is the one token it knows.
    pub fn open(_dir: &Path, _seed: u64, _token: &str) -> Result<Arc<GitHub>, Problem> {
        Ok(Arc::new(GitHub))
    }
}

/// The routes.
pub fn router(github: Arc<GitHub>) -> axum::Router {
    axum::Router::new().with_state(github)
}
