//! Reads a pushed archive: the name, the bases and the resources that it declares.
//!
//! An archive that cannot be read, or that belongs to another package, is rejected in its review.

use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

use super::archive::member;
use super::state::{Base, Declared};

/// Deepest nesting of a YAML file in an archive.
const DEEPEST: usize = 64;
/// Largest number of nodes of a YAML file in an archive.
const MOST_NODES: usize = 100_000;

/// Holds what an archive declares.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// Its bases, one entry per architecture; empty if the archive declares none.
    pub bases: Vec<Option<Base>>,
    /// The resources that it declares.
    pub resources: Vec<Declared>,
    /// `bundle.yaml` of a bundle.
    pub bundle_yaml: String,
}

/// Reads the archive of package `name`, a `charm` or a `bundle`; the error is the reason for
/// rejection.
pub fn inspect(bytes: &[u8], name: &str, kind: &str) -> Result<Inspected, String> {
    if !bytes.starts_with(b"PK\x03\x04") {
        return Err("The archive is not a zip file".to_owned());
    }
    let read = |file: &str| {
        member(bytes, file)
            .map(|text| {
                let text = String::from_utf8(text).map_err(|_| format!("{file} is not UTF-8"))?;
                let value = yaml(&text).map_err(|why| format!("cannot read {file}: {why}"))?;
                Ok::<_, String>((text, value))
            })
            .transpose()
    };
    let own = if kind == "bundle" {
        "bundle.yaml"
    } else {
        "metadata.yaml"
    };
    let (text, value) = read(own)?.ok_or_else(|| format!("The archive has no {own}"))?;
    match value["name"].as_str() {
        Some(given) if given == name => {}
        Some(given) => return Err(format!("{own} is of '{given}', not of '{name}'")),
        // An old bundle need not contain its name.
        None if kind == "bundle" => {}
        None => return Err(format!("{own} has no name")),
    }
    if kind == "bundle" {
        return Ok(Inspected {
            bases: vec![None],
            resources: Vec::new(),
            bundle_yaml: text,
        });
    }
    let resources = declared(&value["resources"])?;
    let manifest = read("manifest.yaml")?.map(|(_, manifest)| manifest);
    Ok(Inspected {
        bases: manifest.map_or_else(Vec::new, |manifest| bases(&manifest["bases"])),
        resources,
        bundle_yaml: String::new(),
    })
}

fn declared(resources: &Value) -> Result<Vec<Declared>, String> {
    let mut found = Vec::new();
    for (name, resource) in resources.as_object().into_iter().flatten() {
        let kind = resource["type"].as_str().unwrap_or("file");
        if !matches!(kind, "oci-image" | "file") {
            return Err(format!(
                "metadata.yaml: resource '{name}' has the unknown type '{kind}'"
            ));
        }
        found.push(Declared {
            name: name.clone(),
            kind: kind.to_owned(),
            optional: resource["optional"] == "true",
            description: resource["description"].as_str().unwrap_or_default().to_owned(),
        });
    }
    Ok(found)
}

/// Parses `bases[].{name, channel, architectures[]}`, one base per architecture.
fn bases(listed: &Value) -> Vec<Option<Base>> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let listed = listed.as_array().into_iter().flatten();
    let each = listed.flat_map(|base| {
        let architectures = base["architectures"].as_array().into_iter().flatten();
        architectures.map(move |architecture| {
            Some(Base {
                architecture: text(architecture),
                channel: text(&base["channel"]),
                name: text(&base["name"]),
            })
        })
    });
    each.collect()
}

/// Parses the first document of a YAML text; every scalar is a string, an alias is null.
fn yaml(text: &str) -> Result<Value, String> {
    /// A collection that is still open: its values, and the key whose value follows.
    enum Open {
        List(Vec<Value>),
        Map(Map<String, Value>, Option<String>),
    }
    let mut open: Vec<Open> = Vec::new();
    for (count, event) in Parser::new_from_str(text).enumerate() {
        let (event, span) = event.map_err(|error| error.to_string())?;
        if count > MOST_NODES || open.len() > DEEPEST {
            return Err(format!(
                "line {}: it is nested too deeply or too long",
                span.start.line()
            ));
        }
        let value = match event {
            Event::Scalar(text, ..) => Value::String(text.into_owned()),
            Event::Alias(_) => Value::Null,
            Event::SequenceStart(..) => {
                open.push(Open::List(Vec::new()));
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open::Map(Map::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(Open::List(items)) => Value::Array(items),
                Some(Open::Map(map, _)) => Value::Object(map),
                None => Value::Null,
            },
            Event::DocumentEnd => break,
            _ => continue,
        };
        match open.last_mut() {
            None => return Ok(value),
            Some(Open::List(items)) => items.push(value),
            Some(Open::Map(map, key)) => match key.take() {
                Some(key) => drop(map.insert(key, value)),
                None => *key = Some(value.as_str().unwrap_or_default().to_owned()),
            },
        }
    }
    Ok(Value::Null)
}

#[cfg(test)]
mod tests {
    use super::super::archive::stored;
    use super::*;

    const METADATA: &str = "name: my-charm\nsummary: \"x\"\nresources:\n  image:\n    type: oci-image\n    \
                            description: An image\n  seed: {type: file}\n";

    fn charm(metadata: &str, manifest: Option<&str>) -> Vec<u8> {
        let mut members = vec![("metadata.yaml", metadata.as_bytes())];
        members.extend(manifest.map(|text| ("manifest.yaml", text.as_bytes())));
        stored(&members).unwrap()
    }

    #[test]
    fn a_charm_says_its_bases_and_resources() {
        let manifest = "bases:\n- name: ubuntu\n  channel: '22.04'\n  architectures: [amd64, arm64]\n";
        let found = inspect(&charm(METADATA, Some(manifest)), "my-charm", "charm").unwrap();
        let bases: Vec<String> = found
            .bases
            .iter()
            .flatten()
            .map(|base| format!("{} {} {}", base.name, base.channel, base.architecture))
            .collect();
        assert_eq!(bases, ["ubuntu 22.04 amd64", "ubuntu 22.04 arm64"]);
        let resources: Vec<(&str, &str)> = found
            .resources
            .iter()
            .map(|resource| (resource.name.as_str(), resource.kind.as_str()))
            .collect();
        assert_eq!(resources, [("image", "oci-image"), ("seed", "file")]);
        assert!(
            inspect(&charm(METADATA, None), "my-charm", "charm")
                .unwrap()
                .bases
                .is_empty()
        );
    }

    #[test]
    fn another_name_and_an_unreadable_archive_are_rejected() {
        let why = |bytes: &[u8], name: &str, kind: &str| inspect(bytes, name, kind).unwrap_err();
        assert!(why(&charm(METADATA, None), "other", "charm").contains("'my-charm'"));
        assert_eq!(
            why(b"not a zip", "my-charm", "charm"),
            "The archive is not a zip file"
        );
        assert!(why(&charm(METADATA, None), "my-charm", "bundle").contains("bundle.yaml"));
        assert!(why(&charm("name: [", None), "my-charm", "charm").contains("metadata.yaml"));
        assert!(why(&charm("summary: x\n", None), "my-charm", "charm").contains("no name"));
        let bundle = stored(&[("bundle.yaml", b"name: a\n")]).unwrap();
        assert!(why(&bundle, "b", "bundle").contains("'a'"));
        assert_eq!(inspect(&bundle, "a", "bundle").unwrap().bundle_yaml, "name: a\n");
    }
}
