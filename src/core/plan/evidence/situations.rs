//! Tests the answer to "is it published?" in every state of a release. Every front end is tested
//! with this table.

pub use crate::plan::publish::tests::published::{Situation, situations};
pub use crate::plan::publish::tests::workspace;
