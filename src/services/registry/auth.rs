//! Logins and tokens.
use secrecy::SecretString;
#[derive(Default)]
pub(super) struct Tokens;
pub(super) struct Login;
impl Login {
    pub(super) fn password(_user: String, _password: SecretString) -> Self { Self }
}
