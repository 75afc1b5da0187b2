//! The pipeline: services -> snapshot -> intent -> plan -> run -> journal.

#[path = "../journal/mod.rs"]
pub mod journal;
#[path = "../observe/mod.rs"]
pub mod observe;
#[path = "../plan/mod.rs"]
pub mod plan;
#[path = "../run/mod.rs"]
pub mod run;

use windlass_domain::{config, domain};
use windlass_services::services;
