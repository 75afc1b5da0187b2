//! Tests `login`, `logout` and `whoami` through the binary against the demo environment: where a
//! token is stored, what is asked at a terminal, and what is shown of it.

#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, clippy::panic)]

use crate::common;

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use common::{Client, minted, world};
use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use windlass::demo::environment::{EMAIL, OTP, PASSWORD};

const SSO: [&str; 3] = ["WINDLASS_SSO_EMAIL", "WINDLASS_SSO_PASSWORD", "WINDLASS_SSO_OTP"];

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_private_never_overwritten_and_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());

    let plain = client.run(&["login", "--export", "token"]).with(3);
    assert!(plain.err.contains("--yes"), "{}", plain.err);
    let done = client.run(&["login", "--export", "token", "--yes"]).with(0);
    assert_eq!(done.out, "Login successful. Credentials exported to 'token'.\n");
    assert!(
        done.err.contains("contains the token in plain text"),
        "{}",
        done.err
    );
    let path = dir.path().join("token");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let token = std::fs::read_to_string(&path).unwrap();
    assert!(!token.ends_with('\n') && !done.err.contains(&token) && !done.out.contains(&token));

    let who = client.with("CHARMCRAFT_AUTH", &token).run(&["whoami"]).with(0);
    assert!(who.out.contains("package-manage"), "{}", who.out);
    assert_eq!(minted(&world), 1);
    client.run(&["login", "--export", "token", "--yes"]).with(3);
    client.run(&["login", "--export", "token/below", "--yes"]).with(3);
    client
        .run(&["login", "--export", "other", "--yes", "--read-only"])
        .with(3);
    client
        .run(&["login", "--export", "other", "--yes", "--offline"])
        .with(3);
    let odd = client
        .run(&[
            "login",
            "--export",
            "other",
            "--permission",
            "package-mange",
            "--yes",
        ])
        .with(2);
    assert!(
        odd.err.contains("package-mange") && odd.err.contains("package-manage,"),
        "{}",
        odd.err
    );
    let unsigned = client
        .without(&SSO)
        .run(&["login", "--export", "other", "--yes"])
        .with(4);
    assert!(unsigned.err.contains("without a terminal"), "{}", unsigned.err);
    client
        .with("WINDLASS_SSO_PASSWORD", "not-the-one")
        .run(&["login", "--export", "other", "--yes"])
        .with(4);
    assert_eq!(minted(&world), 1, "nothing of that made a token");
    assert!(!dir.path().join("other").exists());
    client
        .run(&["login", "--export", "token", "--force", "--yes"])
        .with(0);
    assert_ne!(std::fs::read_to_string(&path).unwrap(), token);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_keyring_the_way_is_chosen_openly() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let said = client.run(&["login", "--yes"]).with(3);
    assert!(said.err.contains("CHARMCRAFT_AUTH"), "{}", said.err);
    client.run(&["logout"]).with(3);

    let client = client.without(&["CHARMCRAFT_AUTH"]);
    let said = client.run(&["login", "--yes"]).with(3);
    for way in ["--passphrase-file FILE", "--export FILE"] {
        assert!(said.err.contains(way), "{}", said.err);
    }
    let open = client.file("open", "a passphrase\n", 0o644);
    let said = client
        .run(&["login", "--yes", "--passphrase-file", &open])
        .with(4);
    assert!(said.err.contains("chmod 600"), "{}", said.err);
    assert_eq!(minted(&world), 0);

    let own = client.file("own", "a passphrase\n", 0o600);
    let done = client.run(&["login", "--yes", "--passphrase-file", &own]).with(0);
    assert!(done.out.starts_with("Logged in as '"), "{}", done.out);
    client.run(&["whoami", "--passphrase-file", &own]).with(0);
    client
        .piped(&["whoami", "--passphrase-file", "-"], "a passphrase\n")
        .with(0);
    let said = client.run(&["whoami"]).with(4);
    assert!(said.err.contains("--passphrase-file"), "{}", said.err);
    let said = client.run(&["whoami", "--passphrase-file", &open]).with(4);
    assert!(said.err.contains("chmod 600"), "{}", said.err);
    let other = client.file("other", "another one\n", 0o600);
    client
        .run(&["login", "--yes", "--passphrase-file", &other])
        .with(4);
    assert_eq!(minted(&world), 1, "no token was created that could not be kept");

    assert_eq!(client.run(&["logout"]).with(0).out, "Charmhub token cleared.\n");
    assert_eq!(
        client.run(&["logout"]).with(0).out,
        "You are not logged in to Charmhub.\n"
    );
    world.stop().await;
}

/// A command at a pseudo-terminal; its output is collected.
struct Typed {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    writer: Box<dyn std::io::Write + Send>,
    shown: Arc<Mutex<String>>,
}

impl Typed {
    fn start(client: &Client, arguments: &[&str]) -> Self {
        let pair = native_pty_system().openpty(PtySize::default()).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_windlass"));
        command.args(arguments);
        command.cwd(&client.dir);
        command.env_clear();
        for (name, value) in &client.variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let shown = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&shown);
        std::thread::spawn(move || {
            let _open = pair.master;
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
                kept.lock().unwrap().push_str(&text);
            }
        });
        Self { child, writer, shown }
    }

    fn answer(&mut self, question: &str, answer: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        loop {
            let shown = self.shown.lock().unwrap().clone();
            if shown.contains(question) {
                break;
            }
            assert!(Instant::now() < end, "{question:?} is not asked: {shown}");
            // A question appears only on the terminal; another thread collects the output.
            std::thread::sleep(Duration::from_millis(5));
        }
        self.writer.write_all(answer.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn end(mut self) -> (u32, String) {
        let code = self.child.wait().unwrap().exit_code();
        let shown = self.shown.lock().unwrap().clone();
        (code, shown)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_without_echo_is_never_shown_and_ctrl_c_ends_it() {
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path()).without(&SSO);
    let mut typed = Typed::start(&client, &["login", "--export", "token"]);
    typed.answer("Type yes to continue", "yes\r");
    typed.answer("Email address: ", &format!("{EMAIL}\r"));
    typed.answer("Password: ", &format!("{PASSWORD}\r"));
    typed.answer("One-time password: ", &format!("{OTP}\r"));
    let (code, shown) = typed.end();
    assert_eq!(code, 0, "{shown}");
    assert!(!shown.contains(PASSWORD) && !shown.contains(OTP), "{shown}");
    assert!(dir.path().join("token").exists());

    let mut typed = Typed::start(&client, &["login", "--export", "other", "--yes"]);
    typed.answer("Email address: ", &format!("{EMAIL}\r"));
    typed.answer("Password: ", "half\x03");
    let (code, shown) = typed.end();
    assert_eq!(code, 130, "{shown}");
    assert!(!shown.contains("half") && !shown.contains("error:"), "{shown}");
    assert_eq!(minted(&world), 1);
    world.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapped_token_is_used_with_a_warning_and_the_command_that_rewrites_it() {
    use base64::Engine as _;
    let dir = tempfile::tempdir().unwrap();
    let world = world(dir.path(), "").await;
    let client = Client::new(&world, dir.path());
    let base64 = base64::engine::general_purpose::STANDARD;
    let token = base64.decode(&client.variables["CHARMCRAFT_AUTH"]).unwrap();
    let token = String::from_utf8(token).unwrap();
    let wrapped = base64.encode(format!("{{\"t\": \"macaroon\", \"v\": \"{token}\"}}"));
    let client = client.with("CHARMCRAFT_AUTH", &wrapped);
    for command in [&["credentials"][..], &["whoami"], &["doctor"]] {
        let said = client.run(command);
        let text = format!("{}{}", said.out, said.err);
        assert!(
            text.contains("export CHARMCRAFT_AUTH=$(printf"),
            "{command:?}: {text}"
        );
        assert!(
            !text.contains(&wrapped) && !text.contains(&token),
            "{command:?}: {text}"
        );
    }
    world.stop().await;
}
