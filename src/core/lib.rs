//! The pipeline: services -> snapshot -> intent -> plan -> run -> journal.

pub mod journal;
pub mod observe;
pub mod plan;
pub mod run;

use windlass_domain::{config, domain};
use windlass_services::services;
