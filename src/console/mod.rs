//! The terminal user interface.

use crate::domain::Problem;
use crate::run::Session;

/// How the console is opened.
pub struct ConsoleOptions {
    /// Without borders.
    pub plain: bool,
    /// Without colours.
    pub no_color: bool,
    /// On the demo world.
    pub demo: bool,
}

/// Opens the console.
pub async fn run(_session: Session, _options: ConsoleOptions) -> Result<(), Problem> {
    Ok(())
}
