//! Writes the overlay of a release: a file for `juju deploy --overlay` that names its channels and
//! images.
//!
//! Values are quoted if YAML would otherwise read them as another type.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::domain::image::DOCKER_HUB;
use crate::domain::{Channel, ReleaseName, ResourceName, Target};

/// The overlay of one application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlaid {
    /// Its channel.
    pub channel: Channel,
    /// Its images, in the form that Juju accepts.
    pub resources: BTreeMap<ResourceName, String>,
}

/// Returns the file name of the overlay of `release`.
pub fn name(release: &ReleaseName) -> String {
    format!("overlay-{release}.yaml")
}

/// Returns an image in the form that Juju accepts: `finos/legend-studio:10.54.0`, or
/// `name@sha256:…` with a digest. The host of Docker Hub is left out.
pub fn image(registry: &str, name: &str, target: &Target) -> String {
    let host = if registry == DOCKER_HUB {
        String::new()
    } else {
        format!("{registry}/")
    };
    let mark = match target {
        Target::Tag(_) => ':',
        Target::Digest(_) => '@',
    };
    format!("{host}{name}{mark}{target}")
}

/// Returns the text of the overlay, with applications sorted by name.
pub fn text(applications: &BTreeMap<String, Overlaid>) -> String {
    let mut text = String::from("applications:\n");
    for (application, overlaid) in applications {
        text.push_str(&format!("  {}:\n", scalar(application)));
        text.push_str(&format!(
            "    channel: {}\n",
            scalar(&overlaid.channel.to_string())
        ));
        if overlaid.resources.is_empty() {
            continue;
        }
        text.push_str("    resources:\n");
        for (resource, image) in &overlaid.resources {
            text.push_str(&format!(
                "      {}: {}\n",
                scalar(resource.as_str()),
                scalar(image)
            ));
        }
    }
    text
}

/// Returns `text` as a YAML scalar that old and new parsers read as this string: plain if that is
/// certain, otherwise quoted.
fn scalar(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 11] = [
        "null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan", "inf",
    ];
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '@' | '+');
    // A text that starts with a letter or has a slash is never a number or a date.
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic())
        || (text.starts_with(|c: char| c.is_ascii_digit()) && text.contains('/'));
    let word = WORDS.iter().any(|word| text.eq_ignore_ascii_case(word));
    if begins && !word && !text.ends_with(':') && text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                quoted.push('\\');
                quoted.push(c);
            }
            ' '..='~' => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::bundle::yaml;

    fn of(applications: &[(&str, &str, &str)]) -> String {
        let all = applications
            .iter()
            .map(|(application, resource, image)| {
                let overlaid = Overlaid {
                    channel: "2023-12/edge".parse().unwrap(),
                    resources: BTreeMap::from([(resource.parse().unwrap(), (*image).to_owned())]),
                };
                ((*application).to_owned(), overlaid)
            })
            .collect();
        text(&all)
    }

    #[test]
    fn the_text_is_the_one_of_the_old_job() {
        let made = of(&[
            ("legend-studio", "studio-image", "finos/legend-studio:10.54.0"),
            (
                "legend-engine",
                "engine-image",
                "finos/legend-engine-server:4.36.0",
            ),
            ("legend-sdlc", "sdlc-image", "finos/legend-sdlc-server:0.151.0"),
        ]);
        let expected = "\
applications:
  legend-engine:
    channel: 2023-12/edge
    resources:
      engine-image: finos/legend-engine-server:4.36.0
  legend-sdlc:
    channel: 2023-12/edge
    resources:
      sdlc-image: finos/legend-sdlc-server:0.151.0
  legend-studio:
    channel: 2023-12/edge
    resources:
      studio-image: finos/legend-studio:10.54.0
";
        assert_eq!(made, expected);
    }

    #[test]
    fn images_are_named_as_juju_takes_them() {
        let tag: Target = "1.0".parse().unwrap();
        let hex = "a".repeat(64);
        let digest: Target = format!("sha256:{hex}").parse().unwrap();
        assert_eq!(image("docker.io", "finos/x", &tag), "finos/x:1.0");
        assert_eq!(
            image("docker.io", "finos/x", &digest),
            format!("finos/x@sha256:{hex}")
        );
        assert_eq!(image("ghcr.io", "finos/x", &tag), "ghcr.io/finos/x:1.0");
    }

    #[test]
    fn what_yaml_would_read_as_something_else_is_quoted() {
        for plain in [
            "legend-engine",
            "a/b:1.0",
            "2023-12/edge",
            "x@sha256:00",
            "yesterday",
        ] {
            assert_eq!(scalar(plain), plain);
        }
        for tricky in [
            "",
            "yes",
            "No",
            "null",
            "~",
            "1.0",
            "1e3",
            "0x1f",
            "12:30",
            "2023-12-05",
            "- a",
            "a: b",
            "a:",
            "*x",
            "&x",
            "!x",
            "#x",
            "a #b",
            "@x",
            "{a}",
            "[a]",
            "a\nb: c",
            "a\"b\\",
            "%x",
            "'",
            "é",
            "\u{202e}",
            " a",
        ] {
            let quoted = scalar(tricky);
            assert!(quoted.starts_with('"'), "{tricky:?} stays {quoted}");
        }
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn whatever_it_is_called_it_is_read_back(name in "\\PC{0,12}|[a-z0-9:/@ #'\"\\\\\n\t-]{0,12}", image in "\\PC{0,12}|[a-z:#& ]{0,8}") {
            let made = of(&[(&name, "engine-image", &image)]);
            let document = yaml::read(&made).unwrap();
            let (key, value) = &document.root.own("applications").unwrap().pairs().unwrap()[0];
            proptest::prop_assert_eq!(key.text(), Some(name.as_str()));
            let read = value.own("resources").unwrap().own("engine-image").unwrap();
            proptest::prop_assert_eq!(read.text(), Some(image.as_str()));
        }
    }
}
