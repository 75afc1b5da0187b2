//! Ways in which a request can fail, for tests of writes.

use std::path::Path;

use windlass::demo::World;

use super::Client;

/// How the first attempt of a write fails; `reset-after` is handled, and its answer is lost.
pub const FAILURES: [&str; 8] = [
    "action = 'refuse'",
    "action = 'reset-before'",
    "action = 'reset-after'",
    "rate-limit = 1",
    "status = 503",
    "status = 500",
    "status = 408",
    "hang = 30",
];

/// Returns a fault of the `nth` matching request; `meanwhile` is what another client does, if
/// anything.
pub fn fault(service: &str, method: &str, path: &str, nth: usize, failure: &str, meanwhile: &str) -> String {
    let meanwhile = if meanwhile.is_empty() {
        String::new()
    } else {
        format!("meanwhile = [{meanwhile}]\n")
    };
    format!(
        "[[fault]]\nservice = '{service}'\nmethod = '{method}'\npath = '{path}'\nnth = {nth}\n{failure}\n{meanwhile}"
    )
}

/// Returns a client that gives up on a hung request after a second.
pub fn impatient(world: &World, dir: &Path) -> Client {
    Client::new(world, dir).with("WINDLASS_TIMEOUT", "0.05")
}
