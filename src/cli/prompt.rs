//! Asks questions at the terminal, with and without echo.
//!
//! Input without echo is kept only in memory that is wiped: the terminal is read directly,
//! bypassing the buffer of standard input.

use std::fs::File;
use std::io::{IsTerminal, Read, Write};
use std::os::fd::AsFd as _;

use secrecy::SecretString;
use zeroize::Zeroizing;

use super::signals;
use crate::domain::{Problem, ProblemKind};

/// Longest secret accepted, in bytes. Allocated at once: a growing buffer leaves copies behind.
const LONGEST: usize = 4096;

fn no_terminal(question: &str) -> Problem {
    let what = question.trim_end().trim_end_matches(':').to_lowercase();
    Problem::new(
        ProblemKind::Credentials,
        format!("cannot ask for the {what} without a terminal"),
    )
    .hint(
        "run it in a terminal, or set WINDLASS_SSO_EMAIL, WINDLASS_SSO_PASSWORD and WINDLASS_SSO_OTP \
        (with --from-env unless the host is loopback)",
    )
    .hint("in CI, use an existing token: windlass rotate --token-file FILE")
}

fn unreadable(error: &std::io::Error) -> Problem {
    Problem::new(ProblemKind::Machine, "cannot read from the terminal").because(error)
}

fn say(text: &str) {
    let mut err = std::io::stderr().lock();
    drop(err.write_all(text.as_bytes()).and_then(|()| err.flush()));
}

/// Opens the terminal itself, without the buffer that standard input keeps for the life of the
/// process.
fn terminal(question: &str) -> Result<File, Problem> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(no_terminal(question));
    }
    let own = input
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| unreadable(&error))?;
    Ok(File::from(own))
}

/// Asks for a line, with echo.
pub fn line(question: &str) -> Result<String, Problem> {
    let terminal = terminal(question)?;
    say(question);
    let typed = keys(terminal)?;
    Ok(typed.trim().to_owned())
}

/// Asks for a line, without echo.
pub fn hidden(question: &str) -> Result<SecretString, Problem> {
    let terminal = terminal(question)?;
    // Echo is switched off first, so that nothing typed after the question appears is shown.
    crossterm::terminal::enable_raw_mode().map_err(|error| unreadable(&error))?;
    say(question);
    let typed = keys(terminal);
    drop(crossterm::terminal::disable_raw_mode());
    say("\n");
    Ok(SecretString::from(typed?.as_str()))
}

fn given_up() -> Problem {
    Problem::new(ProblemKind::Refused, "cancelled: nothing was changed").hint("run the same command again")
}

/// Reads keys up to Enter; backspace, Ctrl-U, Ctrl-C and Ctrl-D work as usual.
fn keys(mut input: impl Read) -> Result<Zeroizing<String>, Problem> {
    let mut typed = Zeroizing::new(Vec::with_capacity(LONGEST));
    loop {
        let mut key = Zeroizing::new([0_u8; 1]);
        if input.read(&mut *key).map_err(|error| unreadable(&error))? == 0 {
            return Err(given_up());
        }
        match key[0] {
            b'\r' | b'\n' => break,
            3 => {
                // In raw mode the terminal sends no signal for it.
                signals::interrupt();
                return Err(given_up());
            }
            4 => return Err(given_up()),
            8 | 127 => {
                // Removes all bytes of a character.
                while typed.pop().is_some_and(|byte| byte & 0xc0 == 0x80) {}
            }
            21 => typed.clear(),
            // Other control keys are ignored; no secret contains them.
            0..32 => {}
            other if typed.len() < LONGEST => typed.push(other),
            _ => {}
        }
    }
    match std::str::from_utf8(&typed) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) => Err(Problem::new(ProblemKind::Usage, "the input is not valid UTF-8")
            .hint("run the same command again")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_edited_as_at_any_prompt() {
        let typed = |bytes: &[u8]| keys(bytes).map(|text| text.to_string());
        assert_eq!(typed(b"secret\r").unwrap(), "secret");
        assert_eq!(typed("p\u{e4}\u{7f}ass\n".as_bytes()).unwrap(), "pass");
        assert_eq!(typed(b"wrong\x15right\n").unwrap(), "right");
        assert_eq!(typed(b"sec\x1aret\n").unwrap(), "secret");
        for stopped in [&b"half\x03"[..], b"half\x04", b"half"] {
            assert_eq!(typed(stopped).unwrap_err().kind, ProblemKind::Refused);
        }
    }
}
