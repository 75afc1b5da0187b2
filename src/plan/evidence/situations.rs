//! Situations of one release, each with the right answer to "is it published?". Every front end is
//! tested against this one table.

pub use crate::plan::publish::tests::published::{Situation, situations};
pub use crate::plan::publish::tests::workspace;
